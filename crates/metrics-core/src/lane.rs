//! A number that one handle at a time adds to.

use std::fmt;

use forked::Generation;

use crate::atomic::{AtomicU64, Ordering};

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
    /// Who adds: the generation of its process, [`NOBODY`], or [`CLOSED`].
    owner: AtomicU64,
    /// The bits of what the word held when the lane was closed.
    carried: AtomicU64,
}

/// The owner of a lane that is free. No generation gets that high.
const NOBODY: u64 = u64::MAX;
/// The owner of a lane that is closed.
const CLOSED: u64 = u64::MAX - 1;

impl Lane {
    /// A free lane, whose number is that of `word`, as the bits of an `f64`. Nothing else may write to the word.
    pub fn new(word: &'static AtomicU64) -> Lane {
        Lane { word, owner: AtomicU64::new(NOBODY), carried: AtomicU64::new(0) }
    }

    /// What has been added.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.word.load(Ordering::Relaxed))
    }

    /// Takes the lane for a handle of this process; false when somebody has it.
    pub fn take(&self, here: Generation) -> bool {
        // Acquire: whoever takes it adds to what the last one has left.
        self.owner.compare_exchange(NOBODY, here.0.get(), Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Closes the lane, whose number was `carried` a moment ago and goes on elsewhere from there; what is still to be
    /// added there. A handle that has the lane notices at its next addition, or when it is dropped, and adds elsewhere
    /// what it has added in between: for such a lane the answer is 0. Nobody takes a closed lane.
    pub fn close(&self, carried: f64) -> f64 {
        self.carried.store(carried.to_bits(), Ordering::Relaxed);
        // Release: a handle that finds it closed finds what was carried. Acquire: what the last handle has left.
        match self.owner.swap(CLOSED, Ordering::AcqRel) {
            NOBODY => self.rest(),
            _ => 0.0,
        }
    }

    /// Adds `by`, if the lane is still that of the caller's handle, in this process, which it knows as `here`.
    #[inline]
    pub(crate) fn add(&self, by: f64, here: Option<Generation>) -> bool {
        // Relaxed: it was taken by this thread, or handed to it with the handle. No owner is 0.
        let ours = self.owner.load(Ordering::Relaxed) == here.map_or(0, |here| here.0.get());
        if ours {
            // Two steps: nobody else writes. A lane that is closed in between has one more in its rest.
            let sum = self.get() + by;
            self.word.store(sum.to_bits(), Ordering::Relaxed);
        }
        ours
    }

    /// Gives the lane back, which the caller has taken in this process; what the caller has to add elsewhere, if it
    /// was closed meanwhile.
    pub(crate) fn leave(&self, here: Generation) -> f64 {
        match self.owner.compare_exchange(here.0.get(), NOBODY, Ordering::Release, Ordering::Acquire) {
            Ok(_) => 0.0,
            Err(_) => self.rest(),
        }
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
