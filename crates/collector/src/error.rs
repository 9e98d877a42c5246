//! Why there is no page.

use crate::SourceError;

/// Why there is no page.
#[non_exhaustive]
#[derive(Debug)]
pub enum CollectError {
    /// A source could not be read.
    Source {
        /// Its name.
        name: String,
        /// Why.
        error: SourceError,
    },
    /// The deadline passed.
    Late {
        /// The sources that had not answered; none when another scrape was in the way.
        waiting_for: Vec<String>,
    },
}

impl std::fmt::Display for CollectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CollectError::Source { name, error } => write!(f, "read {name}: {error}"),
            CollectError::Late { waiting_for } if waiting_for.is_empty() => {
                f.write_str("collect: the deadline passed before an earlier scrape was done")
            }
            CollectError::Late { waiting_for } => {
                write!(f, "collect: the deadline passed before an answer of {}", waiting_for.join(", "))
            }
        }
    }
}

impl std::error::Error for CollectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CollectError::Source { error, .. } => Some(error),
            CollectError::Late { .. } => None,
        }
    }
}
