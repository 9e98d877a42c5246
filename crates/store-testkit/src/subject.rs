//! A store under test.

use std::sync::Arc;

use metrics_core::{Desc, Snapshot, Store, StoreError};

/// A store under test, in a place of its own: a fresh directory, a fresh key prefix, nothing at all.
pub struct Subject {
    /// Opens a store in the place. Called several times: each store opened stands for one more process, its
    /// numbers start at 0, and those opened before stay in use or are dropped.
    pub open: Box<dyn Fn() -> Result<Box<dyn Store>, StoreError>>,
    /// What all stores opened in the place so far have counted, merged by each family's aggregation, as a
    /// scrape shows it, with dead processes as filed. Gets the families asked for so far, for stores that do
    /// not keep kinds, help and bounds. `None` where stores do not share.
    #[allow(clippy::type_complexity, reason = "said once, and an alias would hide what to write")]
    pub read: Option<Box<dyn Fn(&[Arc<Desc>]) -> Snapshot>>,
    /// Whether a histogram or summary may stay off the merged page until its first observation, as in the
    /// files of the Ruby client. Counters and gauges are there, at 0, once asked for.
    pub lazy: bool,
}

impl Subject {
    /// A store whose numbers no other store sees.
    pub fn alone(open: impl Fn() -> Result<Box<dyn Store>, StoreError> + 'static) -> Subject {
        Subject { open: Box::new(open), read: None, lazy: false }
    }
}
