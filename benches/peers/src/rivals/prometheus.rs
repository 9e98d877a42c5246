//! The crate prometheus.

use std::hint::black_box;

use prometheus::{
    Counter, CounterVec, Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, Opts, Registry, TextEncoder,
};

use crate::deed::{BOUNDS, repeat, rotate};
use crate::families::{LabelSet, Page};
use crate::team::Deed;

/// Its name.
pub const NAME: &str = "prometheus";

const VALID: &str = "the declaration is valid";

fn counters() -> CounterVec {
    CounterVec::new(Opts::new("http_requests", "Requests served."), &["method", "path"]).expect(VALID)
}

/// One counter incremented.
pub fn inc() -> Deed {
    let counter = Counter::new("requests", "Requests.").expect(VALID);
    repeat(move || counter.inc())
}

/// 64 counters incremented in turn.
pub fn inc_rotating() -> Deed {
    let counters = std::array::from_fn(|_| Counter::new("requests", "Requests.").expect(VALID));
    rotate(counters, |counter| counter.inc())
}

/// A gauge set.
pub fn set() -> Deed {
    let gauge = Gauge::new("level", "Set.").expect(VALID);
    repeat(move || gauge.set(black_box(3.0)))
}

/// A histogram observed: these values in turn.
pub fn observe(values: [f64; 64]) -> Deed {
    let options = HistogramOpts::new("latency", "Observed.").buckets(BOUNDS.to_vec());
    let histogram = Histogram::with_opts(options).expect(VALID);
    rotate(values, move |&value| histogram.observe(value))
}

/// `with_label_values` of label sets in turn, then an increment.
pub fn lookup(sets: [LabelSet; 64]) -> Deed {
    let family = counters();
    rotate(sets, move |set| family.with_label_values(black_box(&[set.method, &set.path])).inc())
}

/// Each thread looks up a label set of its own.
pub fn lookup_apart(sets: [LabelSet; 2]) -> Deed {
    let family = counters();
    Box::new(move |thread, times| {
        let set = &sets[thread % 2];
        for _ in 0..times {
            family.with_label_values(black_box(&[set.method, &set.path])).inc();
        }
    })
}

/// The page, gathered and encoded into a buffer that is kept.
pub fn encoder(page: &Page) -> impl FnMut() -> usize + use<> {
    let registry = Registry::new();
    let requests = counters();
    for (set, value) in &page.counters {
        requests.with_label_values(&[set.method, &set.path]).inc_by(*value);
    }
    let options =
        HistogramOpts::new("http_request_duration_seconds", "Time to serve.").buckets(BOUNDS.to_vec());
    let latency = HistogramVec::new(options, &["method", "path"]).expect(VALID);
    for (set, values) in &page.histograms {
        values.iter().for_each(|&value| latency.with_label_values(&[set.method, &set.path]).observe(value));
    }
    registry.register(Box::new(requests)).expect(VALID);
    registry.register(Box::new(latency)).expect(VALID);
    let mut text = Vec::new();
    move || {
        text.clear();
        TextEncoder::new().encode(&registry.gather(), &mut text).expect("a Vec takes everything");
        text.len()
    }
}
