//! Why a web configuration cannot be used.

use std::fmt;
use std::path::PathBuf;

/// Why a web configuration cannot be used.
#[derive(Debug)]
pub struct WebConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for WebConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "web configuration {}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for WebConfigError {}
