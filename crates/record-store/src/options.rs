//! What can be chosen when a store is opened.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::Arc;

use dialects::Dialect;
use metrics_core::StoreError;

/// Told once in each process when numbers cannot be written, and again when that happens after a recovery.
///
/// Called on whatever thread met the trouble, without any lock of the store held.
pub type Warn = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// What can be chosen when a store is opened.
#[derive(Clone)]
pub struct Options {
    /// In which bytes records are written: [`Dialect::PYTHON`] or [`Dialect::Ruby`].
    pub dialect: Dialect,
    /// Told when numbers cannot be written. Says so on standard error if nothing else is chosen.
    pub warn: Warn,
}

impl Options {
    /// Records in `dialect`, and warnings on standard error.
    pub fn new(dialect: Dialect) -> Options {
        Options { dialect, warn: Arc::new(warn_on_stderr) }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

/// One line, written past the lock of `std::io::stderr`: in a forked process a thread that stayed behind may
/// hold it for ever. Nobody is left to hear of an error here.
fn warn_on_stderr(error: &StoreError) {
    if let Ok(descriptor) = std::io::stderr().as_fd().try_clone_to_owned() {
        let line = format!("multiprom: {error}; counting in memory until it can be written\n");
        let _ = File::from(descriptor).write_all(line.as_bytes());
    }
}
