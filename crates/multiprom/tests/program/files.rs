//! Directories of metrics files made for a test, record by record.

use std::path::{Path, PathBuf};

use dialects::{Dialect, HEADER_LEN, header, push_record};
use tempfile::TempDir;

/// A directory of files that a test writes.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Files {
        Files(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A sound file of a dialect with these records.
    pub(crate) fn write(&self, dialect: Dialect, name: &str, records: &[(&str, f64)]) -> &Files {
        self.write_bytes(name, &sound(dialect, records))
    }

    /// A sound file as today's Python client writes it.
    pub(crate) fn python(&self, name: &str, records: &[(&str, f64)]) -> &Files {
        self.write(Dialect::PYTHON, name, records)
    }

    pub(crate) fn write_bytes(&self, name: &str, bytes: &[u8]) -> &Files {
        std::fs::write(self.join(name), bytes).unwrap();
        self
    }
}

/// The bytes of a sound file, up to what is in use and zeros behind it.
pub(crate) fn sound(dialect: Dialect, records: &[(&str, f64)]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    for (key, value) in records {
        push_record(dialect, key.as_bytes(), *value, 0.0, &mut bytes);
    }
    let used = bytes.len();
    bytes[..HEADER_LEN].copy_from_slice(&header(used).unwrap());
    bytes.resize(used.next_multiple_of(4096), 0);
    bytes
}

/// The metrics files of a directory, by name.
pub(crate) fn files_in(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
