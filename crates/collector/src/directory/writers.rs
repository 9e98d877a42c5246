//! Which writers of a directory have died.
//!
//! A process that writes through our own stores keeps the dot-file beside its files locked for as long as it lives,
//! and nobody writes under its identifier after it (see `dialects::claim_file`). So a lock that can be had means
//! that the writer is dead, for ever. A forked child holds its parent's lock as well: then the writer counts as
//! living, and it may.
//!
//! All else means that nothing is known, and the writer counts as living: another client's identifier, a dot-file
//! that is missing or cannot be opened, or one of another boot. The last is also what another machine's looks like
//! that shares the directory over a network, where locks need not reach us.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use foldhash::{HashMap, HashSet};

use super::file::File;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Writers {
    scraped: bool,
    asked: Option<Instant>,
    dead: HashMap<Box<str>, Claim>,
}

/// A dot-file whose writer is dead. Nobody writes into it any more, so that another time means another file.
#[derive(Clone, Copy, PartialEq)]
struct Claim {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    born: Option<SystemTime>,
}

/// How long nobody is asked for after all have been.
pub(crate) const ASKS_EVERY: Duration = Duration::from_secs(5);

impl Writers {
    /// Marks the files whose writers have died. Asks once in a while, and not at the first scrape: whoever scrapes
    /// but once gains nothing by it.
    ///
    /// To be called before the files are read: what a writer wrote before its death is in a reading after it.
    pub(crate) fn ask<'a>(
        &mut self,
        directory: &Path,
        files: impl Iterator<Item = &'a mut File>,
        every: Duration,
    ) {
        let first = !std::mem::replace(&mut self.scraped, true);
        if first || self.asked.is_some_and(|asked| asked.elapsed() < every) {
            return;
        }
        self.asked = Some(Instant::now());
        let mut living: HashSet<String> = HashSet::default();
        for file in files.filter(|file| file.died.is_none()) {
            let Some(writer) = dialects::writer_of(&file.name).filter(|it| !living.contains(it)) else {
                continue;
            };
            let claim = self.dead.get(&*writer).copied().or_else(|| Claim::of_the_dead(directory, &writer));
            let Some(claim) = claim else {
                living.insert(writer);
                continue;
            };
            self.dead.insert(writer.as_str().into(), claim);
            // One that was there before is of somebody else, whose dot-file was deleted and whose number a process
            // in another namespace has claimed again.
            if file.is_younger_than(claim.born) {
                file.died = Some(writer.into());
            }
        }
    }

    /// Forgets the dead whose dot-file is gone or another one, which no writer has made so. To be called when the
    /// directory's entries may have changed.
    pub(crate) fn review(&mut self, directory: &Path) {
        self.dead.retain(|writer, claim| Claim::now(directory, writer).is_some_and(|now| now == *claim));
    }

    /// Forgets all that is known of a directory, which is another one now.
    pub(crate) fn forget(&mut self) {
        self.dead.clear();
    }

    pub(crate) fn is_dead(&self, writer: &str) -> bool {
        self.dead.contains_key(writer)
    }
}

impl Claim {
    /// The dot-file, as it is now.
    fn now(directory: &Path, writer: &str) -> Option<Claim> {
        let about = fs::symlink_metadata(directory.join(dialects::claim_file(writer))).ok()?;
        about.is_file().then(|| Claim::of(&about))
    }

    fn of(about: &fs::Metadata) -> Claim {
        Claim {
            device: about.dev(),
            inode: about.ino(),
            changed: (about.ctime(), about.ctime_nsec()),
            born: about.created().ok(),
        }
    }

    /// The dot-file, if its writer is known to be dead.
    fn of_the_dead(directory: &Path, writer: &str) -> Option<Claim> {
        let named = Claim::now(directory, writer)?;
        let file = fs::File::open(directory.join(dialects::claim_file(writer))).ok()?;
        file.try_lock_shared().ok()?;
        let mut text = String::new();
        (&file).take(MOST_OF_A_CLAIM).read_to_string(&mut text).ok()?;
        let claim = Claim::of(&file.metadata().ok()?);
        // Closing it unlocks it.
        (claim == named && dialects::boot_of(&text) == boot()).then_some(claim)
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
