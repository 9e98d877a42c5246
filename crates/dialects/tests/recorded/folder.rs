//! The folders of recorded cases, which lie with the collector.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

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

/// All files of a client's cases, sorted by case and name.
pub(crate) fn files(client: &str) -> Vec<File> {
    cases(client).iter().flat_map(|case| files_of(case)).collect()
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

/// A JSON file of a case; null where there is none.
pub(crate) fn json(case: &Path, name: &str) -> Value {
    std::fs::read(case.join(name)).map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap())
}
