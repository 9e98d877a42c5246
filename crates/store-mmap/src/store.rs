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
