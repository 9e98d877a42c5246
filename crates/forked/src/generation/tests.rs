use std::sync::atomic::Ordering;

use crate::page;

/// Runs `body` in a child made by a raw system call, which no handler of libc notices; the exit code.
fn raw_child(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: as `fork`: the child has a copy of this thread and of all memory; it only runs `body`, then ends.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } as libc::pid_t;
    finish(pid, body)
}

/// Runs `body` in a child made by libc's `fork`; the exit code.
fn libc_child(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child only runs `body`, then ends.
    let pid = unsafe { libc::fork() };
    finish(pid, body)
}

fn finish(pid: libc::pid_t, body: impl FnOnce() -> i32) -> i32 {
    assert!(pid >= 0);
    if pid == 0 {
        let code = body();
        // SAFETY: ends the child without running anything of the test harness.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above and writes to `status`.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status), "child ended by signal: {status:#x}");
    libc::WEXITSTATUS(status)
}

#[test]
fn a_wiped_word_is_zero_in_a_child_however_it_is_forked_off() {
    let word = page::wiped().expect("this kernel is younger than Linux 4.14");
    word.store(7, Ordering::Relaxed);
    assert_eq!(libc_child(|| word.load(Ordering::Relaxed) as i32), 0);
    assert_eq!(raw_child(|| word.load(Ordering::Relaxed) as i32), 0);
    assert_eq!(word.load(Ordering::Relaxed), 7);
}

#[test]
fn a_hooked_word_is_zero_in_a_child_of_libc() {
    let word = page::hooked();
    word.store(7, Ordering::Relaxed);
    assert_eq!(libc_child(|| word.load(Ordering::Relaxed) as i32), 0);
    assert_eq!(word.load(Ordering::Relaxed), 7);
}
