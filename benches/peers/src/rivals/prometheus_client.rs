//! The crate prometheus-client: the official library.

use std::hint::black_box;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::deed::{BOUNDS, repeat, rotate};
use crate::families::{LabelSet, Page};
use crate::team::Deed;

/// Its name.
pub const NAME: &str = "prometheus-client";

type Float = Counter<f64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: String,
    path: String,
}

impl Labels {
    fn of(set: &LabelSet) -> Labels {
        Labels { method: set.method.to_owned(), path: set.path.clone() }
    }
}

/// One counter incremented.
pub fn inc() -> Deed {
    let counter = Float::default();
    repeat(move || {
        counter.inc();
    })
}

/// 64 counters incremented in turn.
pub fn inc_rotating() -> Deed {
    rotate(std::array::from_fn(|_| Float::default()), |counter| {
        counter.inc();
    })
}

/// A gauge set.
pub fn set() -> Deed {
    let gauge = Gauge::<f64, AtomicU64>::default();
    repeat(move || {
        gauge.set(black_box(3.0));
    })
}

/// A histogram observed: these values in turn.
pub fn observe(values: [f64; 64]) -> Deed {
    let histogram = Histogram::new(BOUNDS);
    rotate(values, move |&value| histogram.observe(value))
}

/// `get_or_create` of label sets in turn, then an increment; the struct of labels is made once.
pub fn lookup(sets: [LabelSet; 64]) -> Deed {
    let family = Family::<Labels, Float>::default();
    rotate(sets.map(|set| Labels::of(&set)), move |labels| {
        family.get_or_create(black_box(labels)).inc();
    })
}

/// The same with a struct of labels made for each increment, as from a request.
pub fn lookup_with_new_labels(sets: [LabelSet; 64]) -> Deed {
    let family = Family::<Labels, Float>::default();
    rotate(sets, move |set| {
        family.get_or_create(&Labels::of(black_box(set))).inc();
    })
}

/// Each thread looks up a label set of its own.
pub fn lookup_apart(sets: [LabelSet; 2]) -> Deed {
    let family = Family::<Labels, Float>::default();
    let labels = sets.map(|set| Labels::of(&set));
    Box::new(move |thread, times| {
        let labels = &labels[thread % 2];
        for _ in 0..times {
            family.get_or_create(black_box(labels)).inc();
        }
    })
}

/// The page, to be encoded into a `String` that is kept.
pub fn encoder(page: &Page) -> impl FnMut() -> usize + use<> {
    let mut registry = Registry::default();
    let requests = Family::<Labels, Float>::default();
    for (set, value) in &page.counters {
        requests.get_or_create(&Labels::of(set)).inc_by(*value);
    }
    registry.register("http_requests", "Requests served", requests);
    let latency = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
    for (set, values) in &page.histograms {
        values.iter().for_each(|&value| latency.get_or_create(&Labels::of(set)).observe(value));
    }
    registry.register("http_request_duration_seconds", "Time to serve", latency);
    let mut text = String::new();
    move || {
        text.clear();
        encode(&mut text, &registry).expect("a String takes everything");
        text.len()
    }
}
