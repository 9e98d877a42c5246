//! A page kept from scrape to scrape: its layout, and the snapshot whose numbers alone are written anew.

use std::ops::Range;
use std::sync::Arc;

use foldhash::HashMap;
use metrics_core::{FamilySnapshot, Kind, Mode, Sample, Series, Snapshot};

use crate::base::Base;
use crate::book::Book;
use crate::layout::{LaidFamily, Layout, Sequence, View};
use crate::merge::{Adding, Fold, Slots};
use crate::plan::plan;
use crate::readings::Readings;
use crate::tally::SettledRun;
use crate::{Conflict, Meaning, Rules};

pub(crate) struct Page {
    view: View,
    /// Which change of the sequence the layout was made after.
    changes: Option<u64>,
    layout: Layout,
    /// What the readings add that do not change any more; none before there are such.
    base: Option<Base>,
    slots: Slots,
    /// Slots of one family that were ever set; kept for its memory alone.
    set: Vec<usize>,
    snapshot: Arc<Snapshot>,
}

impl Page {
    pub(crate) fn new(view: View) -> Page {
        Page {
            view,
            changes: None,
            layout: Layout::default(),
            base: None,
            slots: Slots::default(),
            set: Vec::new(),
            snapshot: Arc::default(),
        }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    pub(crate) fn changes(&self) -> Option<u64> {
        self.changes
    }

    pub(crate) fn conflicts(&self) -> &[Conflict] {
        &self.layout.conflicts
    }

    /// Lays the page out for a sequence, which is the `changes`-th.
    pub(crate) fn lay_out(
        &mut self,
        changes: u64,
        book: &mut Book,
        sequence: &Sequence,
        folds: &HashMap<Box<str>, Fold>,
    ) {
        self.base = None;
        self.layout = plan(book, sequence, &self.view, folds);
        let mut families = Vec::with_capacity(self.layout.families.len());
        for laid in &self.layout.families {
            let statement = Arc::clone(book.statement(laid.family));
            // A name that ends in `_total` was shortened, and is there in full as well.
            let shortened = book.in_full(laid.family).is_some();
            let sample = |&identity: &u32| Sample::new(book.on_page(identity), 0.0);
            families.push(FamilySnapshot {
                bare: statement.kind == Kind::Counter && statement.rules == Rules::Ruby && !shortened,
                name: Arc::clone(&statement.name),
                help: Arc::clone(&statement.help),
                unit: statement.unit.clone(),
                kind: statement.kind,
                samples: laid.identities.iter().map(sample).collect(),
            });
        }
        self.snapshot = Arc::new(Snapshot { families });
        self.changes = Some(changes);
    }

    /// Merges the readings and writes the numbers. Of the readings those in `settled` are the same as long as it is.
    pub(crate) fn fill(
        &mut self,
        book: &mut Book,
        readings: &Readings,
        settled: &[SettledRun],
        adding: Adding,
    ) -> Arc<Snapshot> {
        self.base = self.base.take().filter(|base| base.is_of(settled, adding));
        if settled.is_empty() {
            self.layout.merge(readings, adding, &mut self.slots);
        } else {
            let base = self.base.get_or_insert_with(|| Base::new(&self.layout, readings, settled, adding));
            base.merge(&self.layout, readings, &mut self.slots);
        }
        let snapshot = Arc::make_mut(&mut self.snapshot);
        for (laid, family) in self.layout.families.iter().zip(&mut snapshot.families) {
            let slots = laid.slot as usize..laid.slot as usize + laid.identities.len();
            if laid.only_set {
                let first_set = &self.slots.first_set;
                in_order_of_setting(slots, first_set, &mut self.set);
                family.samples.clear();
                family.samples.extend(self.set.iter().map(|&slot| {
                    let identity = laid.identities[slot - laid.slot as usize];
                    Sample::new(book.on_page(identity), self.slots.values[slot])
                }));
            } else if only_grows(family.kind) {
                let values = self.slots.values[slots].iter().zip(&laid.identities);
                for (sample, (&value, &identity)) in family.samples.iter_mut().zip(values) {
                    let printed = book.printed_mut(identity);
                    *printed = no_less(value, *printed);
                    sample.value = *printed;
                }
            } else {
                for (sample, &value) in family.samples.iter_mut().zip(&self.slots.values[slots]) {
                    sample.value = value;
                }
            }
        }
        Arc::clone(&self.snapshot)
    }

    /// What stands behind each family of the snapshot made last.
    pub(crate) fn meanings(&self, book: &Book) -> Vec<Meaning> {
        let mut set = Vec::new();
        let meaning = |laid: &LaidFamily| {
            let statement = book.statement(laid.last);
            let slots = laid.slot as usize..laid.slot as usize + laid.identities.len();
            let times = &self.slots.times;
            let times = if laid.only_set {
                in_order_of_setting(slots, &self.slots.first_set, &mut set);
                set.iter().map(|&slot| times[slot]).collect()
            } else if statement.aggregation.mode == Mode::MostRecent {
                times[slots].to_vec()
            } else {
                Vec::new()
            };
            Meaning { aggregation: statement.aggregation, rules: statement.rules, times }
        };
        self.layout.families.iter().map(meaning).collect()
    }

    /// The numbers that must not fall, as they were last shown.
    pub(crate) fn printed(&self) -> impl Iterator<Item = (Arc<Series>, f64)> {
        let growing = self.snapshot.families.iter().filter(|family| only_grows(family.kind));
        let samples = growing.flat_map(|family| &family.samples);
        samples.map(|sample| (Arc::clone(&sample.series), sample.value))
    }
}

/// Those of the slots that were ever set, in the order in which they first were.
fn in_order_of_setting(slots: Range<usize>, first_set: &[u32], into: &mut Vec<usize>) {
    into.clear();
    into.extend(slots.filter(|&slot| first_set[slot] != u32::MAX));
    into.sort_unstable_by_key(|&slot| first_set[slot]);
}

/// Whether Prometheus takes a fall of such a family's numbers for a restart.
fn only_grows(kind: Kind) -> bool {
    matches!(kind, Kind::Counter | Kind::Histogram | Kind::Summary)
}

/// The number to show where `printed` was shown last: sums come out a last bit lower when their addends are
/// grouped in another way, as after a folding of files, and Prometheus takes any fall for a restart. A fall by
/// more than 1e-9 of the number is a real one.
fn no_less(value: f64, printed: f64) -> f64 {
    let falls_a_bit = value < printed && printed.is_finite() && printed - value <= 1e-9 * printed.abs();
    if falls_a_bit { printed } else { value }
}
