//! The lock that keeps the names of a directory as they are while it is read, where somebody folds it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::content::open_at_once;
use crate::Ask;

/// See the head of this file. Held until it is dropped.
pub(super) enum Window {
    /// Nobody has ever folded here.
    Unneeded,
    Held {
        _file: File,
    },
    /// Whoever folds has had the lock for too long: he was stopped, most likely.
    Shut,
}

/// How long whoever folds is waited for; he needs it for milliseconds. Not at all where tests run, who read in the midst
/// of a fold.
const PATIENCE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 5 } else { 500 });

impl Window {
    pub(super) fn of(directory: &Path, ask: &Ask) -> Window {
        let file = match open_at_once(&directory.join(dialects::FOLD_WINDOW)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Window::Unneeded,
            Err(_) => return Window::Shut,
        };
        let begun = Instant::now();
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Window::Held { _file: file },
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE && !ask.is_late() => {
                    std::thread::sleep(Duration::from_micros(200));
                }
                Err(_) => return Window::Shut,
            }
        }
    }

    /// Whether names may have changed since: whoever folds here for the first time has made the lock meanwhile.
    pub(super) fn may_have_been_open(&self, directory: &Path) -> bool {
        match self {
            Window::Unneeded => directory.join(dialects::FOLD_WINDOW).symlink_metadata().is_ok(),
            Window::Held { .. } => false,
            Window::Shut => true,
        }
    }
}
