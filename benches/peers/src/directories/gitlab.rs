//! Files of one process in the dialect of GitLab's prometheus-client-mmap.
//!
//! Our stores do not write it: it has no place for times. Its bytes are known all the same.

use std::path::Path;

use anyhow::{Context, ensure};
use dialects::{Dialect, HEADER_LEN, file_name, grown_len, header, initial_len, push_record};
use metrics_core::{Buckets, Declaration, Desc, Kind, Part};

use super::{COUNTER_SERIES, HISTOGRAM_SETS, counter_labels, histogram_labels, value};
use crate::deed::BOUNDS;
use crate::families::value_in_bucket;

/// Writes both files.
pub(super) fn write(directory: &Path, process: usize) -> anyhow::Result<()> {
    let labels = ["method", "path", "code"];
    let requests = Desc::new(&Declaration {
        labels: &labels,
        ..Declaration::new(Kind::Counter, "http_requests_total", "")
    })?;
    let mut file = vec![0; HEADER_LEN];
    for series in 0..COUNTER_SERIES {
        let labels = counter_labels(series);
        push(&requests, labels.each_ref().map(|value| &**value).as_slice(), &mut file, |_| {
            value(process, series)
        });
    }
    finish(directory, &requests, process, file)?;

    let declared = Declaration {
        labels: &labels[..2],
        buckets: Some(Buckets::new(BOUNDS)?),
        ..Declaration::new(Kind::Histogram, "http_request_duration_seconds", "")
    };
    let duration = Desc::new(&declared)?;
    let sum: f64 = (0..=BOUNDS.len()).map(value_in_bucket).sum();
    let mut file = vec![0; HEADER_LEN];
    for set in 0..HISTOGRAM_SETS {
        let labels = histogram_labels(set);
        // One observation in each bucket; on disk they are cumulative.
        push(&duration, labels.each_ref().map(|value| &**value).as_slice(), &mut file, |part| match part {
            Part::Bucket(bucket) => bucket as f64 + 1.0,
            Part::Count => BOUNDS.len() as f64 + 1.0,
            _ => sum,
        });
    }
    finish(directory, &duration, process, file)
}

fn push(desc: &Desc, labels: &[&str], file: &mut Vec<u8>, value: impl Fn(Part) -> f64) {
    for (part, key) in dialects::keys(Dialect::Gitlab, desc, labels, "") {
        push_record(Dialect::Gitlab, &key, value(part), 0.0, file);
    }
}

fn finish(directory: &Path, desc: &Desc, process: usize, mut file: Vec<u8>) -> anyhow::Result<()> {
    let used = file.len();
    let head = header(used).context("the file is too long")?;
    file[..HEADER_LEN].copy_from_slice(&head);
    let len = grown_len(Dialect::Gitlab, initial_len(Dialect::Gitlab), used as u64);
    ensure!(len >= used as u64, "{used} bytes do not fit {len}");
    file.resize(len as usize, 0);
    let name = file_name(Dialect::Gitlab, desc, &format!("process_id_{process}"));
    let path = directory.join(name);
    std::fs::write(&path, file).with_context(|| format!("write {}", path.display()))
}
