//! Observations counted in buckets.

use std::fmt;

use crate::family::{FamilyState, Metric, sealed::Handle};
use crate::timer::{Observe, Timer};
use crate::{Child, Kind, Part};

/// A handle of observations counted in buckets, with their sum.
///
/// Cheap to copy, from any thread; as long-lived as the process.
#[must_use]
#[derive(Clone, Copy)]
pub struct Histogram {
    child: &'static dyn Child,
    family: &'static FamilyState,
}

impl Histogram {
    /// Counts one observation of `value`. `NaN` counts in `+Inf` and makes the sum `NaN`, as in the Go client.
    #[inline]
    pub fn observe(&self, value: f64) {
        self.child.observe(self.family.desc.buckets().find(value), value);
    }

    /// Starts to measure seconds that are observed when the timer is dropped.
    pub fn start_timer(&self) -> Timer<Histogram> {
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

impl Observe for Histogram {
    fn observe(&self, value: f64) {
        Histogram::observe(self, value);
    }
}

impl Handle for Histogram {
    const KIND: Kind = Kind::Histogram;

    fn new(child: &'static dyn Child, family: &'static FamilyState) -> Histogram {
        Histogram { child, family }
    }
}

impl Metric for Histogram {}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({}: {} observations)", self.family.desc.name(), self.count())
    }
}
