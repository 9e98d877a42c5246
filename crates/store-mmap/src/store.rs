//! A store whose numbers are words in shared mappings of record files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialects::Dialect;
use metrics_core::{Child, Desc, Store, StoreError};
use record_store::{Figures, Options, RecordStore};

use crate::medium::Mapped;

/// A store whose numbers are words in shared mappings of record files.
///
/// Cheap to clone; clones are one store. Opening the same directory twice makes two stores, which write under
/// two identifiers as two processes would.
#[derive(Clone, Debug)]
pub struct MmapStore(RecordStore<Mapped>);

impl MmapStore {
    /// A store in `directory`, in the dialect of Python's client.
    ///
    /// The directory is made if it does not exist; files appear with the first label set.
    ///
    /// # Errors
    /// When `directory` cannot be made, or is something else.
    pub fn open(directory: impl Into<PathBuf>) -> Result<MmapStore, StoreError> {
        MmapStore::open_with(directory, Options::new(Dialect::PYTHON))
    }

    /// A store in `directory`, with these options.
    ///
    /// # Errors
    /// As [`MmapStore::open`], and when the dialect is one that is only read.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use store_mmap::{MmapStore, Options};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let options = Options {
    ///     warn: Arc::new(|error| eprintln!("metrics: {error}")),
    ///     ..Options::new(dialects::Dialect::Ruby)
    /// };
    /// let store = MmapStore::open_with(directory.path().join("made/for/you"), options)?;
    /// assert!(store.directory().is_dir());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_with(directory: impl Into<PathBuf>, options: Options) -> Result<MmapStore, StoreError> {
        RecordStore::open(directory, options).map(MmapStore)
    }

    /// Where the files are.
    pub fn directory(&self) -> &Path {
        self.0.directory()
    }

    /// Deletes this process's files of the families that `is_meant` accepts, with all that stands in them: see
    /// [`RecordStore::delete`].
    ///
    /// # Errors
    /// When a file cannot be deleted.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use metrics_core::{Aggregation, Declaration, Desc, Kind, Store};
    /// let directory = tempfile::tempdir()?;
    /// let store = store_mmap::MmapStore::open(directory.path())?;
    /// let gauge = |name, aggregation| {
    ///     let declared = Declaration { aggregation: Some(aggregation), ..Declaration::new(Kind::Gauge, name, "") };
    ///     Desc::new(&declared).map(Arc::new)
    /// };
    /// store.child(&gauge("open", Aggregation::SUM)?, &[])?.set(1.0);
    /// let peak = store.child(&gauge("peak", Aggregation::MAX)?, &[])?;
    /// peak.set(2.0);
    /// let files = || -> std::io::Result<Vec<String>> {
    ///     let names = std::fs::read_dir(directory.path())?.map(|entry| entry.map(|entry| entry.file_name()));
    ///     let names = names.map(|name| name.map(|name| name.to_string_lossy().into_owned()));
    ///     names.filter(|name| name.as_ref().is_ok_and(|name| name.starts_with("gauge"))).collect()
    /// };
    /// assert_eq!(files()?.len(), 2);
    ///
    /// store.delete(|desc| desc.aggregation() == Aggregation::MAX)?;
    /// let sums = format!("gauge_sum_{}-r0.db", std::process::id());
    /// assert_eq!(files()?, [sums]);
    /// peak.set(3.0); // seen by nobody
    /// store.child(&gauge("peak_again", Aggregation::MAX)?, &[])?.set(4.0);
    /// assert_eq!(files()?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delete(&self, is_meant: impl Fn(&Desc) -> bool) -> Result<(), StoreError> {
        self.0.delete(is_meant)
    }

    /// How it goes, in this process.
    pub fn figures(&self) -> Figures {
        self.0.figures()
    }
}

impl Store for MmapStore {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        self.0.child(desc, labels)
    }
}
