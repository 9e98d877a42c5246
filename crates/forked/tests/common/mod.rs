//! Tests that fork, each in a process of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

/// Says that this is the process made for one test.
const ALONE: &str = "FORKED_TEST_ALONE";

/// Runs `body` as the only thread of a new process: a raw `clone` beside the harness's threads could catch one
/// of them with the allocator's lock.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some_and(|name| name == test) {
        return body();
    }
    let output = Command::new(std::env::current_exe().expect("this test runs from a file"))
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(ALONE, test)
        .output()
        .expect("a test binary can be run again");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// How a child is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// `fork` of libc, which runs at-fork handlers.
    Libc,
    /// The system call alone, which nothing in this process notices.
    Raw,
}

pub(crate) const WAYS: [Way; 2] = [Way::Libc, Way::Raw];

/// A child process that has been forked off.
#[must_use]
pub(crate) struct Child(libc::pid_t);

/// Runs `body` in a child; a panic there fails the test in [`Child::wait`].
pub(crate) fn fork(way: Way, body: impl FnOnce()) -> Child {
    let pid = match way {
        // SAFETY: the child runs `body` in a copy of this process's memory, then ends without returning.
        Way::Libc => unsafe { libc::fork() },
        // SAFETY: the same; no flags but the signal that tells the parent, so nothing is shared.
        Way::Raw => unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) as libc::pid_t },
    };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let code = i32::from(catch_unwind(AssertUnwindSafe(body)).is_err());
        // SAFETY: ends the process.
        unsafe { libc::_exit(code) };
    }
    Child(pid)
}

impl Child {
    /// Waits for its end.
    pub(crate) fn wait(self) {
        let mut status = 0;
        // SAFETY: waits for a child of this process and writes to `status`.
        assert_eq!(unsafe { libc::waitpid(self.0, &mut status, 0) }, self.0);
        assert_eq!(status, 0, "the child failed");
    }

    #[allow(dead_code, reason = "this file is a part of several test programs")]
    pub(crate) fn pid(&self) -> u32 {
        self.0.unsigned_abs()
    }

    /// Kills it (`SIGKILL`).
    #[allow(dead_code, reason = "this file is a part of several test programs")]
    pub(crate) fn kill(self) {
        let mut status = 0;
        // SAFETY: signals and waits for a child of this process that nobody has waited for.
        unsafe {
            assert_eq!(libc::kill(self.0, libc::SIGKILL), 0);
            assert_eq!(libc::waitpid(self.0, &mut status, 0), self.0);
        }
        assert!(libc::WIFSIGNALED(status), "the child ended before: {status:#x}");
    }
}
