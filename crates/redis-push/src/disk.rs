//! Where in a directory it is written down who sends its numbers: dot-files that no client reads.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::PushError;
use crate::files::born;
use crate::notes::{Notes, Place, Written};

/// Whoever holds its lock sends the numbers of the directory. It is made once: a copy of the directory has another one.
const LOCK: &str = ".multiprom-push-lock";
/// What [`Notes`] say.
const NOTES: &str = ".multiprom-push";
/// The same while it is written.
const BEING_WRITTEN: &str = ".multiprom-push-new";
/// What the numbers are: one of the two.
const SCHEMAS: [&str; 2] = [".multiprom-push-schema", ".multiprom-push-schema-2"];

/// The most that is read of a file.
const LARGEST: u64 = 1 << 30; // 1 GiB

/// A directory whose numbers nobody else sends, as long as this is not dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    directory: PathBuf,
    /// Its lock goes with it.
    _lock: File,
    place: Place,
}

/// Called before each change; where it says no, the process died there.
pub(crate) type BeforeEach<'a> = &'a mut dyn FnMut() -> bool;

impl Disk {
    /// Takes the directory; none where somebody else has it.
    pub(crate) fn take(directory: &Path) -> Result<Option<Disk>, PushError> {
        let path = directory.join(LOCK);
        let failed = |what, error| failed(what, &path, error);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o644).custom_flags(flags());
        let lock = options.open(&path).map_err(|error| failed("open", error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed("lock", error)),
        }
        let about = lock.metadata().map_err(|error| failed("look at", error))?;
        let place = Place { inode: about.ino(), born: born(&about) };
        let disk = Disk { directory: directory.to_owned(), _lock: lock, place };
        // Whoever wiped the directory in between has deleted it.
        Ok(disk.is_ours().then_some(disk))
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Whether nobody has wiped the directory since it was taken: somebody else may have taken it then.
    pub(crate) fn is_ours(&self) -> bool {
        let about = fs::symlink_metadata(self.directory.join(LOCK));
        about.is_ok_and(|about| about.ino() == self.place.inode)
    }

    /// What is written down, and the schema; none where nothing is.
    pub(crate) fn read(&self) -> Result<Option<(Notes, Vec<u8>)>, PushError> {
        let Some(bytes) = self.read_file(NOTES)? else { return Ok(None) };
        let damaged = || {
            let path = self.directory.join(NOTES);
            PushError::Damaged { path }
        };
        let notes = Notes::read(&bytes).ok_or_else(damaged)?;
        let mut schema = self.read_file(schema_file(notes.schema))?.unwrap_or_default();
        let len = usize::try_from(notes.schema.len).ok().filter(|&len| len <= schema.len());
        schema.truncate(len.ok_or_else(damaged)?);
        if crate::notes::fnv(&schema) != notes.schema.hash {
            return Err(damaged());
        }
        Ok(Some((notes, schema)))
    }

    /// Writes it down: what the schema has grown by, where that begins, and then the notes. Returns when the disk has it.
    pub(crate) fn write(
        &self,
        notes: &Notes,
        (from, appended): (usize, &[u8]),
        before_each: BeforeEach<'_>,
    ) -> Result<(), PushError> {
        if !appended.is_empty() {
            step(before_each)?;
            // What stands behind was written by somebody who was killed before he wrote that it counts.
            let append = |file: File| {
                file.write_all_at(appended, from as u64)?;
                file.sync_data()
            };
            self.change(schema_file(notes.schema), &append)?;
        }
        step(before_each)?;
        let bytes = notes.write();
        self.change(BEING_WRITTEN, &|mut file| {
            file.set_len(0)?;
            file.write_all(&bytes)?;
            file.sync_data()
        })?;
        step(before_each)?;
        let (new, path) = (self.directory.join(BEING_WRITTEN), self.directory.join(NOTES));
        fs::rename(new, &path).map_err(|error| failed("write", &path, error))?;
        step(before_each)?;
        match File::open(&self.directory).and_then(|directory| directory.sync_all()) {
            // Some file systems have nothing to wait for.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                Err(failed("sync", &self.directory, error))
            }
            _ => Ok(()),
        }
    }

    fn change(&self, name: &str, how: &dyn Fn(File) -> io::Result<()>) -> Result<(), PushError> {
        let path = self.directory.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o644).custom_flags(flags());
        options.open(&path).and_then(how).map_err(|error| failed("write", &path, error))
    }

    fn read_file(&self, name: &str) -> Result<Option<Vec<u8>>, PushError> {
        let path = self.directory.join(name);
        let mut options = OpenOptions::new();
        let file = match options.read(true).custom_flags(flags()).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| failed("read", &path, error))?,
        };
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| failed("read", &path, error))?;
        Ok(Some(bytes))
    }
}

fn schema_file(schema: Written) -> &'static str {
    SCHEMAS[usize::from(schema.file != 0)]
}

pub(crate) fn step(before_each: BeforeEach<'_>) -> Result<(), PushError> {
    if before_each() { Ok(()) } else { Err(PushError::Died) }
}

fn failed(what: &str, path: &Path, error: io::Error) -> PushError {
    PushError::File { operation: format!("{what} {}", path.display()), error }
}

/// A link in the place of a file is somebody's trick, and nobody waits for a pipe.
fn flags() -> i32 {
    i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default()
}
