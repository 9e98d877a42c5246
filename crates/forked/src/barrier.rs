//! A fence of two halves, one of which costs nothing: the other makes every running thread pass one.

use std::sync::atomic::{AtomicU8, Ordering, compiler_fence, fence};
use std::time::Duration;

/// The half that costs nothing: keeps the compiler from exchanging what stands before and after.
///
/// Of a thread's store before and load after it, and another's store before and load after [`heavy`], at least one
/// load sees the other's store.
#[inline]
pub(crate) fn light() {
    compiler_fence(Ordering::SeqCst);
}

/// The half that costs a system call, and each core that runs a thread of this process an interrupt: some
/// microseconds. Only where [`is_available`].
pub(crate) fn heavy() {
    // Many times what a core takes to write out its stores.
    const LONG: Duration = Duration::from_millis(10);

    fence(Ordering::SeqCst);
    // A child inherits that its parent has registered, in the kernels that were looked at; the second try is for
    // all others.
    let done = membarrier(PRIVATE_EXPEDITED)
        || (membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED));
    if !done {
        // Allowed before, and forbidden since (a filter of system calls, set late). A store that another core has
        // made before now is written out by itself long before this ends.
        std::thread::sleep(LONG);
    }
    fence(Ordering::SeqCst);
}

/// Whether this system has such a fence: Linux from 4.14 on, where no filter forbids it. Registers the process for
/// it the first time.
pub(crate) fn is_available() -> bool {
    const UNKNOWN: u8 = 0;
    const YES: u8 = 1;
    const NO: u8 = 2;
    static AVAILABLE: AtomicU8 = AtomicU8::new(UNKNOWN);

    match AVAILABLE.load(Ordering::Relaxed) {
        UNKNOWN => {
            // Two threads may both register, which is harmless.
            let available = membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED);
            AVAILABLE.store(if available { YES } else { NO }, Ordering::Relaxed);
            available
        }
        known => known == YES,
    }
}

/// Waits a little for another thread: spins, then yields, then sleeps. What is waited for is a few instructions, but
/// the system may have put its thread to sleep among them.
pub(crate) fn pause(turn: u32) {
    const SPINNING_UNTIL: u32 = 100;
    const YIELDING_UNTIL: u32 = 200;
    const NAP: Duration = Duration::from_micros(100);

    match turn {
        ..SPINNING_UNTIL => std::hint::spin_loop(),
        SPINNING_UNTIL..YIELDING_UNTIL => std::thread::yield_now(),
        _ => std::thread::sleep(NAP),
    }
}

// `linux/membarrier.h`
const PRIVATE_EXPEDITED: i32 = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;

/// `membarrier(2)`; whether it has done what was asked.
#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
fn membarrier(command: i32) -> bool {
    // SAFETY: touches no memory of ours; takes three integers, of which the last two are not used.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Other systems have none.
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
fn membarrier(_: i32) -> bool {
    false
}
