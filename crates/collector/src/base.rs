//! What settled readings add to a page: summed up once, and what is left to do at every scrape.
//!
//! Where sums are exact, those of settled readings may come first. All else - sums that are rounded by rank,
//! the least, the latest, the first, what a user's function folds - depends on the order when numbers are equal or
//! `NaN`; there the settled readings take part at every scrape, each at its rank.

use std::ops::Range;

use crate::book::NONE;
use crate::layout::Layout;
use crate::merge::{Adding, Operation, Rest, Slots};
use crate::readings::Readings;
use crate::tally::SettledRun;

/// See the head of this file. Good for one layout.
pub(crate) struct Base {
    /// Which readings are settled.
    settled: Vec<SettledRun>,
    adding: Adding,
    /// By slot: the sum of its settled readings; 0 where there is none, or it is not a sum.
    values: Vec<f64>,
    /// What rounding has left of them.
    rests: Vec<Rest>,
    /// Operations on readings of consecutive ranks, in their order.
    steps: Vec<(Operation, Range<u32>)>,
}

/// What is known of a slot while its operations are looked through.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Untouched,
    /// All of its readings are added up; the first of them as it is, or to 0.
    Sum {
        to_zero: bool,
    },
    InOrder,
}

impl Base {
    pub(crate) fn new(layout: &Layout, readings: &Readings, settled: &[SettledRun], adding: Adding) -> Base {
        let uses = match adding {
            Adding::Exact => uses(layout),
            Adding::Rounded => vec![Use::InOrder; layout.slot_count],
        };
        let mut base = Base {
            settled: settled.to_vec(),
            adding,
            values: vec![0.0; layout.slot_count],
            rests: vec![Rest::default(); layout.slot_count],
            steps: Vec::new(),
        };
        let mut touched = vec![false; layout.slot_count];
        for rank in settled.iter().flat_map(SettledRun::ranks) {
            let slot = layout.slots[rank] as usize;
            if let Some(Use::Sum { to_zero }) = uses.get(slot) {
                let (sum, value) = (&mut base.values[slot], readings.values[rank]);
                let first = !std::mem::replace(&mut touched[slot], true);
                if first && !to_zero {
                    *sum = value;
                } else {
                    base.rests[slot].add(sum, value);
                }
            }
        }
        let mut settled = settled.iter().map(SettledRun::ranks).peekable();
        for (rank, operation) in operations(layout) {
            while settled.next_if(|run| run.end <= rank).is_some() {}
            let is_settled = settled.peek().is_some_and(|run| run.contains(&rank));
            let slot = layout.slots[rank] as usize;
            let operation = match (uses.get(slot), operation) {
                (None, _) | (_, Operation::Skip) => continue,
                (Some(Use::Sum { .. }), _) if is_settled => continue,
                // Slots begin with 0.
                (_, Operation::PutSum) => Operation::Add,
                (_, Operation::Put) if touched[slot] => Operation::Add,
                (_, operation) => operation,
            };
            let rank = rank as u32;
            match base.steps.last_mut() {
                Some((before, ranks)) if before.same(operation) && ranks.end == rank => ranks.end += 1,
                _ => base.steps.push((operation, rank..rank + 1)),
            }
        }
        base
    }

    pub(crate) fn is_of(&self, settled: &[SettledRun], adding: Adding) -> bool {
        self.settled == settled && self.adding == adding
    }

    /// Merges readings of the sequence that the layout was made for.
    pub(crate) fn merge(&self, layout: &Layout, readings: &Readings, into: &mut Slots) {
        into.reset(layout.slot_count, layout.timed, self.adding);
        into.values.copy_from_slice(&self.values);
        if self.adding == Adding::Exact {
            into.rests.copy_from_slice(&self.rests);
        }
        for (operation, ranks) in &self.steps {
            let ranks = ranks.start as usize..ranks.end as usize;
            into.run(*operation, readings, ranks.clone(), &layout.slots[ranks]);
        }
        layout.conclude(readings, into);
    }
}

/// Every rank with what its reading does.
fn operations(layout: &Layout) -> impl Iterator<Item = (usize, Operation)> {
    let starts = [0].into_iter().chain(layout.runs.iter().map(|&(_, end)| end));
    let runs = layout.runs.iter().zip(starts);
    runs.flat_map(|(&(operation, end), start)| (start as usize..end as usize).map(move |it| (it, operation)))
}

/// By slot, what its readings do; the extras come behind all of them and do not matter.
fn uses(layout: &Layout) -> Vec<Use> {
    let mut uses = vec![Use::Untouched; layout.slot_count];
    for (rank, operation) in operations(layout) {
        let slot = layout.slots[rank];
        if slot != NONE {
            let entry = &mut uses[slot as usize];
            *entry = match (*entry, operation) {
                (Use::Untouched, Operation::PutSum) => Use::Sum { to_zero: true },
                // One that is alone is a sum of one.
                (Use::Untouched, Operation::Put) => Use::Sum { to_zero: false },
                (sum @ Use::Sum { .. }, Operation::Add) => sum,
                _ => Use::InOrder,
            };
        }
    }
    uses
}
