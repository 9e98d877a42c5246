//! The folders of recorded cases, which lie with the collector.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use dialects::{Damage, Dialect, HEADER_LEN, Record, records};
use flate2::read::GzDecoder;
use serde_json::Value;

/// A file as a client left it.
pub(crate) struct File {
    pub(crate) case: String,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl File {
    /// The file up to `used`, or as far as it goes.
    pub(crate) fn in_use(&self) -> &[u8] {
        &self.bytes[..dialects::used(&self.bytes).min(self.bytes.len())]
    }

    /// Whether the header claims no more than there is. (What an empty file claims is nothing.)
    pub(crate) fn is_sound(&self) -> bool {
        (HEADER_LEN..=self.bytes.len()).contains(&dialects::used(&self.bytes))
    }

    /// For messages.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.case, self.name)
    }
}

/// The cases of a client, in the order of their names.
pub(crate) fn cases(client: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../collector/tests/fixtures").join(client);
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no cases in {}", folder.display());
    cases
}

/// All files of a client's cases, sorted by case and name. Unpacked once: that takes the time of these tests.
pub(crate) fn files(client: &str) -> &'static [File] {
    static UNPACKED: Mutex<BTreeMap<String, &[File]>> = Mutex::new(BTreeMap::new());
    UNPACKED.lock().unwrap().entry(client.to_owned()).or_insert_with(|| {
        let files: Vec<File> = cases(client).iter().flat_map(|case| files_of(case)).collect();
        files.leak()
    })
}

/// The files of one case, sorted by name.
pub(crate) fn files_of(case: &Path) -> Vec<File> {
    let name = case.file_name().unwrap().to_str().unwrap();
    let mut files = Vec::new();
    let mut keep = |path: &Path, bytes| {
        let name_of_file = path.file_name().unwrap().to_str().unwrap();
        if matches!(path.extension().and_then(OsStr::to_str), Some("db" | "bin")) {
            files.push(File { case: name.to_owned(), name: name_of_file.to_owned(), bytes });
        }
    };
    for archive in ["files.tar.gz", "data.tar.gz"] {
        if let Ok(packed) = std::fs::File::open(case.join(archive)) {
            for entry in tar::Archive::new(GzDecoder::new(packed)).entries().unwrap() {
                let mut entry = entry.unwrap();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                keep(&entry.path().unwrap(), bytes);
            }
        }
    }
    if let Ok(folder) = std::fs::read_dir(case.join("data")) {
        for entry in folder {
            let path = entry.unwrap().path();
            keep(&path, std::fs::read(&path).unwrap());
        }
    }
    assert!(!files.is_empty(), "no files in {}", case.display());
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// One file of a client's case.
pub(crate) fn file(client: &str, case: &str, name: &str) -> File {
    let case = cases(client).into_iter().find(|path| path.ends_with(case)).unwrap();
    files_of(&case).into_iter().find(|file| file.name == name).unwrap()
}

/// The files of an old version of Python's client, sorted by name.
pub(crate) fn files_of_old_python(version: &str) -> Vec<File> {
    files_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(format!("python-{version}")))
}

/// A JSON file of a case; null where there is none.
pub(crate) fn json(case: &Path, name: &str) -> Value {
    std::fs::read(case.join(name)).map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap())
}

/// Every whole record of a file and the damage behind them.
pub(crate) fn read(dialect: Dialect, bytes: &[u8]) -> (Vec<Record<'_>>, Option<Damage>) {
    let mut whole = Vec::new();
    for record in records(dialect, bytes, HEADER_LEN) {
        match record {
            Ok(record) => whole.push(record),
            Err(damage) => return (whole, Some(damage)),
        }
    }
    (whole, None)
}
