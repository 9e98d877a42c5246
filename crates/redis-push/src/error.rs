//! Why the numbers of a directory are not in Redis.

use std::fmt;
use std::io;
use std::path::PathBuf;

use collector::SourceError;
use redis_link::LinkError;

/// Why the numbers of a directory are not in Redis. They are sent as soon as that is possible.
#[non_exhaustive]
#[derive(Debug)]
pub enum PushError {
    /// The directory cannot be read.
    Source(SourceError),
    /// Redis does not answer, or refuses.
    Link(LinkError),
    /// Redis is not fit for it, or does not answer as it should; says why.
    Redis(String),
    /// It cannot be written down in the directory what is sent.
    File {
        /// What was tried, on which file.
        operation: String,
        /// Why it failed.
        error: io::Error,
    },
    /// What was written down there is not as it was written.
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Another program sends the numbers of the directory.
    Taken {
        /// The directory.
        path: PathBuf,
    },
    /// A test has ended it.
    #[doc(hidden)]
    Died,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PushError::Source(error) => error.fmt(f),
            PushError::Link(error) => error.fmt(f),
            PushError::Redis(why) => f.write_str(why),
            PushError::File { operation, error } => {
                write!(
                    f,
                    "{operation}: {error}; who sends the numbers of a directory must be able to write there"
                )
            }
            PushError::Damaged { path } => write!(
                f,
                "read {}: it is damaged; without it nobody knows what was sent; delete it if nothing was, or if it may \
                 count twice",
                path.display()
            ),
            PushError::Taken { path } => {
                write!(f, "another multiprom sends the numbers of {}", path.display())
            }
            PushError::Died => f.write_str("the process died"),
        }
    }
}

impl std::error::Error for PushError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PushError::Source(error) => Some(error),
            PushError::Link(error) => Some(error),
            PushError::File { error, .. } => Some(error),
            _ => None,
        }
    }
}
