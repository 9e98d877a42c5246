//! A second thread, where the machine has a second processor.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
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

/// What nobody works on yet of a list that two threads begin at different ends: from the first number up to the second
/// one.
#[derive(Default)]
pub(crate) struct Left(Mutex<(usize, usize)>);

impl Left {
    /// All numbers below `count`.
    pub(crate) fn below(count: usize) -> Left {
        Left(Mutex::new((0, count)))
    }

    pub(crate) fn first(&self) -> Option<usize> {
        let (from, to) = &mut *self.range();
        (from < to).then(|| {
            *from += 1;
            *from - 1
        })
    }

    pub(crate) fn last(&self) -> Option<usize> {
        let (from, to) = &mut *self.range();
        (from < to).then(|| {
            *to -= 1;
            *to
        })
    }

    /// Leaves nothing to work on.
    pub(crate) fn end(&self) {
        let (from, to) = &mut *self.range();
        *to = *from;
    }

    fn range(&self) -> MutexGuard<'_, (usize, usize)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
