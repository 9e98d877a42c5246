//! A counter's handle for one thread at a time.

use std::cell::Cell;
use std::fmt;

use forked::{Generation, generation, known_generation};

use crate::{Counter, Lane};

/// A handle of a counter for one thread at a time: adds without a compare-and-swap, to a number of its own.
///
/// For the innermost loop of a thread, and for a counter that many threads share from the start; any other place is
/// as well off with [`Counter`]. Can be given to another thread, but not shared or copied. What it has counted is on
/// the page at once, as part of the counter, and stays there when it is dropped: the number goes back to the store,
/// and the next handle goes on adding to it. So there are as many numbers as there ever were handles at one time; do
/// not make one for each request.
///
/// In a store that has no numbers to give away (`store-hash`, `store-file`) it adds as [`Counter`] does.
///
/// ```
/// # use store_hash::HashStore;
/// # let registry = metrics_core::Registry::new(HashStore::atomic());
/// let rows = registry.counter("rows_total", "Rows read.").register()?;
/// let workers: Vec<_> = (0..2)
///     .map(|_| {
///         std::thread::spawn(move || {
///             let rows = rows.local();
///             (0..1000).for_each(|_| rows.inc());
///         })
///     })
///     .collect();
/// workers.into_iter().for_each(|worker| worker.join().unwrap());
/// assert_eq!(rows.get(), 2000.0);
/// # Ok::<(), metrics_core::DeclareError>(())
/// ```
///
/// It stays with its thread:
///
/// ```compile_fail,E0277
/// fn share(rows: &metrics_core::LocalCounter) {
///     std::thread::scope(|scope| scope.spawn(|| rows.inc()).join());
/// }
/// ```
#[must_use]
pub struct LocalCounter {
    counter: Counter,
    /// Where it adds; `None` where it shares the counter's number. A `Cell`, so that no two threads have it.
    lane: Cell<Option<&'static Lane>>,
    /// Of the process that took the lane. In a process that was forked off, the lane is the parent's.
    taken_in: Cell<Generation>,
}

impl LocalCounter {
    pub(crate) fn new(counter: Counter) -> LocalCounter {
        let taken_in = Cell::new(generation());
        LocalCounter { lane: Cell::new(counter.child.local()), counter, taken_in }
    }

    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Adds `by`; a negative or `NaN` one is dropped, as by [`Counter::inc_by`].
    #[inline]
    pub fn inc_by(&self, by: f64) {
        if by >= 0.0 {
            self.add(by);
        } else {
            self.counter.inc_by(by);
        }
    }

    /// What this process has counted, through whatever handle.
    pub fn get(&self) -> f64 {
        self.counter.get()
    }

    #[inline]
    fn add(&self, by: f64) {
        match self.lane.get() {
            Some(lane) => {
                if !lane.add(by, known_generation()) {
                    self.add_elsewhere(by);
                }
            }
            None => self.counter.child.add(by),
        }
    }

    /// The process has been forked off, or the store has moved its numbers.
    #[cold]
    fn add_elsewhere(&self, by: f64) {
        self.leave();
        self.taken_in.set(generation());
        self.lane.set(self.counter.child.local());
        // Once more would be another move; then the counter's own number is as good.
        if !self.lane.get().is_some_and(|lane| lane.add(by, known_generation())) {
            self.counter.child.add(by);
        }
    }

    /// Gives the lane back, if it is this process's.
    fn leave(&self) {
        let Some(lane) = self.lane.take() else { return };
        if self.taken_in.get() == generation() {
            let rest = lane.leave(self.taken_in.get());
            if rest != 0.0 {
                self.counter.child.add(rest);
            }
        }
    }
}

impl Drop for LocalCounter {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for LocalCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Local{:?}", self.counter)
    }
}
