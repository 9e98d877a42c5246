//! What can be wrong with a declaration, and what a store may refuse.

use std::fmt;
use std::sync::Arc;

use crate::{Aggregation, Desc, Kind};

/// Why a family cannot be declared, or a label set not be had.
#[non_exhaustive]
#[derive(Debug)]
pub enum DeclareError {
    /// The name of a family is not `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    Name(String),
    /// A label's name is not `[a-zA-Z_][a-zA-Z0-9_]*`, is reserved (`le`, `quantile`, `pid`, `__...`), or stands twice.
    Label {
        /// The family.
        family: String,
        /// The label's name.
        label: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The family's name does not end in its unit, as OpenMetrics wants it.
    Unit {
        /// The family.
        family: String,
        /// The unit.
        unit: String,
    },
    /// Applications cannot declare this kind, or the kind has no such aggregation.
    Unsupported {
        /// The family.
        family: String,
        /// Its kind.
        kind: Kind,
        /// The aggregation asked for.
        aggregation: Aggregation,
    },
    /// Bucket bounds must be finite and rise.
    Buckets {
        /// Index of the bound.
        at: usize,
        /// The bound.
        bound: f64,
    },
    /// Another family has the name, or would print a sample of the same name.
    Conflict {
        /// The family that was declared first.
        existing: Arc<Desc>,
        /// The one refused.
        refused: Box<Desc>,
    },
    /// A label set with more or fewer values than the family has labels.
    LabelCount {
        /// The family.
        family: String,
        /// How many labels it has.
        expected: usize,
        /// How many values were given.
        given: usize,
    },
    /// The store refuses the label set.
    Store(StoreError),
}

impl fmt::Display for DeclareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeclareError::Name(name) => {
                write!(f, "declare family {name:?}: the name does not match [a-zA-Z_:][a-zA-Z0-9_:]*")
            }
            DeclareError::Label { family, label, why } => {
                write!(f, "declare family {family:?}: label {label:?} {why}")
            }
            DeclareError::Unit { family, unit } => {
                write!(
                    f,
                    "declare family {family:?}: the name of a family with unit {unit:?} ends in _{unit}"
                )
            }
            DeclareError::Unsupported { family, kind, aggregation } => {
                write!(
                    f,
                    "declare family {family:?}: no {kind} with aggregation {aggregation} can be declared"
                )
            }
            DeclareError::Buckets { at, bound } => {
                write!(f, "bucket bound {at} ({bound}) is not finite or not above the bound before it")
            }
            DeclareError::Conflict { existing, refused } if existing.name() != refused.name() => {
                write!(f, "declare {refused}: it would share the name of a sample with {existing}")
            }
            DeclareError::Conflict { existing, refused } => {
                write!(f, "declare {refused}: its name is taken by {existing}")?;
                // What `Desc` does not print.
                let differences = [
                    (existing.help() != refused.help(), "help"),
                    (existing.unit() != refused.unit(), "unit"),
                    (existing.buckets() != refused.buckets(), "buckets"),
                ];
                let mut before = " with other";
                for (_, what) in differences.iter().filter(|(differs, _)| *differs) {
                    write!(f, "{before} {what}")?;
                    before = " and";
                }
                Ok(())
            }
            DeclareError::LabelCount { family, expected, given } => {
                write!(f, "family {family:?} has {expected} labels, {given} values were given")
            }
            DeclareError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DeclareError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DeclareError::Store(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}

impl From<StoreError> for DeclareError {
    fn from(error: StoreError) -> DeclareError {
        DeclareError::Store(error)
    }
}

/// Why a store cannot be opened or cannot keep a label set: what was tried, on what, where; then the cause.
///
/// ```
/// let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
/// let error = metrics_core::StoreError::new("append to /run/app/counter_4711.db at 65520", full);
/// assert_eq!(error.to_string(), "append to /run/app/counter_4711.db at 65520: no storage space");
/// ```
#[derive(Debug)]
pub struct StoreError {
    operation: String,
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// `operation` failed because of `cause`.
    pub fn new(
        operation: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError { operation: operation.into(), cause: cause.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.cause)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}
