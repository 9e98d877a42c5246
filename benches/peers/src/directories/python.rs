//! Files of one process in Python's dialect, by our own store.

use std::path::Path;

use metrics_core::{Aggregation, Buckets, Registry};
use store_mmap::MmapStore;

use super::value;

const MODES: [&str; 8] = ["all", "liveall", "min", "max", "sum", "mostrecent", "livesum", "livemax"];
/// Python's default buckets, without `+Inf`.
const PYTHON_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(super) fn write(directory: &Path, process: usize, records: usize) -> anyhow::Result<()> {
    const COUNTERS: usize = 10;
    const HISTOGRAMS: usize = 5;
    const RECORDS_OF_A_HISTOGRAM: usize = 16;

    let registry = Registry::new(MmapStore::open(directory)?);
    let (counters, gauges) = (records * 40 / 100, records * 20 / 100);
    let histograms = (records - counters - gauges) / RECORDS_OF_A_HISTOGRAM;
    for family in 0..COUNTERS.min(counters) {
        let name = format!("app_requests_{family}");
        let requests = registry.counter(&name, "Requests served by this part of the application.");
        let requests = requests.labels(["method", "path"])?;
        for series in (family..counters).step_by(COUNTERS) {
            let path = format!("/api/v1/articles/{}", series / 20);
            let method = ["GET", "POST"][series / COUNTERS % 2];
            requests.with([method, &path]).inc_by(value(process, series));
        }
    }
    for (at, mode) in MODES.into_iter().enumerate() {
        let name = format!("app_level_{mode}");
        let level = registry.gauge(&name, "How full a queue is, by mode of aggregation.");
        let level = level.aggregation(mode.parse::<Aggregation>()?).labels(["queue", "host"])?;
        for series in (at..gauges).step_by(MODES.len()) {
            let queue = format!("queue-{}", series / MODES.len());
            level.with([&queue, "web-1.example.org"]).set(value(process, series));
        }
    }
    for family in 0..HISTOGRAMS.min(histograms) {
        let name = format!("app_duration_{family}_seconds");
        let duration = registry.histogram(&name, "Time to serve a request.");
        let duration = duration.buckets(Buckets::new(PYTHON_BOUNDS)?).labels(["method", "path"])?;
        for series in (family..histograms).step_by(HISTOGRAMS) {
            let path = format!("/api/v1/articles/{}", series / (2 * HISTOGRAMS));
            let child = duration.with([["GET", "POST"][series / HISTOGRAMS % 2], &path]);
            for turn in 0..1 + (series + process) % 4 {
                child.observe(PYTHON_BOUNDS[(series * 3 + turn * 5) % 14] / 2.0);
            }
        }
    }
    Ok(())
}
