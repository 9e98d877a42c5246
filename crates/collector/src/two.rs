//! A second thread, where the machine has a second processor.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread;

/// Whether two threads are faster than one.
pub(crate) fn has_processors() -> bool {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get)) > 1
}

/// Does both, at once if that is faster.
pub(crate) fn both<A, B: Send>(first: impl FnOnce() -> A, second: impl Fn() -> B + Sync) -> (A, B) {
    if !has_processors() {
        return (first(), second());
    }
    thread::scope(|scope| {
        // No thread may be left.
        match thread::Builder::new().spawn_scoped(scope, &second) {
            Ok(other) => (first(), other.join().unwrap_or_else(|panic| resume_unwind(panic))),
            Err(_) => (first(), second()),
        }
    })
}
