//! Why a directory was not folded.

use std::io;
use std::path::PathBuf;

/// Why a directory was not folded.
#[non_exhaustive]
#[derive(Debug)]
pub enum FoldError {
    /// Somebody else is at it.
    Busy {
        /// The directory.
        directory: PathBuf,
    },
    /// Something could not be done. Nothing is lost: what was begun is gone on with the next time.
    Failed {
        /// What, with the path.
        operation: String,
        /// Why.
        error: io::Error,
    },
}

impl std::fmt::Display for FoldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FoldError::Busy { directory } => {
                write!(f, "fold {}: another fold is at work there", directory.display())
            }
            FoldError::Failed { operation, error } => write!(f, "{operation}: {error}"),
        }
    }
}

impl std::error::Error for FoldError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FoldError::Busy { .. } => None,
            FoldError::Failed { error, .. } => Some(error),
        }
    }
}
