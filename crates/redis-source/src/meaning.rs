//! What a number stands for: its family, its sample and its labels.

use collector::{SeriesId, Statement, Tally};
use metrics_core::{Kind, Label};

/// What a number stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) statement: Statement,
    /// The name of its sample.
    pub(crate) sample: String,
    pub(crate) labels: Vec<Label>,
}

impl Meaning {
    /// Its number in the tally; none where it is a bucket without a bound that is a number.
    pub(crate) fn series(self, tally: &mut Tally) -> Option<SeriesId> {
        let family = tally.family(&self.statement);
        tally.series(family, &self.sample, self.labels)
    }
}

/// Whether a family of this kind has samples of this name.
pub(crate) fn fits(kind: Kind, family: &str, sample: &str) -> bool {
    let Some(suffix) = sample.strip_prefix(family) else { return false };
    match kind {
        Kind::Counter => matches!(suffix, "" | "_total"),
        Kind::Histogram => matches!(suffix, "_bucket" | "_sum" | "_count"),
        Kind::Summary => matches!(suffix, "" | "_sum" | "_count"),
        _ => suffix.is_empty(),
    }
}
