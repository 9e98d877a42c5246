//! Cumulative buckets of processes whose bounds differ: each counts in the higher buckets that only others have.

use foldhash::{HashMap, HashMapExt};

use super::Plan;
use crate::Rules;
use crate::book::{Book, NONE};
use crate::layout::{Extra, Layout};
use crate::merge::Operation;

/// A reading of a bucket of a family with cumulative buckets.
pub(super) struct Rung {
    pub(super) draft: usize,
    pub(super) ladder: u32,
    /// Which of the label sets that are added up here it is of, in the overflow; 0 elsewhere.
    pub(super) climb: u32,
    pub(super) rung: u32,
    pub(super) rank: usize,
}

impl Rung {
    fn shares(&self, other: &Rung) -> bool {
        (self.draft, self.ladder, self.climb) == (other.draft, other.ladder, other.climb)
    }
}

impl Plan<'_> {
    /// Lets the cumulative buckets of one origin count in the higher buckets that it does not have, and its
    /// single ones in all higher buckets.
    pub(super) fn spread(&self, book: &Book, mut rungs: Vec<Rung>, layout: &mut Layout) {
        self.tell_climbs(&mut rungs);
        rungs.sort_unstable_by_key(|rung| (rung.draft, rung.ladder, rung.climb, rung.rung, rung.rank));
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

    /// Tells the label sets apart that are added up in an overflow. The client makes the buckets of one after the other:
    /// the highest, then the others rising. So the next label set begins where a bucket comes again, or where a lower one
    /// comes that is not the second.
    fn tell_climbs(&self, rungs: &mut [Rung]) {
        let mut climbs: HashMap<(usize, u32), (u32, Vec<u32>)> = HashMap::new();
        for rung in rungs {
            let ladder = &self.drafts[rung.draft].ladders[rung.ladder as usize];
            if !ladder.iter().any(|&cell| self.cells[cell as usize].overflow) {
                continue;
            }
            let (climb, met) = climbs.entry((rung.draft, rung.ladder)).or_default();
            let falls = met.len() > 1 && met.last().is_some_and(|&before| rung.rung < before);
            if falls || met.contains(&rung.rung) {
                *climb += 1;
                met.clear();
            }
            met.push(rung.rung);
            rung.climb = *climb;
        }
    }
}
