//! What one asks of a fold, and what it answers.

use std::time::Duration;

use liveness::Doubt;

use crate::content::Aggregations;

/// What becomes of the files of dead processes that have a line for each process: gauges of mode `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum AllGauges {
    /// They stay.
    #[default]
    Keep,
    /// They are deleted.
    Drop,
    /// They are deleted so long after their last change, or after they were first seen to be dead.
    Age(Duration),
}

/// How a directory is folded.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What becomes of gauges of mode `all`.
    pub all: AllGauges,
    /// Whether the application is known to have ended, so that a file that nobody has open is dead.
    pub stopped: bool,
    /// Whether all processes of the application are known to be in sight, as those of a command that one has started: that
    /// none was ever seen to write then means that there is none.
    pub in_sight: bool,
    /// How the numbers of Ruby's metrics are merged. Of those that are not here only what can be nothing but a counter,
    /// a histogram or a summary is folded.
    pub aggregations: Aggregations,
}

/// What a fold did.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folded {
    /// Files whose numbers are in an archive now.
    pub files: usize,
    /// Files that were deleted: gauges of the dead that nobody shows, empty files, gauges of mode `all` as the user
    /// said.
    pub dropped: usize,
    /// The archives that were written.
    pub archives: Vec<String>,
    /// Files of dead writers that stay.
    pub kept: Vec<Kept>,
    /// Files whose writers live.
    pub alive: usize,
    /// Files of which it is not known whether their writers live.
    pub unknown: usize,
    /// Why it is not known.
    pub doubt: Option<Doubt>,
}

/// A file of a dead writer that stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its name.
    pub file: String,
    /// Why.
    pub why: String,
}
