//! A number that only grows.

use std::fmt;

use crate::family::{FamilyState, Metric, sealed::Handle};
use crate::{Child, Kind, LocalCounter, Part, tracer};

/// A handle of a number that only grows, from 0.
///
/// Cheap to copy, from any thread; as long-lived as the process.
#[must_use]
#[derive(Clone, Copy)]
pub struct Counter {
    pub(crate) child: &'static dyn Child,
    family: &'static FamilyState,
}

impl Counter {
    /// Adds 1.
    #[inline]
    pub fn inc(&self) {
        self.child.add(1.0);
    }

    /// Adds `by`. A negative or `NaN` one is dropped: it counts in
    /// [`Registry::rejected`](crate::Registry::rejected) and the family warns once.
    #[inline]
    pub fn inc_by(&self, by: f64) {
        if by >= 0.0 {
            self.child.add(by);
        } else {
            self.family.reject(format_args!("a counter cannot grow by {by}; dropped"));
        }
    }

    /// A handle for one thread at a time, which adds at a fraction of the cost where the store can do that.
    pub fn local(&self) -> LocalCounter {
        LocalCounter::new(*self)
    }

    /// What this process has counted.
    pub fn get(&self) -> f64 {
        self.child.get(Part::Value)
    }

    /// Runs `work` and adds the seconds that it takes, also while it runs: see
    /// [`start_trace`](Counter::start_trace). If it panics, the time up to then counts.
    pub fn trace<R>(&self, work: impl FnOnce() -> R) -> R {
        let _trace = self.start_trace();
        work()
    }

    /// Starts to add the seconds that pass, about once a second and, to the last, when the trace is dropped.
    ///
    /// Long work that is counted at its end is nothing on the page for an hour and then an impossible burst;
    /// a trace shows it as it happens, also on a page that another process serves. Traces of one counter may
    /// overlap: each counts. Costs a lock of this process at start and end, and one thread while traces run.
    pub fn start_trace(&self) -> tracer::Trace {
        tracer::start(*self)
    }
}

impl Handle for Counter {
    const KIND: Kind = Kind::Counter;

    fn new(child: &'static dyn Child, family: &'static FamilyState) -> Counter {
        Counter { child, family }
    }
}

impl Metric for Counter {}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counter({}: {})", self.family.desc.name(), self.get())
    }
}
