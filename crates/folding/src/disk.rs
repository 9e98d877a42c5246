//! What folding does to a directory, one change after the other.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dialects::HEADER_LEN;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::FoldError;

/// A directory that is folded.
pub(crate) struct Disk<'a> {
    pub(crate) directory: &'a Path,
    /// Called before each change. Where it says no, the process died there: nothing is changed from then on.
    pub(crate) before_each: &'a mut dyn FnMut() -> bool,
    pub(crate) died: bool,
}

/// A lock that is held until this is dropped.
pub(crate) struct Held {
    _file: File,
}

/// How long readers are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

impl Disk<'_> {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The directory's entries in byte order.
    pub(crate) fn list(&self) -> Result<Vec<String>, FoldError> {
        let failed = |error| self.failed("list", "", error);
        let mut names = Vec::new();
        for entry in fs::read_dir(self.directory).map_err(failed)? {
            // Other names are nobody's that we know.
            if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The lock that one who folds holds all the time; none where another one does.
    pub(crate) fn lock_folding(&mut self) -> Result<Option<Held>, FoldError> {
        let file = self.lock_file(dialects::FOLD_LOCK)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Held { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.failed("lock", dialects::FOLD_LOCK, error)),
        }
    }

    /// The lock under which names change. Readers hold it shared, for moments.
    pub(crate) fn lock_window(&mut self) -> Result<Held, FoldError> {
        let name = dialects::FOLD_WINDOW;
        let file = self.lock_file(name)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Held { _file: file }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(TryLockError::WouldBlock) => {
                    let why =
                        io::Error::new(io::ErrorKind::TimedOut, "somebody reads the directory all the time");
                    return Err(self.failed("lock", name, why));
                }
                Err(TryLockError::Error(error)) => return Err(self.failed("lock", name, error)),
            }
        }
    }

    /// Renames a file unless the new name is taken or it is gone; says whether it did.
    pub(crate) fn rename_to_free(&mut self, from: &str, to: &str) -> Result<bool, FoldError> {
        self.step()?;
        let (old, new) = (self.path(from), self.path(to));
        let renamed = match renameat_with(CWD, &old, CWD, &new, RenameFlags::NOREPLACE) {
            // A file system without such renames: two names for a moment, and never none.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                fs::hard_link(&old, &new).and_then(|()| fs::remove_file(&old))
            }
            renamed => renamed.map_err(io::Error::from),
        };
        match renamed {
            Ok(()) => Ok(true),
            // Taken, or deleted meanwhile by somebody else.
            Err(error) if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {
                Ok(false)
            }
            Err(error) => Err(self.failed("rename", from, error)),
        }
    }

    /// Renames a file over whatever has the new name.
    pub(crate) fn rename_over(&mut self, from: &str, to: &str) -> Result<(), FoldError> {
        self.step()?;
        fs::rename(self.path(from), self.path(to)).map_err(|error| self.failed("rename", from, error))
    }

    /// Deletes a file; one that is gone already is as good.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), FoldError> {
        self.step()?;
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed("delete", name, error)),
            _ => Ok(()),
        }
    }

    /// Writes a new file, as one of the user, group and mode of another, and waits until the disk has it.
    pub(crate) fn write(&mut self, name: &str, bytes: &[u8], like: &fs::Metadata) -> Result<(), FoldError> {
        self.step()?;
        let path = self.path(name);
        let mode = like.mode() & 0o777;
        let written = (|| {
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(mode).open(&path)?;
            let about = file.metadata()?;
            if (about.uid(), about.gid()) != (like.uid(), like.gid()) {
                // Who may not give files away owns what he writes.
                let _ = std::os::unix::fs::fchown(&file, Some(like.uid()), Some(like.gid()));
            }
            file.write_all(bytes)?;
            file.sync_all()
        })();
        written.map_err(|error| self.failed("write", name, error))
    }

    /// Waits until the disk has the directory's names as they are.
    pub(crate) fn sync_names(&mut self) -> Result<(), FoldError> {
        self.step()?;
        let synced = File::open(self.directory).and_then(|directory| directory.sync_all());
        match synced {
            // Some file systems have nothing to wait for.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(self.failed("sync", "", error)),
            _ => Ok(()),
        }
    }

    pub(crate) fn failed(&self, what: &str, name: &str, error: io::Error) -> FoldError {
        let path = if name.is_empty() { self.directory.to_owned() } else { self.path(name) };
        FoldError::Failed { operation: format!("{what} {}", path.display()), error }
    }

    /// To be called before each change.
    fn step(&mut self) -> Result<(), FoldError> {
        if self.died || !(self.before_each)() {
            self.died = true;
            return Err(self.failed("change", "", io::Error::other("the process died")));
        }
        Ok(())
    }

    fn lock_file(&mut self, name: &str) -> Result<File, FoldError> {
        let mut options = OpenOptions::new();
        // Readers of other users take it shared. A link in its place is somebody's trick.
        options.read(true).append(true).create(true).mode(0o644);
        options.custom_flags(flags(OFlags::NONBLOCK | OFlags::NOFOLLOW));
        options.open(self.path(name)).map_err(|error| self.failed("open", name, error))
    }
}

/// What is in use of a metrics file, and what is known of it. None where it is no regular file, or is gone.
pub(crate) fn read(path: &Path, at_most: u64) -> io::Result<Option<(fs::Metadata, Vec<u8>)>> {
    let Some((file, about)) = open(path)? else { return Ok(None) };
    let mut head = [0; 4096];
    let head_len = read_up_to(&file, &mut head)?;
    let head = &head[..head_len];
    let used = dialects::used(head) as u64;
    // Whoever deletes what is empty must be sure that it is.
    let behind = head.get(HEADER_LEN..).unwrap_or_default();
    let negative = head.get(3).is_some_and(|&byte| byte >= 0x80);
    if used <= HEADER_LEN as u64 && (negative || behind.iter().any(|&byte| byte != 0)) {
        return Err(io::Error::other("its header says that nothing is in use, and there is something"));
    }
    let wanted = used.min(about.len());
    if wanted > at_most {
        return Err(io::Error::other(format!(
            "{wanted} bytes are in use, more than the {at_most} that are folded"
        )));
    }
    let mut bytes = Vec::new();
    (&file).take(wanted).read_to_end(&mut bytes)?;
    Ok(Some((about, bytes)))
}

/// The round of the archive at a path: none where there is no file, or none that we wrote.
pub(crate) fn round(path: &Path) -> io::Result<Option<u64>> {
    let Some((file, about)) = open(path)? else { return Ok(None) };
    let Some(at) = about.len().checked_sub(dialects::ARCHIVE_TAIL_LEN as u64) else { return Ok(None) };
    let mut tail = [0; dialects::ARCHIVE_TAIL_LEN];
    file.read_exact_at(&mut tail, at)?;
    Ok(dialects::archive_round(&tail))
}

/// Opens a file to be read; never waits, whatever is there. None where it is no regular file - a symbolic link is none -,
/// or is gone.
fn open(path: &Path) -> io::Result<Option<(File, fs::Metadata)>> {
    let how = flags(OFlags::NONBLOCK | OFlags::NOFOLLOW);
    let file = match OpenOptions::new().read(true).custom_flags(how).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => return Ok(None),
        opened => opened?,
    };
    let about = file.metadata()?;
    Ok(about.is_file().then_some((file, about)))
}

fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or_default()
}

fn read_up_to(file: &File, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}
