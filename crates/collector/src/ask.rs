//! What a scrape wants to know.

use std::sync::Arc;
use std::time::Instant;

/// What a scrape wants to know.
///
/// ```
/// use collector::{Ask, By};
/// let mut ask = Ask::default();
/// ask.by = By::Process;
/// assert!(ask.names.is_none() && ask.deadline.is_none());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// When the answer must be there; never where there is none.
    pub deadline: Option<Instant>,
    /// The sample names wanted (`?name[]=`), with their suffix: `http_requests_total`, `latency_seconds_bucket`.
    /// All where there are none.
    pub names: Option<Arc<[String]>>,
    /// One number for all processes, or one for each.
    pub by: By,
    /// Which processes count as living.
    pub liveness: Liveness,
}

impl Ask {
    /// Whether the deadline has passed.
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// One number for all processes, or one for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// By aggregation mode.
    #[default]
    Merged,
    /// Every series with a `pid` label, which replaces one that the application has set itself.
    Process,
}

/// Which processes count as living.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// Those that have files: a dead process's are deleted by `mark_process_dead`.
    #[default]
    AsFiled,
    /// Those that are not known to be dead: gauges of the `live` modes leave the dead out, without any hook in the
    /// application. It is asked every few seconds.
    Observed,
}
