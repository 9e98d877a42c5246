//! The order of the page: where the series of a family stand, and which buckets are added up.

use metrics_core::{Kind, Mode};

use super::{Draft, Plan};
use crate::Rules;
use crate::book::{Book, NONE};
use crate::layout::{Cumulation, LaidFamily, Layout};

impl Plan<'_> {
    /// Gives the cells of a family their slots: label sets in order of first appearance; in each the plain
    /// samples, the buckets by bound, the count.
    pub(super) fn order(&mut self, book: &Book, draft: usize, layout: &mut Layout) {
        let Draft { first, last, kind, .. } = self.drafts[draft];
        let sorted = self.sorted(book, draft);
        let mut next = layout.slot_count as u32;
        let (slot, mut identities) = (next, Vec::with_capacity(sorted.len()));
        for place in &sorted {
            let cell = &mut self.cells[place.cell as usize];
            if self.view.shows(book.sample_name(cell.identity)) {
                cell.slot = next;
                next += 1;
                identities.push(cell.identity);
            }
        }
        layout.slot_count = next as usize;
        if kind == Kind::Histogram {
            for group in sorted.chunk_by(|a, b| a.group == b.group) {
                self.accumulate(book, draft, group, layout);
            }
        }
        let merged_by = last;
        let last = book.statement(last);
        let only_set =
            last.aggregation.mode == Mode::MostRecent && last.rules != Rules::Ruby && kind == Kind::Gauge;
        layout.timed |= last.aggregation.mode == Mode::MostRecent;
        if self.view.names.is_none() || !identities.is_empty() {
            layout.families.push(LaidFamily { family: first, last: merged_by, slot, identities, only_set });
        }
    }

    /// Plans how the buckets of a label set are added up and counted.
    fn accumulate(&mut self, book: &Book, draft: usize, group: &[Place], layout: &mut Layout) {
        let Draft { single, cumulative, count, .. } = self.drafts[draft];
        let from = group.partition_point(|place| place.tier < Tier::Bucket);
        let buckets = &group[from..group.partition_point(|place| place.tier <= Tier::Bucket)];
        let (Some(lowest), Some(highest)) = (buckets.first(), buckets.last()) else { return };
        let (lowest, highest) = (lowest.cell, highest.cell);
        let count = book.find_identity(count, self.label_set(book, lowest));
        let count = count.and_then(|count| self.cell_of.get(count as usize));
        let count = count.and_then(|&cell| self.cells.get(cell as usize));
        let count = count.map_or(NONE, |cell| cell.slot);
        if single && count != NONE && self.cells[lowest as usize].slot == NONE {
            // Buckets that are not shown themselves are needed for the count.
            for place in buckets {
                self.cells[place.cell as usize].slot = layout.slot_count as u32;
                layout.slot_count += 1;
            }
        }
        let slots = self.cells[lowest as usize].slot..self.cells[highest as usize].slot;
        if cumulative {
            for (rung, place) in buckets.iter().enumerate() {
                let cell = &mut self.cells[place.cell as usize];
                (cell.ladder, cell.rung) = (self.drafts[draft].ladders.len() as u32, rung as u32);
            }
            self.drafts[draft].ladders.push(buckets.iter().map(|place| place.cell).collect());
        }
        if single && slots.start != NONE {
            // Numbers that are cumulative already are spread over the buckets; only the last one is looked at.
            let start = if cumulative { slots.end } else { slots.start };
            layout.cumulations.push(Cumulation { buckets: start..slots.end + 1, count });
        }
    }

    /// The cells of a family in the order of the page.
    fn sorted(&mut self, book: &Book, draft: usize) -> Vec<Place> {
        let Draft { kind, ref cells, .. } = self.drafts[draft];
        self.group_of.resize(book.label_sets(), NONE);
        // By group how many cells it has; then where the next one of them stands.
        let mut groups: Vec<u32> = Vec::with_capacity(cells.len());
        // Python lists the label sets of a histogram by their first sample without `le`.
        let rounds: &[bool] = if kind == Kind::Histogram { &[false, true] } else { &[false] };
        for &buckets in rounds {
            for &cell in cells {
                let identity = self.cells[cell as usize].identity;
                if kind != Kind::Histogram || book.bound_of(identity).is_some() == buckets {
                    let group = &mut self.group_of[book.identity_at(identity).labels as usize];
                    if *group == NONE {
                        *group = groups.len() as u32;
                        groups.push(0);
                    }
                    groups[*group as usize] += 1;
                }
            }
        }
        let mut next = 0;
        for group in &mut groups {
            next += std::mem::replace(group, next);
        }
        let mut sorted = vec![Place::default(); cells.len()];
        for (at, &cell) in cells.iter().enumerate() {
            let identity = book.identity_at(self.cells[cell as usize].identity);
            let (tier, order) = match book.bound_of(self.cells[cell as usize].identity) {
                Some(bound) => (Tier::Bucket, rising(bound.value)),
                // A count that nobody reports comes last; one that somebody does stays in its place.
                None if !self.cells[cell as usize].reported => (Tier::Computed, at as u64),
                None => (Tier::Plain, at as u64),
            };
            let group = self.group_of[identity.labels as usize];
            let place = &mut groups[group as usize];
            sorted[*place as usize] = Place { group, tier, order, cell };
            *place += 1;
        }
        for &cell in cells {
            let identity = book.identity_at(self.cells[cell as usize].identity);
            self.group_of[identity.labels as usize] = NONE;
        }
        // Most groups stand as they should already.
        if !sorted.is_sorted() {
            sorted.chunk_by_mut(|a, b| a.group == b.group).for_each(<[Place]>::sort_unstable);
        }
        sorted
    }
}

/// Where a cell stands in its family; compares as the page lists.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    group: u32,
    tier: Tier,
    order: u64,
    cell: u32,
}

#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    #[default]
    Plain,
    Bucket,
    Computed,
}

/// Bits that compare as unsigned numbers as the values compare; `NaN` is highest or lowest by its sign.
fn rising(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}
