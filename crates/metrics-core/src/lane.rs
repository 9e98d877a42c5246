//! A number that one handle at a time adds to.

use std::fmt;

use forked::Generation;

use crate::atomic::{AtomicBool, AtomicU64, Ordering, Reference};

/// A number that one handle at a time adds to, beside the other numbers of its child: what a
/// [`LocalCounter`](crate::LocalCounter) counts with.
///
/// With nobody else at it, an addition is a load, an addition and a store, at a fraction of what a compare-and-swap
/// costs. A store keeps its lanes: it makes one when none is free, a handle [takes](Lane::take) it, adds, and
/// leaves it when it is dropped; what it added stays there, and whoever takes the lane next goes on adding. The
/// number of the child is the sum of all its lanes and of what was added without one.
///
/// A handle that was forked off with a process finds that its lane is the parent's, and asks its store for another.
/// A store that has to move its numbers [closes](Lane::close) lanes.
pub struct Lane {
    /// The bits of an `f64`.
    word: &'static AtomicU64,
    /// To the word while a handle of this process has the lane. To nothing when it is free, closed, or an ancestor's.
    open: &'static Reference<AtomicU64>,
    /// The process of the handle that has it or was the last to have it.
    taken_in: AtomicU64,
    /// Once and for all.
    closed: AtomicBool,
    /// The bits of what the word held when the lane was closed.
    carried: AtomicU64,
}

/// Adds `by` to the lane that this is the [`place`](Lane::place) of, if the caller's handle still has it.
#[inline]
pub(crate) fn add(place: &Reference<AtomicU64>, by: f64) -> bool {
    let word = place.get();
    if let Some(word) = word {
        // Two steps: nobody else writes. A lane that is closed in between has one more in its rest.
        let sum = f64::from_bits(word.load(Ordering::Relaxed)) + by;
        word.store(sum.to_bits(), Ordering::Relaxed);
    }
    word.is_some()
}

impl Lane {
    /// A free lane, whose number is that of `word`, as the bits of an `f64`. Nothing else may write to the word.
    ///
    /// `open` has been made for it by [`Reference::wiped`]; where that makes none, there can be no lanes.
    pub fn new(word: &'static AtomicU64, open: &'static Reference<AtomicU64>) -> Lane {
        let (taken_in, closed, carried) = (AtomicU64::new(0), AtomicBool::new(false), AtomicU64::new(0));
        Lane { word, open, taken_in, closed, carried }
    }

    /// What has been added.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.word.load(Ordering::Relaxed))
    }

    /// Takes the lane for a handle of this process; false when somebody has it, or it is closed.
    pub fn take(&self, here: Generation) -> bool {
        // Whoever takes it adds to what the last one has left, and sees that it is closed if it was by then.
        if !self.open.exchange(None, Some(self.word)) {
            return false;
        }
        self.taken_in.store(here.0.get(), Ordering::Relaxed);
        // If this cannot be undone, whoever closes it has found it taken, and relies on the handle for its rest.
        !(self.closed.load(Ordering::Relaxed) && self.open.exchange(Some(self.word), None))
    }

    /// Closes the lane, whose number was `carried` a moment ago and goes on elsewhere from there; what is still to be
    /// added there. A handle that has the lane notices at its next addition, or when it is dropped, and adds elsewhere
    /// what it has added in between: for such a lane the answer is 0. Nobody takes a closed lane.
    pub fn close(&self, carried: f64) -> f64 {
        self.carried.store(carried.to_bits(), Ordering::Relaxed);
        self.closed.store(true, Ordering::Relaxed);
        // A handle that finds it closed finds what was carried, and here is what the last handle has left.
        self.open.take().map_or_else(|| self.rest(), |_| 0.0)
    }

    /// What a handle that has taken the lane [adds](add) by.
    pub(crate) fn place(&self) -> &'static Reference<AtomicU64> {
        self.open
    }

    /// Gives the lane back, which the caller has taken, here or in an ancestor of this process; what the caller has to
    /// add elsewhere, if it was closed meanwhile.
    pub(crate) fn leave(&self, here: Generation) -> f64 {
        let ours = self.taken_in.load(Ordering::Relaxed) == here.0.get();
        if !ours || self.open.exchange(Some(self.word), None) { 0.0 } else { self.rest() }
    }

    /// What has been added since the lane was carried.
    fn rest(&self) -> f64 {
        let (last, carried) = (self.get(), f64::from_bits(self.carried.load(Ordering::Relaxed)));
        // Infinity less infinity would be `NaN`.
        if last.to_bits() == carried.to_bits() { 0.0 } else { last - carried }
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({})", self.get())
    }
}
