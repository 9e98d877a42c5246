//! A process that runs beside a test and ends with it.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long to wait for what takes a moment: starting, stopping, a first scrape.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A started process with its children: a process group, killed when this is dropped.
pub(crate) struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts the command; what it prints goes to `NAME.log` in `directory`.
    pub(crate) fn start(name: &str, command: &mut Command, directory: &Path) -> Running {
        let log = directory.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).expect("create the log file");
        let errors = file.try_clone().expect("clone the log file");
        let child = command.stdin(Stdio::piped()).stdout(file).stderr(errors).process_group(0).spawn();
        let child = child.unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        Running { name: name.to_owned(), child, log }
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .expect("read the log file")
    }

    /// The address that it prints behind `prefix`: `http://127.0.0.1:` and the port.
    pub(crate) fn address(&mut self, prefix: &str) -> SocketAddr {
        let prefix = format!("{prefix}http://");
        self.wait_until(&format!("print `{prefix}ADDRESS`"), |log| {
            let (_, rest) = log.split_once(&prefix)?;
            let (address, _) = rest.split_once(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')?;
            address.parse().ok()
        })
    }

    /// Waits until `check` finds in the log, or elsewhere, what it looks for.
    pub(crate) fn wait_until<T>(&mut self, what: &str, mut check: impl FnMut(&str) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            // In this order: what a process prints before it ends is not missed.
            let ended = self.child.try_wait().expect("wait for a child");
            let log = self.log();
            if let Some(found) = check(&log) {
                return found;
            }
            let name = &self.name;
            if let Some(status) = ended {
                panic!("{name} did not {what} but ended: {status}\n{log}");
            }
            assert!(Instant::now() < until, "{name} did not {what} within {PATIENCE:?}\n{log}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Writes to its standard input.
    pub(crate) fn tell(&mut self, what: &[u8]) {
        let written = self.child.stdin.as_mut().expect("its input is open").write_all(what);
        written.unwrap_or_else(|error| panic!("{} does not listen: {error}\n{}", self.name, self.log()));
    }

    /// Closes its standard input.
    pub(crate) fn end_of_input(&mut self) {
        self.child.stdin = None;
    }

    /// Whether it has ended, which it must have done well.
    pub(crate) fn has_succeeded(&mut self) -> bool {
        let ended = self.child.try_wait().expect("wait for a child");
        assert!(
            ended.is_none_or(|status| status.success()),
            "{} failed: {ended:?}\n{}",
            self.name,
            self.log()
        );
        ended.is_some()
    }

    /// Waits until it has ended, and well.
    pub(crate) fn wait_for_success(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !self.has_succeeded() {
            assert!(Instant::now() < until, "{} did not end within {PATIENCE:?}\n{}", self.name, self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Kills it in the middle of what it does.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        signal_kill(&format!("-{}", self.child.id()));
        // Without children of its own it is a group no longer once it was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGKILL to a process, or with a minus sign to a group; it may be gone already.
pub(crate) fn signal_kill(whom: &str) {
    signal("KILL", whom);
}

/// Sends a signal to a process, or with a minus sign to a group; it may be gone already.
pub(crate) fn signal(signal: &str, whom: &str) {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s \"$1\" -- \"$2\"", "sh", signal, whom]).stderr(Stdio::null());
    kill.status().expect("run sh");
}
