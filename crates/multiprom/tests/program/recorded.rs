//! Directories that real clients wrote, and what they print for them.

use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tempfile::TempDir;

/// A recorded directory, and the folder with the pages expected of it.
pub(crate) struct Recorded {
    folder: PathBuf,
    directory: TempDir,
}

/// Where the recorded directories are.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../collector/tests/fixtures")
}

impl Recorded {
    /// Unpacks `case`, as `python-multiprocess/01-basic`.
    pub(crate) fn new(case: &str) -> Recorded {
        let folder = fixtures().join(case);
        let directory = TempDir::new().unwrap();
        let archive = std::fs::File::open(folder.join("files.tar.gz")).unwrap();
        tar::Archive::new(GzDecoder::new(archive)).unpack(directory.path()).unwrap();
        Recorded { folder, directory }
    }

    pub(crate) fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    pub(crate) fn expected(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }
}
