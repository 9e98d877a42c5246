//! Cumulative buckets of processes whose bounds differ: each counts in the higher buckets that only others have.

use super::Plan;
use crate::Rules;
use crate::book::{Book, NONE};
use crate::layout::{Extra, Layout};
use crate::merge::Operation;

/// A reading of a bucket of a family with cumulative buckets.
pub(super) struct Rung {
    pub(super) draft: usize,
    pub(super) ladder: u32,
    pub(super) rung: u32,
    pub(super) rank: usize,
}

impl Rung {
    fn shares(&self, other: &Rung) -> bool {
        (self.draft, self.ladder) == (other.draft, other.ladder)
    }
}

impl Plan<'_> {
    /// Lets the cumulative buckets of one origin count in the higher buckets that it does not have, and its
    /// single ones in all higher buckets.
    pub(super) fn spread(&self, book: &Book, mut rungs: Vec<Rung>, layout: &mut Layout) {
        rungs.sort_unstable_by_key(|rung| (rung.draft, rung.ladder, rung.rung, rung.rank));
        for (at, rung) in rungs.iter().enumerate() {
            let ladder = &self.drafts[rung.draft].ladders[rung.ladder as usize];
            let (family, _) = book.series_parts(self.sequence.series[rung.rank]);
            let cumulative = book.statement(family).rules == Rules::Gitlab;
            let next = rungs[at + 1..].iter().find(|next| next.rung > rung.rung || !next.shares(rung));
            let above = match next {
                Some(next) if cumulative && next.shares(rung) => rung.rung as usize + 1..next.rung as usize,
                _ => rung.rung as usize + 1..ladder.len(),
            };
            for &cell in &ladder[above] {
                let slot = self.cells[cell as usize].slot;
                if slot != NONE {
                    // What it does is decided once it is known who else writes to the slot.
                    layout.extras.push(Extra { rank: rung.rank as u32, slot, operation: Operation::Skip });
                }
            }
        }
    }
}
