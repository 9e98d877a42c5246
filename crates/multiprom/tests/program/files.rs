//! Directories of metrics files made for a test, record by record.

use std::path::{Path, PathBuf};

use dialects::{Dialect, HEADER_LEN, finish_archive, header, push_record};
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

    /// What is left of a fold into `counter_archive.db` that was killed before it had deleted what it had folded in the
    /// round before its last: process 1 is in the archive, 2 and 3 are not, and 3 has come again.
    pub(crate) fn interrupted_fold() -> Files {
        let files = Files::new();
        let key = r#"["a", "a_total", {}, "A."]"#;
        let retired =
            |round, process| format!(".multiprom-fold~{round}~counter_archive.db~counter_{process}.db");
        files
            .python(&retired(5, "1"), &[(key, 1.0)])
            .python(&retired(7, "2"), &[(key, 20.0)])
            .python(&retired(7, "3"), &[(key, 300.0)])
            .python("counter_3.db", &[(key, 4000.0)]);
        let mut archive = vec![0; HEADER_LEN];
        push_record(Dialect::PYTHON, key.as_bytes(), 1.0, 0.0, &mut archive);
        files.write_bytes("counter_archive.db", &finish_archive(archive, 5).unwrap());
        files
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
