//! Which numbers a label set has.

use metrics_core::{Desc, Kind, Part};

/// Which numbers a label set has: always one total, and as many counts as its kind needs.
///
/// The total is the value of a counter or gauge and the sum of the others. The counts are the buckets of a
/// histogram, not cumulative, or the one count of a summary; that of a histogram is derived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    kind: Kind,
    /// How many counts there are.
    pub(crate) counts: usize,
}

impl Shape {
    pub(crate) fn of(desc: &Desc) -> Shape {
        let counts = match desc.kind() {
            Kind::Histogram => desc.buckets().bounds().len() + 1,
            Kind::Summary => 1,
            _ => 0,
        };
        Shape { kind: desc.kind(), counts }
    }

    /// Which count an observation in `bucket` belongs to; a bucket that there is not belongs to the last one.
    pub(crate) fn count_of(self, bucket: usize) -> usize {
        bucket.min(self.counts.saturating_sub(1))
    }

    /// The number that `part` names, out of the total and the counts; 0 where the kind has none.
    pub(crate) fn get(self, part: Part, total: f64, count: impl Fn(usize) -> u64) -> f64 {
        let observes = matches!(self.kind, Kind::Histogram | Kind::Summary);
        match part {
            Part::Value if !observes => total,
            Part::Sum if observes => total,
            Part::Bucket(bucket) if self.kind == Kind::Histogram && bucket < self.counts => {
                count(bucket) as f64
            }
            Part::Count => (0..self.counts).map(count).sum::<u64>() as f64,
            _ => 0.0,
        }
    }
}
