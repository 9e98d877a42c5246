//! The dot-file beside the files of one of our own stores, and what its lock tells.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;

/// A dot-file as it was found. Once its lock is free nobody writes into it any more, so that another time means
/// another file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// What its lock tells.
    pub state: ClaimState,
    device: u64,
    inode: u64,
    changed: (i64, i64),
    born: Option<SystemTime>,
}

/// What the lock of a dot-file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimState {
    /// A process holds it: it lives, or a child of it does.
    Held,
    /// Nobody holds it, and on this boot nobody will: the writer is dead.
    Free,
    /// It was not asked, or cannot be opened, or is of another boot - which is also what another machine's looks like
    /// that shares the directory over a network, where locks need not reach us.
    Unknown,
}

impl Claim {
    /// The dot-file of this writer, asked for its lock; none where there is none.
    pub fn read(directory: &Path, writer: &str) -> Option<Claim> {
        let named = Claim::glance(directory, writer)?;
        Some(Claim { state: named.ask(directory, writer).unwrap_or(ClaimState::Unknown), ..named })
    }

    /// The dot-file of this writer, not asked for its lock.
    pub fn glance(directory: &Path, writer: &str) -> Option<Claim> {
        let about = fs::symlink_metadata(directory.join(dialects::claim_file(writer))).ok()?;
        about.is_file().then(|| Claim::of(&about))
    }

    /// Whether it is the same file, whatever is known of its lock.
    pub fn is_same_file(&self, other: &Claim) -> bool {
        Claim { state: self.state, ..*other } == *self
    }

    /// Whether it was there before a file of this time of birth. Where one of the times is not known it may have been.
    pub fn is_older_than(&self, born: Option<SystemTime>) -> bool {
        match (self.born, born) {
            (Some(claim), Some(file)) => claim <= file,
            _ => true,
        }
    }

    fn of(about: &fs::Metadata) -> Claim {
        Claim {
            state: ClaimState::Unknown,
            device: about.dev(),
            inode: about.ino(),
            changed: (about.ctime(), about.ctime_nsec()),
            born: about.created().ok(),
        }
    }

    fn ask(&self, directory: &Path, writer: &str) -> Option<ClaimState> {
        let file = File::open(directory.join(dialects::claim_file(writer))).ok()?;
        if !Claim::of(&file.metadata().ok()?).is_same_file(self) {
            return None;
        }
        let free = match file.try_lock_shared() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Some(ClaimState::Held),
            Err(TryLockError::Error(_)) => false,
        };
        let mut text = String::new();
        (&file).take(MOST_OF_A_CLAIM).read_to_string(&mut text).ok()?;
        // Closing it unlocks it.
        (free && dialects::boot_of(&text) == boot()).then_some(ClaimState::Free)
    }
}

/// Bytes at the beginning of a dot-file among which the boot is named.
const MOST_OF_A_CLAIM: u64 = 1024; // 1 KiB

/// The boot of this machine, where it can be told.
fn boot() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    let read = || Some(fs::read_to_string(dialects::BOOT).ok()?.trim().to_owned());
    BOOT.get_or_init(read).as_deref()
}
