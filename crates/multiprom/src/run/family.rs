//! The command and all that comes of it: who gets signals, who has ended, and with what status all ends.

use std::collections::HashSet;

use process_metrics::Stat;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpgid, getpgrp, getpid, kill_process, wait};

use super::signals::asks_to_end;

/// The command and all that comes of it. Who loses a parent in it becomes our child.
pub(crate) struct Family {
    /// Who gets signals, and with whose status all ends: the command, later its successors. None when they have ended
    /// and others live on.
    heads: Vec<Pid>,
    /// Of the head that ended last.
    status: u8,
    /// By what we were asked to end, and whether a terminal did.
    asked: Option<(Signal, bool)>,
    /// Who of those left behind has been told.
    told: HashSet<Pid>,
}

impl Family {
    /// Of a command that was started.
    pub(crate) fn of(command: Pid) -> Family {
        Family { heads: vec![command], status: 0, asked: None, told: HashSet::new() }
    }

    /// The exit code of the head that ended last.
    pub(crate) fn status(&self) -> u8 {
        self.status
    }

    /// Takes note of all who have ended. Whether anybody is left.
    pub(crate) fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => self.ended(pid, status),
                Ok(None) => {
                    self.ask_the_left();
                    return true;
                }
                Err(Errno::INTR) => {}
                // There are no children.
                Err(_) => return false,
            }
        }
    }

    fn ended(&mut self, pid: Pid, status: WaitStatus) {
        let Some(at) = self.heads.iter().position(|&head| head == pid) else {
            self.told.remove(&pid);
            tracing::debug!("process {pid} was left to us and has ended: {}", exit_code(status));
            return;
        };
        self.heads.remove(at);
        self.status = exit_code(status);
        if !self.heads.is_empty() {
            return;
        }
        if self.asked.is_some() {
            return;
        }
        let left = children();
        self.heads = left.iter().filter(|child| child.is_head).map(|child| child.pid).collect();
        for head in &self.heads {
            tracing::info!("process {pid} has ended, process {head} goes on in its place");
        }
        if self.heads.is_empty() && !left.is_empty() {
            let left: Vec<String> = left.iter().map(|child| child.pid.to_string()).collect();
            tracing::info!(
                "process {pid} has ended; waiting for those that it has left: {}",
                left.join(", ")
            );
        }
    }

    /// Asks those to end that the command has left behind: whoever asked us did not mean the command alone.
    fn ask_the_left(&mut self) {
        let Some((signal, from_terminal)) = self.asked.filter(|_| self.heads.is_empty()) else { return };
        for Child { pid, .. } in children() {
            if self.told.insert(pid) {
                send(signal, from_terminal, pid);
            }
        }
    }

    /// Sends a signal to those who have not got it yet.
    pub(crate) fn pass_on(&mut self, signal: Signal, from_terminal: bool) {
        if asks_to_end(signal) {
            self.asked = Some((signal, from_terminal));
        }
        if self.heads.is_empty() {
            for Child { pid, .. } in children() {
                self.told.insert(pid);
                send(signal, from_terminal, pid);
            }
        }
        self.heads.iter().for_each(|&head| send(signal, from_terminal, head));
    }

    /// Kills all children. Theirs become ours.
    pub(crate) fn kill(&mut self) {
        let children = children();
        let pids: Vec<String> = children.iter().map(|child| child.pid.to_string()).collect();
        tracing::warn!("the time to end is over, killing {}", pids.join(", "));
        for child in children {
            let _ = kill_process(child.pid, Signal::KILL);
        }
    }
}

/// Sends a signal to a child, unless a terminal has: it sends to the process group in its foreground, which is ours or
/// we would not have got it.
fn send(signal: Signal, from_terminal: bool, child: Pid) {
    if from_terminal && getpgid(Some(child)).is_ok_and(|group| group == getpgrp()) {
        return;
    }
    // It may have ended; until we reap it its number is no other's.
    let _ = kill_process(child, signal);
}

/// A child of ours that lives.
struct Child {
    pid: Pid,
    /// Whether it leads others: it runs a program that was started by name, where a worker is but a fork of its master,
    /// and has children.
    is_head: bool,
}

fn children() -> Vec<Child> {
    // Without /proc nothing is known of those that the command leaves, but that they are waited for.
    let all = Stat::all().unwrap_or_default();
    let own = getpid().as_raw_nonzero().get().unsigned_abs();
    let ours = all.iter().filter(|stat| stat.parent == own && !stat.has_ended());
    ours.filter_map(|stat| {
        let pid = Pid::from_raw(i32::try_from(stat.pid).ok()?)?;
        let has_children = || all.iter().any(|other| other.parent == stat.pid);
        Some(Child { pid, is_head: !stat.is_bare_fork() && has_children() })
    })
    .collect()
}

/// What a shell would say of how a process ended.
fn exit_code(status: WaitStatus) -> u8 {
    let code = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 0,
    };
    u8::try_from(code).unwrap_or(u8::MAX)
}
