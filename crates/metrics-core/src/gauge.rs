//! A number that goes up and down.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::family::{FamilyState, Metric, sealed::Handle};
use crate::{Child, Kind, Part};

/// A handle of a number that goes up and down, from 0.
///
/// Cheap to copy, from any thread; as long-lived as the process.
#[must_use]
#[derive(Clone, Copy)]
pub struct Gauge {
    child: &'static dyn Child,
    family: &'static FamilyState,
}

impl Gauge {
    /// Makes `to` the number.
    #[inline]
    pub fn set(&self, to: f64) {
        self.child.set(to);
    }

    /// Makes the present time the number: Unix seconds, by the system's clock.
    pub fn set_to_current_time(&self) {
        let now = SystemTime::now();
        // A clock before 1970 shows as negative seconds.
        let seconds = match now.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        };
        self.set(seconds);
    }

    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Takes 1 away.
    #[inline]
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Adds `by`, which may be negative.
    ///
    /// Dropped, counted in [`Registry::rejected`](crate::Registry::rejected) and warned of once where the
    /// aggregation is `mostrecent`: the page then shows what one process has set, and steps of several
    /// processes from there have no meaning.
    #[inline]
    pub fn add(&self, by: f64) {
        if self.family.only_set {
            self.family.reject(format_args!("a most recent value can be set, not changed by {by}; dropped"));
        } else {
            self.child.add(by);
        }
    }

    /// Takes `by` away: as [`add`](Gauge::add) of `-by`.
    #[inline]
    pub fn sub(&self, by: f64) {
        self.add(-by);
    }

    /// What this process has set and added.
    pub fn get(&self) -> f64 {
        self.child.get(Part::Value)
    }
}

impl Handle for Gauge {
    const KIND: Kind = Kind::Gauge;

    fn new(child: &'static dyn Child, family: &'static FamilyState) -> Gauge {
        Gauge { child, family }
    }
}

impl Metric for Gauge {}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gauge({}: {})", self.family.desc.name(), self.get())
    }
}
