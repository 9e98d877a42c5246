//! The few things that are done with files, so that a test can cut the power in the midst of them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) mod model;

/// One directory and the files in it.
pub(crate) trait Disk: Send + Sync {
    /// The names of its files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// A new file, empty; one of this name that is there is emptied.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// The file of this name, to be read and written.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name, in place of one that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Lets go of a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns once all names given, changed and let go of so far will last.
    fn sync_names(&self) -> io::Result<()>;

    /// Where a file is, for messages.
    fn path(&self, name: &str) -> PathBuf;
}

/// An open file.
pub(crate) trait DiskFile: Send + Sync {
    /// Writes all of it there.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Reads what is there: less than asked for at the end of the file, or where the system gave less.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;

    /// How many bytes it has.
    fn length(&self) -> io::Result<u64>;

    /// Returns once all that was written so far will last: `fdatasync`.
    fn sync(&self) -> io::Result<()>;
}

/// A directory of the system's.
pub(crate) struct Directory {
    path: PathBuf,
    /// Open while the store is: who holds the lock of it has the directory.
    _lock: File,
}

/// The name of the file whose lock says that a directory is in use.
const LOCK: &str = "lock";

/// Why a directory cannot be used.
pub(crate) enum Refused {
    /// Another process has it.
    InUse,
    /// The system says no: doing what, and why.
    Failed(&'static str, PathBuf, io::Error),
}

impl Directory {
    /// This directory, made if need be, for this process alone.
    pub(crate) fn lock(path: &Path) -> Result<Directory, Refused> {
        let is_new = !path.exists();
        std::fs::create_dir_all(path).map_err(|error| Refused::Failed("make", path.to_owned(), error))?;
        if is_new {
            // So that the directory itself is there after a power cut.
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            let synced = File::open(parent).and_then(|parent| parent.sync_all());
            synced.map_err(|error| Refused::Failed("sync", parent.to_owned(), error))?;
        }
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(|error| Refused::Failed("open", lock_path.clone(), error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Directory { path: path.to_owned(), _lock: lock }),
            Err(std::fs::TryLockError::WouldBlock) => Err(Refused::InUse),
            Err(std::fs::TryLockError::Error(error)) => Err(Refused::Failed("lock", lock_path, error)),
        }
    }
}

impl Disk for Directory {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            // Ours are plain text; what else lies there is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        Ok(Box::new(options.read(true).write(true).create(true).truncate(true).open(self.path(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(self.path(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, into, at)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
