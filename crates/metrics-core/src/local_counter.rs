//! A counter's handle for one thread at a time.

use std::cell::Cell;
use std::fmt;

use forked::{Reference, generation};

use crate::atomic::AtomicU64;
use crate::{Counter, Lane, lane};

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
    /// Where it adds, while it may. A `Cell`, so that no two threads have it.
    place: Cell<&'static Reference<AtomicU64>>,
    /// What it has taken; `None` where it shares the counter's number.
    lane: Cell<Option<&'static Lane>>,
    counter: Counter,
}

/// The place of no lane.
static NOWHERE: Reference<AtomicU64> = Reference::new();

impl LocalCounter {
    pub(crate) fn new(counter: Counter) -> LocalCounter {
        let local = LocalCounter { place: Cell::new(&NOWHERE), lane: Cell::new(None), counter };
        local.enter();
        local
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
        if !lane::add(self.place.get(), by) {
            self.add_elsewhere(by);
        }
    }

    /// The process has been forked off, the store has moved its numbers, or it has none to give away.
    #[cold]
    fn add_elsewhere(&self, by: f64) {
        if self.lane.get().is_some() {
            self.leave();
            self.enter();
        }
        // Moved again meanwhile, or no lane: the counter's own number is as good.
        if !lane::add(self.place.get(), by) {
            self.counter.child.add(by);
        }
    }

    /// Takes a lane.
    fn enter(&self) {
        let lane = self.counter.child.local();
        self.place.set(lane.map_or(&NOWHERE, Lane::place));
        self.lane.set(lane);
    }

    /// Gives the lane back, if it is this process's.
    fn leave(&self) {
        let Some(lane) = self.lane.take() else { return };
        let rest = lane.leave(generation());
        if rest != 0.0 {
            self.counter.child.add(rest);
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
