//! What stores should have counted, kept as simply as can be.

use std::ptr;

use metrics_core::{Kind, Mode, Part};

use crate::families::Series;
use crate::steps::Change;

/// All stores opened so far; those that were dropped stay on the page.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) stores: Vec<Vec<(&'static Series, Numbers)>>,
    /// Counts the changes, to tell which of two came last.
    changes: u64,
}

/// What one store has for one series.
#[derive(Clone, Default)]
pub(crate) struct Numbers {
    pub(crate) value: f64,
    pub(crate) sum: f64,
    /// Every observation: its bucket.
    pub(crate) observed: Vec<usize>,
    /// Which change set it last; 0 when none did.
    pub(crate) set_at: u64,
}

impl Model {
    pub(crate) fn numbers(&mut self, store: usize, series: &'static Series) -> &mut Numbers {
        let store = &mut self.stores[store];
        let at = store.iter().position(|(of, _)| ptr::eq(*of, series)).unwrap_or_else(|| {
            store.push((series, Numbers::default()));
            store.len() - 1
        });
        &mut store[at].1
    }

    pub(crate) fn change(&mut self, store: usize, series: &'static Series, change: &Update) {
        self.changes += 1;
        let now = self.changes;
        let numbers = self.numbers(store, series);
        match *change {
            Update::Add(by) => numbers.value += by,
            Update::Set(to) => (numbers.value, numbers.set_at) = (to, now),
            Update::Observe(bucket, value) => {
                numbers.observed.push(bucket);
                numbers.sum += value;
            }
        }
    }

    /// Every series that any store was asked for, in the order of first asking.
    pub(crate) fn series(&self) -> Vec<&'static Series> {
        let mut all: Vec<&'static Series> = Vec::new();
        for (series, _) in self.stores.iter().flatten() {
            if !all.iter().any(|known| ptr::eq(*known, *series)) {
                all.push(series);
            }
        }
        all
    }

    /// What each store that was asked for `series` has.
    pub(crate) fn of(&self, series: &Series) -> Vec<&Numbers> {
        self.stores
            .iter()
            .flatten()
            .filter(|(of, _)| ptr::eq(*of, series))
            .map(|(_, numbers)| numbers)
            .collect()
    }
}

impl Numbers {
    pub(crate) fn get(&self, kind: Kind, part: Part) -> f64 {
        let observes = matches!(kind, Kind::Histogram | Kind::Summary);
        match part {
            Part::Value => self.value,
            Part::Sum => self.sum,
            Part::Count if observes => self.observed.len() as f64,
            Part::Bucket(bucket) if kind == Kind::Histogram => {
                self.observed.iter().filter(|&&of| of == bucket).count() as f64
            }
            _ => 0.0,
        }
    }
}

/// A [`Change`] in the words of a child.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Update {
    Add(f64),
    Set(f64),
    /// A bucket and a value.
    Observe(usize, f64),
}

impl Update {
    /// How `change` is done to a child of `series`: counters only grow, a most recent value is only set.
    pub(crate) fn new(series: &Series, change: Change) -> Update {
        let desc = &series.desc;
        match desc.kind() {
            Kind::Counter => Update::Add(change.by.abs()),
            Kind::Gauge if change.set || desc.aggregation().mode == Mode::MostRecent => {
                Update::Set(change.by)
            }
            Kind::Gauge => Update::Add(change.by),
            _ => Update::Observe(desc.buckets().find(change.by), change.by),
        }
    }
}
