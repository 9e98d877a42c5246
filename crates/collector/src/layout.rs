//! Where every reading of a sequence goes. Made once (by `plan.rs`) and good for as long as the same sequence
//! comes again; merging by it looks nothing up and allocates nothing.

use std::ops::Range;
use std::sync::Arc;

use metrics_core::Kind;

use crate::book::{FamilyId, NONE, OriginId, SeriesId};
use crate::merge::{Adding, Operation, Slots};
use crate::readings::Readings;
use crate::{Ask, By};

/// Which readings there are, in the order of their rank: source, file, record.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    /// Families printed even where they have no series.
    pub(crate) expected: Vec<FamilyId>,
    /// Who reports, and from which reading on.
    pub(crate) origins: Vec<(OriginId, u32)>,
    pub(crate) series: Vec<SeriesId>,
}

impl Sequence {
    /// Every origin with the ranks of its readings.
    pub(crate) fn batches(&self) -> impl Iterator<Item = (OriginId, Range<usize>)> {
        let ends = self.origins.iter().skip(1).map(|&(_, from)| from as usize).chain([self.series.len()]);
        self.origins.iter().zip(ends).map(|(&(origin, from), to)| (origin, from as usize..to))
    }
}

/// What of a sequence a page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) names: Option<Arc<[String]>>,
    pub(crate) by: By,
}

impl View {
    pub(crate) fn of(ask: &Ask) -> View {
        View { names: ask.names.clone(), by: ask.by }
    }

    pub(crate) fn shows(&self, sample: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.iter().any(|name| name == sample))
    }
}

/// Readings that were left out because their family's name stands for another kind already.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The family's name.
    pub family: Arc<str>,
    /// The kind that is on the page: that of the first reading.
    pub shown: Kind,
    /// The kind that is left out.
    pub refused: Kind,
    /// Where the refused readings come from: the file's path.
    pub place: String,
    /// How many readings of that place were left out.
    pub readings: usize,
}

/// See the head of this file. Slots are numbered in the order of the page.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) families: Vec<LaidFamily>,
    pub(crate) conflicts: Vec<Conflict>,
    /// Whether a family is merged by time.
    pub(crate) timed: bool,
    pub(crate) slot_count: usize,
    /// By rank of the reading; [`NONE`] for those that are skipped.
    pub(crate) slots: Vec<u32>,
    /// Which operation the readings up to a rank do.
    pub(crate) runs: Vec<(Operation, u32)>,
    /// What readings do to slots besides their own, once all have done theirs.
    pub(crate) extras: Vec<Extra>,
    pub(crate) cumulations: Vec<Cumulation>,
    /// Slots that hold averages, and how many readings each has.
    pub(crate) averages: Vec<(u32, u32)>,
}

/// A family of the page.
#[derive(Debug)]
pub(crate) struct LaidFamily {
    /// The statement that gives it name, kind and help.
    pub(crate) family: FamilyId,
    /// The statement that says how it is merged.
    pub(crate) last: FamilyId,
    /// The slot of its first identity; those of the others follow.
    pub(crate) slot: u32,
    pub(crate) identities: Vec<u32>,
    /// Series that were never set are not shown, the others in the order in which they first were.
    pub(crate) only_set: bool,
}

/// What a reading does to a slot that is not its own: a cumulative bucket counts in the higher buckets that
/// its process does not have but others do.
#[derive(Debug)]
pub(crate) struct Extra {
    pub(crate) rank: u32,
    pub(crate) slot: u32,
    pub(crate) operation: Operation,
}

/// The buckets of a label set, to be added up from the lowest, and where the total goes.
#[derive(Debug)]
pub(crate) struct Cumulation {
    pub(crate) buckets: Range<u32>,
    /// [`NONE`] where the page does not show it.
    pub(crate) count: u32,
}

impl Layout {
    /// Takes note that the readings up to rank `end` do this.
    pub(crate) fn push_run(&mut self, operation: Operation, end: usize) {
        match self.runs.last_mut() {
            Some((before, last)) if before.same(operation) => *last = end as u32,
            _ => self.runs.push((operation, end as u32)),
        }
    }

    /// Merges readings of the sequence that this layout was made for.
    pub(crate) fn merge(&self, readings: &Readings, adding: Adding, into: &mut Slots) {
        into.reset(self.slot_count, self.timed, adding);
        let mut from = 0;
        for &(operation, to) in &self.runs {
            let run = from..to as usize;
            into.run(operation, readings, run.clone(), &self.slots[run.clone()]);
            from = run.end;
        }
        self.conclude(readings, into);
    }

    /// What comes when every reading has done to its own slot what it does.
    pub(crate) fn conclude(&self, readings: &Readings, into: &mut Slots) {
        for extra in &self.extras {
            let rank = extra.rank as usize;
            into.run(extra.operation, readings, rank..rank + 1, &[extra.slot]);
        }
        into.round();
        for &(slot, readings) in &self.averages {
            into.values[slot as usize] /= f64::from(readings);
        }
        for cumulation in &self.cumulations {
            let buckets = cumulation.buckets.start as usize..cumulation.buckets.end as usize;
            let mut sum = 0.0;
            for value in &mut into.values[buckets] {
                sum += *value;
                *value = sum;
            }
            if cumulation.count != NONE {
                into.values[cumulation.count as usize] = sum;
            }
        }
    }
}
