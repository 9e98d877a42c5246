//! Files of one process in the dialect of client_ruby's DirectFileStore, by our own store.

use std::path::Path;

use metrics_core::{Buckets, Registry};
use store_file::FileStore;

use super::{COUNTER_SERIES, HISTOGRAM_SETS, counter_labels, histogram_labels, value};
use crate::deed::BOUNDS;
use crate::families::value_in_bucket;

pub(super) fn write(directory: &Path, process: usize) -> anyhow::Result<()> {
    let registry = Registry::new(FileStore::open(directory)?);
    let requests = registry.counter("http_requests_total", "").labels(["method", "path", "code"])?;
    for series in 0..COUNTER_SERIES {
        requests.with(counter_labels(series).each_ref().map(|value| &**value)).inc_by(value(process, series));
    }
    let duration = registry.histogram("http_request_duration_seconds", "").buckets(Buckets::new(BOUNDS)?);
    let duration = duration.labels(["method", "path"])?;
    for set in 0..HISTOGRAM_SETS {
        let child = duration.with(histogram_labels(set).each_ref().map(|value| &**value));
        (0..=BOUNDS.len()).for_each(|bucket| child.observe(value_in_bucket(bucket)));
    }
    Ok(())
}
