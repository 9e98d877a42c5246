//! What happens in a sequence, and how sequences are made up.

use proptest::prelude::*;

use crate::families::{Series, pool};

/// One thing that happens. Stores and series are numbers that are taken modulo how many there are.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A store is asked for a child that it may have handed out before.
    Ask { store: usize, series: usize },
    /// A child is changed, in the way that its kind allows.
    Change { store: usize, series: usize, change: Change },
    /// One more process opens a store.
    Open,
    /// A process ends and another one opens a store.
    Reopen { store: usize },
    /// The merged page is read.
    Read,
}

/// How a child is changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// A multiple of an eighth.
    pub(crate) by: f64,
    /// Whether a gauge is set instead of added to.
    pub(crate) set: bool,
}

/// A sequence: the series that it is about, few, so that steps meet; and the steps.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    series: Vec<usize>,
    pub(crate) steps: Vec<Step>,
}

impl Sequence {
    pub(crate) fn series(&self, number: usize) -> &'static Series {
        &pool()[self.series[number % self.series.len()]]
    }
}

/// Sequences of up to `most` steps, with up to `stores` stores open at a time.
pub(crate) fn sequences(most: usize) -> impl Strategy<Value = Sequence> {
    // Neighbours in the pool are label sets of one family, which a store could take for one another.
    let neighbours =
        (0..pool().len(), 1..4_usize).prop_map(|(first, len)| first..(first + len).min(pool().len()));
    let series =
        prop::collection::vec(neighbours, 1..4).prop_map(|runs| runs.into_iter().flatten().collect());
    (series, prop::collection::vec(step(), 0..most)).prop_map(|(series, steps)| Sequence { series, steps })
}

fn step() -> impl Strategy<Value = Step> {
    let store = 0..4_usize;
    let series = 0..8_usize;
    prop_oneof![
        12 => (store.clone(), series.clone(), change())
            .prop_map(|(store, series, change)| Step::Change { store, series, change }),
        3 => (store.clone(), series).prop_map(|(store, series)| Step::Ask { store, series }),
        1 => Just(Step::Open),
        1 => store.prop_map(|store| Step::Reopen { store }),
        1 => Just(Step::Read),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let eighths = prop_oneof![4 => -100_i32..100, 1 => -50_000_000_i32..50_000_000];
    (eighths, any::<bool>()).prop_map(|(eighths, set)| Change { by: f64::from(eighths) / 8.0, set })
}
