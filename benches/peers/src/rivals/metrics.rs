//! The crates metrics and metrics-exporter-prometheus: a facade and its recorder.

use std::hint::black_box;
use std::sync::OnceLock;

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::deed::{BOUNDS, repeat, rotate};
use crate::families::{LabelSet, Page};
use crate::team::Deed;

/// Its name.
pub const NAME: &str = "metrics + metrics-exporter-prometheus";

/// The recorder behind the facade's macros. There is one for the process.
fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(&BOUNDS).expect("there are buckets");
        builder.install_recorder().expect("nobody else has installed one")
    })
}

/// One counter incremented by a kept handle.
pub fn inc() -> Deed {
    recorder();
    let counter = counter!("requests");
    repeat(move || counter.increment(1))
}

/// A gauge set by a kept handle.
pub fn set() -> Deed {
    recorder();
    let gauge = gauge!("level");
    repeat(move || gauge.set(black_box(3.0)))
}

/// A histogram recorded by a kept handle: these values in turn. The recorder keeps them until the next page, which
/// [`render`](PrometheusHandle::run_upkeep) empties.
pub fn observe(values: [f64; 64]) -> Deed {
    let recorder = recorder();
    let histogram = histogram!("latency");
    Box::new(move |_, times| {
        for turn in 0..times {
            histogram.record(values[(turn % 64) as usize]);
            if turn % 65_536 == 65_535 {
                recorder.run_upkeep();
            }
        }
        recorder.run_upkeep();
    })
}

/// The macro with two labels, label sets in turn, then an increment.
pub fn lookup(sets: [LabelSet; 64]) -> Deed {
    recorder();
    rotate(sets, |set| {
        let path = black_box(set).path.clone();
        counter!("http_requests", "method" => set.method, "path" => path).increment(1);
    })
}

/// The page, rendered. Made of what is recorded in the process by then.
pub fn encoder(page: &Page) -> impl FnMut() -> usize + use<> {
    let recorder = recorder();
    for (set, value) in &page.counters {
        let path = set.path.clone();
        counter!("page_requests", "method" => set.method, "path" => path).increment(*value as u64);
    }
    for (set, values) in &page.histograms {
        let path = set.path.clone();
        let latency = histogram!("page_duration_seconds", "method" => set.method, "path" => path);
        values.iter().for_each(|&value| latency.record(value));
    }
    move || recorder.render().len()
}
