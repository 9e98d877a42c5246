//! The stores under test, and a reader of their files that is too simple to be wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dialects::Dialect;
use metrics_core::{Aggregation, Child, Declaration, Desc, Kind, Mode, Store};
use record_store::{Figures, Options};
use store_file::FileStore;
use store_mmap::MmapStore;

/// A store of either kind, and the warnings it gave.
pub(crate) struct Opened {
    pub(crate) store: Box<dyn Store>,
    figures: Box<dyn Fn() -> Figures + Send + Sync>,
    pub(crate) dialect: Dialect,
    pub(crate) warnings: Arc<Mutex<Vec<String>>>,
    pub(crate) warned: Arc<AtomicUsize>,
}

/// Runs `test` with every medium in every dialect that is written, each in a directory of its own.
pub(crate) fn each(test: impl Fn(&Path, &dyn Fn(&Path) -> Opened)) {
    for dialect in [Dialect::PYTHON, Dialect::Ruby] {
        for mmap in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            test(directory.path(), &|directory| open(directory, mmap, dialect));
        }
    }
}

pub(crate) fn open(directory: &Path, mmap: bool, dialect: Dialect) -> Opened {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let warned = Arc::new(AtomicUsize::new(0));
    let (list, count) = (warnings.clone(), warned.clone());
    let warn = Arc::new(move |error: &metrics_core::StoreError| {
        count.fetch_add(1, Ordering::Relaxed);
        list.lock().unwrap().push(error.to_string());
    });
    let options = Options { dialect, warn };
    let (store, figures): (Box<dyn Store>, Box<dyn Fn() -> Figures + Send + Sync>) = if mmap {
        let store = MmapStore::open_with(directory, options).unwrap();
        (Box::new(store.clone()), Box::new(move || store.figures()))
    } else {
        let store = FileStore::open_with(directory, options).unwrap();
        (Box::new(store.clone()), Box::new(move || store.figures()))
    };
    Opened { store, figures, dialect, warnings, warned }
}

impl Opened {
    pub(crate) fn counter(&self, label: &str) -> &'static dyn Child {
        self.store.child(&counter(), &[label]).unwrap()
    }

    pub(crate) fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> &'static dyn Child {
        self.store.child(desc, labels).unwrap()
    }

    pub(crate) fn homeless(&self) -> usize {
        (self.figures)().homeless
    }

    pub(crate) fn figures(&self) -> Figures {
        (self.figures)()
    }
}

/// The counter that most tests count with.
pub(crate) fn counter() -> Arc<Desc> {
    let declared = Declaration { labels: &["of"], ..Declaration::new(Kind::Counter, "requests", "Help.") };
    Arc::new(Desc::new(&declared).unwrap())
}

/// A gauge that shows what was set last.
pub(crate) fn most_recent() -> Arc<Desc> {
    let aggregation = Some(Aggregation { mode: Mode::MostRecent, live: false });
    Arc::new(Desc::new(&Declaration { aggregation, ..Declaration::new(Kind::Gauge, "g", "h") }).unwrap())
}

/// The key text of [`counter`]'s record with this label.
pub(crate) fn key(dialect: Dialect, label: &str) -> String {
    let [(_, key)] = &dialects::keys(dialect, &counter(), &[label], "")[..] else { panic!("one record") };
    String::from_utf8(key.clone()).unwrap()
}

/// The records of one file, in their order: key, value, time.
pub(crate) fn records(dialect: Dialect, file: &Path) -> Vec<(String, f64, f64)> {
    let bytes = std::fs::read(file).unwrap();
    let used = dialects::used(&bytes);
    assert!(used >= 8 && used <= bytes.len(), "{} of {} bytes in use", used, bytes.len());
    dialects::records(dialect, &bytes[..used], 8)
        .map(|record| record.unwrap())
        .map(|record| (String::from_utf8(record.key.to_vec()).unwrap(), record.value, record.timestamp))
        .collect()
}

/// The record files of a directory, sorted.
pub(crate) fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| dialects::is_metrics_file(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// Each key's sum over all files of a directory. In Ruby's dialect no file may hold a key twice.
pub(crate) fn totals(dialect: Dialect, directory: &Path) -> BTreeMap<String, f64> {
    let mut totals = BTreeMap::new();
    for file in files(directory) {
        let records = records(dialect, &file);
        let keys: std::collections::BTreeSet<_> = records.iter().map(|record| &record.0).collect();
        let twice = keys.len() != records.len();
        assert!(!twice || dialect != Dialect::Ruby, "a key stands twice in {}", file.display());
        for (key, value, _) in records {
            *totals.entry(key).or_insert(0.0) += value;
        }
    }
    totals
}

/// The sum of [`counter`]'s record with this label over all files; `None` when no file has it.
pub(crate) fn total(dialect: Dialect, directory: &Path, label: &str) -> Option<f64> {
    totals(dialect, directory).get(&key(dialect, label)).copied()
}
