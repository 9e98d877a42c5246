//! One record file of this process: how it comes into being, and how records are appended.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialects::{Dialect, HEADER_LEN};
use forked::{Descriptors, Held};
use metrics_core::StoreError;

use crate::Medium;
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
        let path = directory.join(name);
        let aside = directory.join(format!(".{name}.new"));
        let made =
            Self::create_aside(&aside, path, dialect, descriptors).and_then(|file| file.publish(&aside));
        // Published or not, the name aside has done its work.
        let _ = fs::remove_file(&aside);
        made
    }

    fn create_aside(
        aside: &Path,
        path: PathBuf,
        dialect: Dialect,
        descriptors: &Descriptors,
    ) -> Result<RecordFile<M>, StoreError> {
        let failed = |what: &str, error| StoreError::new(format!("{what} {}", aside.display()), error);
        // One that stands here is of a process that died in the midst of this: the identifier is ours alone.
        let _ = fs::remove_file(aside);
        let open = |options: &mut OpenOptions| options.read(true).write(true).open(aside);
        let file = open(OpenOptions::new().create_new(true)).map_err(|e| failed("create", e))?;
        let file = descriptors.hold(file);
        let len = dialects::initial_len(dialect);
        file.set_len(len).map_err(|e| failed("set the length of", e))?;
        let header = dialects::header(HEADER_LEN).expect("8 fits the header");
        file.write_all_at(&header, 0).map_err(|e| failed("write", e))?;
        // Ruby's reader locks each file that it reads, and would wait for as long as we live. There the lock of
        // the dot-file alone is the sign of life.
        let (file, locked) = if dialect == Dialect::Ruby {
            (file, None)
        } else {
            file.lock().map_err(|e| failed("lock", e))?;
            if M::MAPS {
                let other = open(&mut OpenOptions::new()).map_err(|e| failed("open", e))?;
                (descriptors.hold(other), Some(file))
            } else {
                (file, None)
            }
        };
        Ok(RecordFile {
            path,
            dialect,
            file: Arc::new(file),
            _locked: locked,
            medium: M::default(),
            len,
            used: HEADER_LEN as u64,
        })
    }

    /// Gives the file its name, unless that is taken. Never `rename`: that would delete a dead namesake's
    /// totals.
    fn publish(self, aside: &Path) -> Result<Option<RecordFile<M>>, StoreError> {
        match fs::hard_link(aside, &self.path) {
            Ok(()) => Ok(Some(self)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(StoreError::new(format!("publish {}", self.path.display()), error)),
        }
    }

    /// Whether somebody has deleted the file.
    pub(crate) fn is_wiped(&self) -> bool {
        is_wiped(&self.file)
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

#[cfg(test)]
mod tests;
