//! Recorded directories, collected as a program would.
#![allow(dead_code)] // each test binary uses its part

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector::{Ask, Catalog, CollectError, Collector, DirSource, Directory};
use exposition::{Format, Syntax};
use metrics_core::{FamilySnapshot, Kind, Label, Sample, Snapshot};

/// The folder of a recorded case.
pub(crate) fn case(family: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(family).join(name)
}

/// Runs a future to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

/// A directory without labels.
pub(crate) fn directory(path: &Path) -> Directory {
    Directory { path: path.to_owned(), labels: Vec::new() }
}

/// A collector of one directory.
pub(crate) fn collector(path: &Path, catalog: Catalog) -> Collector {
    Collector::new(vec![Box::new(DirSource::new(vec![directory(path)], catalog).unwrap())])
}

/// The page of a directory, from scratch.
pub(crate) fn collect(path: &Path, catalog: Catalog, ask: &Ask) -> Result<Arc<Snapshot>, CollectError> {
    let collector = collector(path, catalog);
    block_on(collector.collect(ask))
}

/// A page as text.
pub(crate) fn encoded(format: Format, page: &Snapshot) -> String {
    let mut out = Vec::new();
    exposition::encode(format, page, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Unpacks `files.tar.gz` of a case.
pub(crate) fn unpack(archive: &Path) -> tempfile::TempDir {
    let into = tempfile::tempdir().unwrap();
    let file = std::fs::File::open(archive).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(into.path()).unwrap();
    into
}

/// A page without its order: by name of the family its kind, help, and sorted samples.
pub(crate) type Unordered = BTreeMap<String, (Kind, String, Vec<Line>)>;

/// A sample: name, labels sorted by name, bits of the value.
pub(crate) type Line = (String, Vec<Label>, u64);

/// A page without its order.
pub(crate) fn unordered(page: &Snapshot) -> Unordered {
    let family = |family: &FamilySnapshot| {
        let mut lines: Vec<Line> = family.samples.iter().map(line).collect();
        lines.sort();
        (family.name.to_string(), (family.kind, family.help.to_string(), lines))
    };
    page.families.iter().map(family).collect()
}

fn line(sample: &Sample) -> Line {
    let mut labels = sample.series.labels.to_vec();
    labels.sort();
    (sample.series.name.to_string(), labels, bits(sample.value))
}

/// Bits of a number, the same for every `NaN`.
pub(crate) fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// What a page says to a reader of its text.
pub(crate) fn read_back(page: &Snapshot) -> Snapshot {
    let mut out = Vec::new();
    exposition::encode(Format::TEXT, page, &mut out);
    exposition::parse(Syntax::Text0, &out).unwrap()
}
