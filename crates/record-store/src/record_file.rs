//! One record file of this process: how it comes into being, and how records are appended.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialects::{Dialect, HEADER_LEN};
use forked::{Descriptors, Held};
use metrics_core::StoreError;

use crate::Medium;
use crate::aside::{Aside, Manner, in_some_manner};
use crate::claim::is_wiped;

/// A file that this process alone writes; in Python's dialect it is locked until this process ends.
pub(crate) struct RecordFile<M> {
    path: PathBuf,
    dialect: Dialect,
    /// What the bytes are reached through.
    file: Arc<Held>,
    /// What is locked, where that is another open file.
    _locked: Option<Held>,
    medium: M,
    /// Length of the file, in bytes.
    len: u64,
    /// Bytes in use, as the header says; the header among them.
    used: u64,
}

/// A record to be written.
pub(crate) struct NewRecord {
    pub(crate) key: Vec<u8>,
    pub(crate) value: f64,
    pub(crate) time: f64,
}

impl<M: Medium> RecordFile<M> {
    /// A new file `directory/name`; `None` when the name is taken.
    pub(crate) fn create(
        directory: &Path,
        name: &str,
        dialect: Dialect,
        descriptors: &Descriptors,
    ) -> Result<Option<RecordFile<M>>, StoreError> {
        in_some_manner(|manner| Self::make(directory, name, dialect, descriptors, manner))
    }

    fn make(
        directory: &Path,
        name: &str,
        dialect: Dialect,
        descriptors: &Descriptors,
        manner: Manner,
    ) -> Result<Option<RecordFile<M>>, StoreError> {
        let (aside, file) = Aside::create(directory, &dialects::unfinished_file(name), manner)?;
        let failed = |what: &str, error| StoreError::new(format!("{what} {}", aside.path.display()), error);
        let file = descriptors.hold(file);
        let len = dialects::initial_len(dialect);
        file.set_len(len).map_err(|e| failed("set the length of", e))?;
        let header = dialects::header(HEADER_LEN).expect("8 fits the header");
        file.write_all_at(&header, 0).map_err(|e| failed("write", e))?;
        // Ruby's reader locks each file that it reads, and would wait for as long as we live. There the lock of
        // the dot-file alone is the sign of life.
        let is_locked = dialect != Dialect::Ruby;
        let mut other = None;
        if is_locked {
            file.lock().map_err(|e| failed("lock", e))?;
            if M::MAPS {
                other = Some(open(&aside.path).map_err(|e| failed("open", e))?);
            }
        }
        let path = directory.join(name);
        match aside.publish(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            published => published.map_err(|e| StoreError::new(format!("publish {}", path.display()), e))?,
        }
        // Opened by its name it has that in /proc, too, for whoever looks there for those who write it.
        other = open(&path).ok().filter(|other| is_same(other, &file)).or(other);
        let (file, locked) = match other {
            Some(other) => (descriptors.hold(other), is_locked.then_some(file)),
            None => (file, None),
        };
        Ok(Some(RecordFile {
            path,
            dialect,
            file: Arc::new(file),
            _locked: locked,
            medium: M::default(),
            len,
            used: HEADER_LEN as u64,
        }))
    }

    /// Whether somebody has deleted the file.
    pub(crate) fn is_wiped(&self) -> bool {
        is_wiped(&self.file)
    }

    /// Takes its name from the file, and with it the file from those who read the directory.
    ///
    /// # Errors
    /// When that is refused.
    pub(crate) fn delete(&self) -> Result<(), StoreError> {
        // Under our name may be somebody else's, if it is not ours any more.
        if self.is_wiped() {
            return Ok(());
        }
        fs::remove_file(&self.path)
            .map_err(|error| StoreError::new(format!("delete {}", self.path.display()), error))
    }

    /// Appends `records`, and publishes them together.
    ///
    /// # Errors
    /// When there is no room. Readers then see nothing of them.
    pub(crate) fn append(&mut self, records: &[NewRecord]) -> Result<Vec<M::Number>, StoreError> {
        let used = self.used;
        let failed = |error| StoreError::new(format!("append to {} at {used}", self.path.display()), error);

        let mut bytes = Vec::new();
        let mut values_at = Vec::with_capacity(records.len());
        for record in records {
            let at = dialects::push_record(self.dialect, &record.key, record.value, record.time, &mut bytes);
            values_at.push(used + at as u64);
        }
        let end = used + bytes.len() as u64;
        let header = usize::try_from(end).ok().and_then(dialects::header);
        let header = header.ok_or_else(|| failed(io::ErrorKind::FileTooLarge.into()))?;

        let len = dialects::grown_len(self.dialect, self.len, end);
        if len != self.len {
            self.file.set_len(len).map_err(failed)?;
            self.len = len;
        }
        // Not through a mapping: this is what reserves the disk blocks, page by page, of every word handed out
        // below, and what fails with an error and not with SIGBUS when there are none left.
        self.file.write_all_at(&bytes, used).map_err(failed)?;
        let numbers = values_at
            .iter()
            .zip(records)
            .map(|(&at, record)| self.medium.number(&self.file, len, at, record.value, record.time))
            .collect::<io::Result<Vec<_>>>()
            .map_err(failed)?;
        // Last, so that whoever reads `used` finds whole records up to it. Only the field itself is written,
        // as the clients do.
        let (field, _) = header.split_at(size_of::<i32>());
        self.file.write_all_at(field, 0).map_err(failed)?;
        self.used = end;
        Ok(numbers)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn is_same(one: &File, other: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|about| (about.dev(), about.ino())).ok();
    identity(one) == identity(other)
}

#[cfg(test)]
mod tests;
