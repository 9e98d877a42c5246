//! Forks for tests of code that must survive one, without `unsafe` in those tests.
//!
//! Not for programs. After a `fork` in a process with threads only async-signal-safe functions are sure to work
//! in the child, and what a test does there is more: it is sound, since a child has a copy of everything and
//! changes nothing of the parent's, but a lock that another thread held stays locked. That is what such tests
//! are about. glibc and musl repair their allocators' locks in `fork`; a raw system call repairs nothing, so
//! call it from a process whose other threads do not allocate ([`alone`] gives one without any).

mod small_disk;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

pub use small_disk::{Full, SmallDisk, on_small_disks};

/// How a child is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `fork` of libc, which runs at-fork handlers.
    Libc,
    /// The system call alone, which nothing in this process notices.
    Raw,
}

/// Both ways.
pub const WAYS: [Way; 2] = [Way::Libc, Way::Raw];

/// A child process that has been forked off. Dropped, it goes on, and nobody waits for it.
#[must_use = "a child that nobody waits for tests nothing"]
#[derive(Debug)]
pub struct Child(libc::pid_t);

/// Runs `body` in a child, which ends when `body` does, or a minute from now: a test that hangs fails. A panic
/// in `body` is a failure that [`Child::wait`] reports.
///
/// # Panics
/// When no process can be made.
pub fn fork(way: Way, body: impl FnOnce()) -> Child {
    let pid = match way {
        // SAFETY: `fork` itself has no preconditions. The child runs `body` in a copy of this process's memory
        // and ends without returning to the caller; what may go wrong there is in the module's documentation.
        Way::Libc => unsafe { libc::fork() },
        // SAFETY: the same. No flags but the signal that tells the parent: nothing is shared, and without a
        // stack the child goes on here, as after `fork`. (On s390x and CRIS the first two arguments are
        // exchanged; both are not among the targets that this is tested on.)
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Way::Raw => unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t },
        // SAFETY: as above; other systems have no other way.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        Way::Raw => unsafe { libc::fork() },
    };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        // SAFETY: sets this process's timer, whose signal ends it.
        unsafe { libc::alarm(60) };
        let code = i32::from(catch_unwind(AssertUnwindSafe(body)).is_err());
        // SAFETY: ends the process, without running what the parent has registered for its own end.
        unsafe { libc::_exit(code) };
    }
    Child(pid)
}

impl Child {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.unsigned_abs()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it panicked, hung, or was killed.
    pub fn wait(self) {
        let status = self.status();
        assert!(status == 0, "the child failed: wait status {status:#x}");
    }

    /// Kills it (`SIGKILL`), and waits for its end.
    ///
    /// # Panics
    /// When it had ended before.
    pub fn kill(self) {
        // SAFETY: signals a child that nobody has waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(self.0, libc::SIGKILL) }, 0);
        let status = self.status();
        assert!(libc::WIFSIGNALED(status), "the child ended before: wait status {status:#x}");
    }

    fn status(&self) -> i32 {
        let mut status = 0;
        // SAFETY: waits for a child of this process and writes to `status`.
        let waited = unsafe { libc::waitpid(self.0, &mut status, 0) };
        assert_eq!(waited, self.0, "waitpid: {}", std::io::Error::last_os_error());
        status
    }
}

/// Runs the body of the test called `test` (with its modules, as the test program prints it) as the only thread
/// of a new process.
///
/// # Panics
/// When it fails there, or when there is no test of that name.
pub fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "FORKED_TEST_ALONE";

    if std::env::var_os(ALONE).is_some_and(|name| name == test) {
        return body();
    }
    let program = std::env::current_exe().expect("a test program runs from a file");
    let output = Command::new(program)
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(ALONE, test)
        .output()
        .expect("a program that runs can be run again");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
