//! Something that can be read into a tally, and why it could not be.

use async_trait::async_trait;
use metrics_core::Snapshot;

use crate::{Ask, Tally};

/// Something that can be read into a [`Tally`].
///
/// The same tally comes back at every scrape, so a source may keep in it what it learned
/// ([`Tally::keep`]): the numbers of its families and series, and what is parsed already. [`Tally`] has an
/// example.
#[async_trait]
pub trait Source: Send + Sync {
    /// What it is, for people: `directory /run/app`.
    fn name(&self) -> String;

    /// Adds everything this source knows now. On an error nothing of it counts: a missing addend looks like a
    /// counter reset.
    ///
    /// The collector calls it on a thread that may block, so that files are best read in place. Once it has waited
    /// for something it goes on as any task, and work that blocks belongs elsewhere. The collector answers at the
    /// deadline whatever the source does; one that heeds [`Ask::is_late`] is free for the next scrape sooner.
    async fn read(&self, ask: &Ask, into: &mut Tally) -> Result<(), SourceError>;

    /// Whether its families stand back: those whose names a source before it has given as well are left out of the
    /// page, and the log says so once. For numbers about an application that the application may also give itself;
    /// `false` by default, where families of one name become one.
    fn yields(&self) -> bool {
        false
    }

    /// What the source says of itself, as `multiprom_*` families; nothing by default.
    fn own(&self) -> Snapshot {
        Snapshot::default()
    }
}

/// Why a source could not be read: what was tried, on what; then the cause.
///
/// ```
/// let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
/// let error = collector::SourceError::new("list directory /run/app", missing);
/// assert_eq!(error.to_string(), "list directory /run/app: entity not found");
/// ```
#[derive(Debug)]
pub struct SourceError {
    operation: String,
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl SourceError {
    /// `operation` failed because of `cause`.
    pub fn new(
        operation: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> SourceError {
        SourceError { operation: operation.into(), cause: cause.into() }
    }
}

impl std::fmt::Display for SourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.operation, self.cause)
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}
