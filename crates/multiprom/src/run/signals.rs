//! Signals that come, and whether a terminal has sent them.

use anyhow::Context;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal as Named};
use nix::sys::signalfd::{SfdFlags, SignalFd};
pub(crate) use rustix::process::Signal;
use rustix::process::{getpgid, getpgrp, getpid, getppid, getsid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// All that is passed on, and `SIGCHLD`. What a fault of our own raises is ours, and limits of CPU time and such.
const TAKEN: [Named; 16] = [
    Named::SIGCHLD,
    Named::SIGHUP,
    Named::SIGINT,
    Named::SIGQUIT,
    Named::SIGTERM,
    Named::SIGUSR1,
    Named::SIGUSR2,
    Named::SIGALRM,
    Named::SIGCONT,
    Named::SIGTSTP,
    Named::SIGTTIN,
    Named::SIGTTOU,
    Named::SIGURG,
    Named::SIGWINCH,
    Named::SIGIO,
    Named::SIGPWR,
];

/// Signals are left to a queue, and how that was before.
pub(crate) struct Blocked {
    taken: SigSet,
    before: SigSet,
}

/// The queue of signals.
pub(crate) struct Arrivals {
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    before: SigSet,
}

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) signal: Signal,
    /// Whether the system sent it for a terminal: then it has sent it to all processes of the terminal's foreground.
    pub(crate) from_terminal: bool,
}

/// Leaves signals to a queue, for this thread and those that it starts.
pub(crate) fn block() -> anyhow::Result<Blocked> {
    let taken = SigSet::from_iter(TAKEN);
    let before = taken.thread_swap_mask(SigmaskHow::SIG_BLOCK).context("block signals")?;
    Ok(Blocked { taken, before })
}

impl Blocked {
    /// The queue. To be called in a runtime.
    pub(crate) fn arrivals(self) -> anyhow::Result<Arrivals> {
        // Whoever started us may ignore SIGCHLD, which is inherited; then the system would not tell how children end.
        // A handler, though it is never run, says that we do not.
        drop(signal(SignalKind::child()).context("watch for SIGCHLD")?);
        let queue =
            SignalFd::with_flags(&self.taken, SfdFlags::SFD_CLOEXEC).context("make a queue of signals")?;
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let reader = std::thread::Builder::new().name("signals".to_owned());
        reader.spawn(move || read(&queue, &arrived)).context("start a thread for signals")?;
        Ok(Arrivals { arrivals, before: self.before })
    }
}

/// Hands signals on until nobody wants them; it waits in the system meanwhile, and ends with the program.
fn read(queue: &SignalFd, arrived: &mpsc::UnboundedSender<Arrival>) {
    const FROM_THE_KERNEL: i32 = 0x80; // SI_KERNEL of asm-generic/siginfo.h
    while !arrived.is_closed() {
        let info = match queue.read_signal() {
            Ok(Some(info)) => info,
            Ok(None) | Err(Errno::EINTR) => continue,
            Err(error) => {
                tracing::error!("signals are passed on no longer: {error}");
                return;
            }
        };
        let signal = i32::try_from(info.ssi_signo).ok().and_then(Signal::from_named_raw);
        if let Some(signal) = signal {
            let _ = arrived.send(Arrival { signal, from_terminal: info.ssi_code == FROM_THE_KERNEL });
        }
    }
}

impl Arrivals {
    /// Which signals were blocked when we were started.
    pub(crate) fn mask_before(&self) -> &SigSet {
        &self.before
    }

    /// The next signal; none where nobody reads them any more.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }
}

/// Whether a signal asks a program to end.
pub(crate) fn asks_to_end(signal: Signal) -> bool {
    [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal)
}

/// Whether a terminal stops programs by this signal.
pub(crate) fn stops(signal: Signal) -> bool {
    [Signal::TSTP, Signal::TTIN, Signal::TTOU].contains(&signal)
}

/// Stops this process, as a terminal's signal would have done, so that the shell sees it. Not where there is no shell
/// that could continue it: the system does not stop such processes either.
pub(crate) fn stop_here() {
    let Some(parent) = getppid() else { return };
    let has_shell = getsid(Some(parent)).ok() == getsid(None).ok()
        && getpgid(Some(parent)).is_ok_and(|group| group != getpgrp());
    if has_shell {
        // Nobody can keep a process from stopping itself.
        let _ = kill_process(getpid(), Signal::STOP);
    }
}
