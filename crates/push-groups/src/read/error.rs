//! Why a body is not taken.

use std::fmt;

/// Why a body is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is not of its form: what, where, why. The group does not hear of such a push.
    Parse(String),
    /// It can be read, and says what no page can show. The group remembers that a push to it failed.
    Inconsistent(Inconsistent),
    /// It is too much. The group does not hear of such a push.
    Limit(Exceeded),
}

/// What no page can show: the reason, as the official push gateway words it behind its
/// `pushed metrics are invalid or inconsistent with existing metrics: `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistent(pub String);

/// A [limit](crate::ReadLimits) that a body goes beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// How much there may be.
    pub allowed: usize,
}

/// A [limit](crate::ReadLimits) by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes, once decoded.
    Bytes,
    /// Samples.
    Samples,
    /// Bytes of a label's name.
    LabelName,
    /// Bytes of a label's value.
    LabelValue,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Parse(why) => f.write_str(why),
            ReadError::Inconsistent(inconsistent) => inconsistent.fmt(f),
            ReadError::Limit(exceeded) => exceeded.fmt(f),
        }
    }
}

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = self.allowed;
        match self.limit {
            Limit::Bytes => write!(f, "the body has more than {allowed} bytes when decoded"),
            Limit::Samples => write!(f, "the body has more than {allowed} samples"),
            Limit::LabelName => write!(f, "a label has a name of more than {allowed} bytes"),
            Limit::LabelValue => write!(f, "a label has a value of more than {allowed} bytes"),
        }
    }
}

impl std::error::Error for ReadError {}
impl std::error::Error for Inconsistent {}
impl std::error::Error for Exceeded {}

impl From<Exceeded> for ReadError {
    fn from(exceeded: Exceeded) -> ReadError {
        ReadError::Limit(exceeded)
    }
}

impl From<Inconsistent> for ReadError {
    fn from(inconsistent: Inconsistent) -> ReadError {
        ReadError::Inconsistent(inconsistent)
    }
}
