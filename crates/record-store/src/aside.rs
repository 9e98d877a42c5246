//! A file in the making, which nobody reads before it is whole, locked and has its name; and what is left of one whose
//! maker was killed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics_core::StoreError;
use rustix::fs::{AtFlags, CWD, OFlags, linkat};

/// See the head of this file. Dropped, it leaves nothing but the name that it was given.
pub(crate) struct Aside {
    /// What it is reached by until it has its name.
    pub(crate) path: PathBuf,
    manner: Manner,
}

/// How a file is kept from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It has no name at all: a maker that is killed leaves nothing. File systems of networks, older overlays and
    /// systems without /proc do not have that.
    Nameless,
    /// Its name begins with a dot.
    Hidden,
}

/// Makes a file in the best manner that works here. An error is that of the last, which names a path.
pub(crate) fn in_some_manner<T>(make: impl Fn(Manner) -> Result<T, StoreError>) -> Result<T, StoreError> {
    make(Manner::Nameless).or_else(|_| make(Manner::Hidden))
}

impl Aside {
    /// A new file in `directory`, open for reading and writing; under `name`, where it has one.
    pub(crate) fn create(directory: &Path, name: &str, manner: Manner) -> Result<(Aside, File), StoreError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let hidden = directory.join(name);
        let opened = match manner {
            Manner::Nameless => options.custom_flags(flags(NAMELESS)).open(directory),
            Manner::Hidden => {
                // One that stands here was left by somebody who is dead: no two that live have one name.
                let _ = fs::remove_file(&hidden);
                options.create_new(true).open(&hidden)
            }
        };
        let file = opened.map_err(|error| StoreError::new(format!("create {}", hidden.display()), error))?;
        let path = match manner {
            Manner::Nameless => format!("/proc/self/fd/{}", file.as_raw_fd()).into(),
            Manner::Hidden => hidden,
        };
        Ok((Aside { path, manner }, file))
    }

    /// Gives the file its name, unless that is taken. Never `rename`: that would delete a dead namesake's totals.
    pub(crate) fn publish(&self, name: &Path) -> io::Result<()> {
        match self.manner {
            Manner::Nameless => Ok(linkat(CWD, &self.path, CWD, name, AtFlags::SYMLINK_FOLLOW)?),
            Manner::Hidden => fs::hard_link(&self.path, name),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Published or not, the hidden name has done its work.
        if self.manner == Manner::Hidden {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a file without a name in the directory that is opened.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NAMELESS: OFlags = OFlags::TMPFILE;
/// Other systems have none: a directory cannot be opened for writing.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NAMELESS: OFlags = OFlags::empty();

/// Nobody takes longer to make a file.
const MADE_WITHIN: Duration = Duration::from_secs(60);

/// Removes the hidden files of makers that were killed.
///
/// A file is nobody's that is a minute old and whose lock is free: makers lock theirs microseconds after they have made
/// it. (In Ruby's dialect record files are not locked; there the minute alone must do.) One that was stopped for a minute
/// in between finds its file without a name when it goes on. It cannot publish anything else in its place, since nobody
/// else makes a file of that name, and it takes this for any other trouble: the label set counts in memory, and tries
/// again within a second.
pub(crate) fn remove_left_over(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(dialects::is_unfinished) && is_nobodys(&entry.path()) {
            // Whoever may not remove it leaves it to others.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_nobodys(path: &Path) -> bool {
    let is_old = |about: fs::Metadata| {
        about.is_file()
            && about.modified().is_ok_and(|then| then.elapsed().is_ok_and(|age| age > MADE_WITHIN))
    };
    let open = || {
        // A pipe that takes its place is not waited for.
        let flags = flags(OFlags::NONBLOCK | OFlags::NOFOLLOW);
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    };
    fs::symlink_metadata(path).is_ok_and(is_old) && open().is_ok_and(|file| file.try_lock().is_ok())
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

#[cfg(test)]
mod tests;
