//! What can be wrong with a directory.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Bytes of a file that are not as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which file.
    pub path: PathBuf,
    /// Which byte of it.
    pub at: u64,
    /// What is wrong there.
    pub why: String,
}

/// Why a store cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has the directory.
    InUse(PathBuf),
    /// The system said no.
    Failed {
        /// What was tried.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What it said.
        cause: io::Error,
    },
    /// Something that was acknowledged cannot be read. Nothing was changed.
    Damaged(Damage),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.path.display(), self.at, self.why)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::InUse(path) => {
                write!(f, "{}: another process keeps its groups in this directory", path.display())
            }
            OpenError::Failed { doing, path, cause } => write!(f, "{doing} {}: {cause}", path.display()),
            OpenError::Damaged(damage) => write!(f, "damaged: {damage}"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Failed { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
