//! Why Redis does not have everything.

use std::fmt;
use std::time::Duration;

/// Redis has not got everything in time. It is sent as soon as that is possible; nothing is lost but by the end of the
/// process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlushError {
    pub(crate) timeout: Duration,
    pub(crate) trouble: Option<String>,
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "send all numbers to Redis within {:?}: ", self.timeout)?;
        f.write_str(self.trouble.as_deref().unwrap_or("no answer yet"))
    }
}

impl std::error::Error for FlushError {}
