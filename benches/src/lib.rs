//! What the benchmarks share: directories to count in and to read.
//!
//! * `cargo bench --package benches` measures; medians are in `target/criterion`.
//! * `cargo test --package benches --benches` runs each benchmark once, to see that it works.
#![forbid(unsafe_code)]

use std::path::Path;

use metrics_core::{Buckets, Registry};
use store_mmap::MmapStore;
use tempfile::TempDir;

/// A directory in memory where there is one (`/dev/shm`), else in the usual place for temporary files: a disk that
/// writes pages back makes updates slow now and then, which is not what is measured.
pub fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a temporary directory can be made")
}

/// Series of the counter in [`write_processes`].
pub const COUNTERS: usize = 1_000;
/// Label sets of the histogram in [`write_processes`], 13 records each.
pub const HISTOGRAMS: usize = 200;

/// Fills a directory with the files of so many processes, all in Python's dialect: a counter with three labels and a
/// histogram with two. Each process has all [`COUNTERS`] series and [`HISTOGRAMS`] label sets.
pub fn write_processes(directory: &Path, processes: usize) {
    for _ in 0..processes {
        // A second store of one process writes files of its own, as another process would.
        let store = MmapStore::open(directory).expect("the directory is there");
        let registry = Registry::new(store);
        let requests =
            registry.counter("http_requests", "Requests served.").labels(["method", "path", "code"]);
        let requests = requests.expect("the declaration is valid");
        for series in 0..COUNTERS {
            let path = format!("/articles/{}", series / 4);
            requests
                .with([["GET", "POST"][series % 2], &path, ["200", "404"][series / 2 % 2]])
                .inc_by(series as f64);
        }
        let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let buckets = Buckets::new(bounds).expect("the bounds rise");
        let latency = registry.histogram("http_request_duration_seconds", "Time to serve a request.");
        let latency = latency.buckets(buckets).labels(["method", "path"]).expect("the declaration is valid");
        for set in 0..HISTOGRAMS {
            latency
                .with([["GET", "POST"][set % 2], &format!("/articles/{}", set / 2)])
                .observe(set as f64 / 16.0);
        }
    }
}
