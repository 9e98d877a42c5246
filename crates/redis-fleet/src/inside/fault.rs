//! Something that is wrong with what is kept in Redis.

use std::fmt;

/// Something that is wrong with what is kept in Redis: where, and why. What stands there, or behind it, is on no page,
/// or will not be for long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What sort of thing is wrong.
    pub sort: FaultSort,
    /// The key, or the setting of the server.
    pub key: String,
    /// The byte of a schema from which on it cannot be read.
    pub offset: Option<usize>,
    /// What is wrong with it.
    pub why: String,
}

/// What sort of thing is wrong.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultSort {
    /// A key is of another type than it should be.
    WrongType,
    /// A key is not there that should be.
    Missing,
    /// A member of the list of processes is none.
    Member,
    /// A schema has an entry that cannot be read.
    Schema,
    /// A schema is not as long, or not the one, that is said elsewhere.
    SchemaDiffers,
    /// A page lacks, is shorter than the schema says, or is not made of numbers.
    Page,
    /// What is kept of the dead is not what it must be: a part of it was lost.
    Seal,
    /// There is no number of a last frame.
    Sequence,
    /// A number that cannot be: what is counted is less than nothing, or no number.
    Number,
    /// A key goes away by itself.
    EndOfLife,
    /// The server throws keys away when memory is full.
    Eviction,
}

impl FaultSort {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            FaultSort::WrongType => "wrong_type",
            FaultSort::Missing => "missing",
            FaultSort::Member => "member",
            FaultSort::Schema => "schema",
            FaultSort::SchemaDiffers => "schema_differs",
            FaultSort::Page => "page",
            FaultSort::Seal => "seal",
            FaultSort::Sequence => "sequence",
            FaultSort::Number => "number",
            FaultSort::EndOfLife => "end_of_life",
            FaultSort::Eviction => "eviction",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "{} at {offset}: {}", self.key, self.why),
            None => write!(f, "{}: {}", self.key, self.why),
        }
    }
}
