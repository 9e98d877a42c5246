//! A store whose numbers are written to record files as they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialects::Dialect;
use metrics_core::{Child, Desc, Store, StoreError};
use record_store::{Figures, Options, RecordStore};

use crate::medium::Written;

/// A store whose numbers are written to record files as they change.
///
/// Cheap to clone; clones are one store. Opening the same directory twice makes two stores, which write under
/// two identifiers as two processes would.
#[derive(Clone, Debug)]
pub struct FileStore(RecordStore<Written>);

impl FileStore {
    /// A store in `directory`, in the dialect of client_ruby.
    ///
    /// The directory is made if it does not exist; files appear with the first label set.
    ///
    /// # Errors
    /// When `directory` cannot be made, or is something else.
    pub fn open(directory: impl Into<PathBuf>) -> Result<FileStore, StoreError> {
        FileStore::open_with(directory, Options::new(Dialect::Ruby))
    }

    /// A store in `directory`, with these options.
    ///
    /// # Errors
    /// As [`FileStore::open`], and when the dialect is one that is only read.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use store_file::{FileStore, Options};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let options = Options {
    ///     warn: Arc::new(|error| eprintln!("metrics: {error}")),
    ///     ..Options::new(dialects::Dialect::PYTHON)
    /// };
    /// let store = FileStore::open_with(directory.path().join("made/for/you"), options)?;
    /// assert!(store.directory().is_dir());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_with(directory: impl Into<PathBuf>, options: Options) -> Result<FileStore, StoreError> {
        RecordStore::open(directory, options).map(FileStore)
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

impl Store for FileStore {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        self.0.child(desc, labels)
    }
}
