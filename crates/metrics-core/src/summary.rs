//! Observations counted and summed up.

use std::fmt;

use crate::family::{FamilyState, Metric, sealed::Handle};
use crate::timer::{Observe, Timer};
use crate::{Child, Kind, Part};

/// A handle of observations that are counted and summed up; there are no quantiles, which could not be merged.
///
/// Cheap to copy, from any thread; as long-lived as the process.
#[must_use]
#[derive(Clone, Copy)]
pub struct Summary {
    child: &'static dyn Child,
    family: &'static FamilyState,
}

impl Summary {
    /// Counts one observation of `value`.
    #[inline]
    pub fn observe(&self, value: f64) {
        self.child.observe(0, value);
    }

    /// Starts to measure seconds that are observed when the timer is dropped.
    pub fn start_timer(&self) -> Timer<Summary> {
        Timer::start(*self)
    }

    /// How many observations this process has made.
    pub fn count(&self) -> f64 {
        self.child.get(Part::Count)
    }

    /// The sum of this process's observations.
    pub fn sum(&self) -> f64 {
        self.child.get(Part::Sum)
    }
}

impl Observe for Summary {
    fn observe(&self, value: f64) {
        Summary::observe(self, value);
    }
}

impl Handle for Summary {
    const KIND: Kind = Kind::Summary;

    fn new(child: &'static dyn Child, family: &'static FamilyState) -> Summary {
        Summary { child, family }
    }
}

impl Metric for Summary {}

impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Summary({}: {} observations)", self.family.desc.name(), self.count())
    }
}
