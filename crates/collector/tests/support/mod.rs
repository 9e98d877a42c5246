//! Recorded directories, collected as a program would.
#![allow(dead_code)] // each test binary uses its part

use std::path::{Path, PathBuf};
use std::sync::Arc;

use collector::{Ask, Catalog, CollectError, Collector, DirSource, Directory};
use exposition::Format;
use metrics_core::Snapshot;

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
