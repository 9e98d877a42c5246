//! What every reading does to its slot: the operations of a layout. Copied from batch to batch where processes have the
//! same series in the same order.

use std::ops::Range;

use foldhash::HashMap;
use metrics_core::Mode;

use super::spread::Rung;
use super::{Draft, Plan};
use crate::book::{Book, FamilyId, NONE};
use crate::layout::{Extra, Layout};
use crate::merge::{Fold, Operation};

impl Plan<'_> {
    /// Writes down what every reading does. The cells of the readings become their slots.
    pub(super) fn operate(
        &self,
        book: &Book,
        mut cell_by_rank: Vec<u32>,
        folds: &HashMap<Box<str>, Fold>,
        layout: &mut Layout,
    ) {
        let mut touched = vec![false; layout.slot_count];
        let fold_of: Vec<Option<Fold>> = self
            .drafts
            .iter()
            .map(|draft| {
                let name = &book.statement(draft.first).name;
                folds.get(&**name).or_else(|| folds.get(&*format!("{name}_total"))).copied()
            })
            .collect();
        let operations: Vec<[Operation; 2]> = (self.drafts.iter().zip(&fold_of))
            .map(|(draft, &fold)| [true, false].map(|first| self.operation(book, draft, fold, first)))
            .collect();
        let overflowing: Vec<[Operation; 2]> = (self.drafts.iter().zip(&fold_of))
            .map(|(draft, &fold)| [true, false].map(|first| self.overflow(book, draft, fold, first)))
            .collect();
        let mut last = Worked::default();
        for (at, (_, ranks)) in self.sequence.batches().enumerate() {
            let repeated = self.repeats(at, &ranks, &last);
            let extras = layout.extras.len();
            let mut worked = Worked { ranks: ranks.clone(), extras: extras..extras, ..Worked::default() };
            // What a reading of another batch has done, one of this batch does later.
            cell_by_rank.copy_within(last.ranks.start..last.ranks.start + repeated, ranks.start);
            for &(draft, end) in &last.stretches {
                let end = end.min(repeated);
                let operation = if draft == SKIPPED { Operation::Skip } else { operations[draft][1] };
                worked.push(draft, end);
                layout.push_run(operation, ranks.start + end);
                if end == repeated {
                    break;
                }
            }
            let mut before: Option<(FamilyId, usize)> = None;
            let left = ranks.start + repeated..ranks.end;
            let (cells, series) = (&mut cell_by_rank[left.clone()], &self.sequence.series[left.clone()]);
            for (rank, (cell, &series)) in left.zip(cells.iter_mut().zip(series)) {
                let (family, _) = book.series_parts(series);
                let draft = match before {
                    Some((same, draft)) if same == family => draft,
                    _ => self.draft_of(book, family),
                };
                before = Some((family, draft));
                let (slot, draft, operation) = match self.cells.get(*cell as usize) {
                    Some(cell) if cell.slot != NONE => {
                        if cell.ladder != NONE {
                            let (ladder, rung) = (cell.ladder, cell.rung);
                            worked.rungs.push(Rung { draft, ladder, climb: 0, rung, rank });
                        }
                        let later = std::mem::replace(&mut touched[cell.slot as usize], true);
                        let operations = if cell.overflow { &overflowing } else { &operations };
                        (cell.slot, draft, operations[draft][usize::from(later)])
                    }
                    _ => (NONE, SKIPPED, Operation::Skip),
                };
                *cell = slot;
                worked.push(draft, rank + 1 - ranks.start);
                layout.push_run(operation, rank + 1);
            }
            if repeated > 0 {
                // All of the batch, or a part that has no rungs.
                for extra in last.extras.clone() {
                    let Extra { rank, slot, operation } = layout.extras[extra];
                    let rank = rank + (ranks.start - last.ranks.start) as u32;
                    layout.extras.push(Extra { rank, slot, operation });
                }
                worked.climbs = last.climbs;
            }
            worked.climbs |= !worked.rungs.is_empty();
            self.spread(book, std::mem::take(&mut worked.rungs), layout);
            worked.extras.end = layout.extras.len();
            last = worked;
        }
        layout.slots = cell_by_rank;
        for extra in &mut layout.extras {
            let later = std::mem::replace(&mut touched[extra.slot as usize], true);
            let (family, _) = book.series_parts(self.sequence.series[extra.rank as usize]);
            extra.operation = operations[self.draft_of(book, family)][usize::from(later)];
        }
        let averages = self.drafts.iter().zip(&fold_of).filter(|(draft, fold)| {
            book.statement(draft.last).aggregation.mode == Mode::Average && fold.is_none()
        });
        let averages = averages.flat_map(|(draft, _)| &draft.cells);
        let averages: Vec<u32> = averages.map(|&cell| self.cells[cell as usize].slot).collect();
        if !averages.is_empty() {
            let mut readings = vec![0; layout.slot_count];
            let shown = layout.slots.iter().filter(|&&slot| slot != NONE);
            shown.for_each(|&slot| readings[slot as usize] += 1);
            let of_slot = |&slot: &u32| Some((slot, *readings.get(slot as usize)?));
            layout.averages = averages.iter().filter_map(of_slot).filter(|&(_, count)| count > 1).collect();
        }
    }

    /// How many readings of a batch do what those of the batch before it do.
    fn repeats(&self, at: usize, ranks: &Range<usize>, last: &Worked) -> usize {
        let repeated = self.repeated[at];
        let same = repeated == ranks.len() && repeated == last.ranks.len();
        // What the rungs of one batch are is decided for all of them together.
        if same || !last.climbs { repeated } else { 0 }
    }

    /// What readings of an overflow series do. A process has several where all numbers are shown: they are added up.
    fn overflow(&self, book: &Book, draft: &Draft, fold: Option<Fold>, first: bool) -> Operation {
        let statement = book.statement(draft.last);
        let mode = statement.aggregation.mode;
        Operation::of(if mode == Mode::All { Mode::Sum } else { mode }, statement.rules, fold, first)
    }

    fn operation(&self, book: &Book, draft: &Draft, fold: Option<Fold>, first: bool) -> Operation {
        let statement = book.statement(draft.last);
        Operation::of(statement.aggregation.mode, statement.rules, fold, first)
    }
}

/// What the readings of a batch do.
#[derive(Default)]
struct Worked {
    ranks: Range<usize>,
    /// Of which draft readings are, [`SKIPPED`] where they take no part, and where in the batch they end.
    stretches: Vec<(usize, usize)>,
    rungs: Vec<Rung>,
    /// Whether there were any.
    climbs: bool,
    extras: Range<usize>,
}

/// No draft.
const SKIPPED: usize = usize::MAX;

impl Worked {
    /// Takes note that the readings up to `end` are of this draft.
    fn push(&mut self, draft: usize, end: usize) {
        match self.stretches.last_mut() {
            Some((before, last)) if *before == draft => *last = end,
            _ => self.stretches.push((draft, end)),
        }
    }
}
