//! What one process owns in the directory: claimed identifiers and open files.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dialects::Dialect;
use forked::Descriptors;
use metrics_core::{Desc, StoreError};

use crate::Medium;
use crate::claim::Claim;
use crate::clock;
use crate::record_file::{NewRecord, RecordFile};

/// What one process owns in the directory. A forked process makes its own and leaves the parent's alone, but
/// for [`Own::descriptors`].
pub(crate) struct Own<M> {
    /// All that is open; a child abandons them without any lock.
    pub(crate) descriptors: Descriptors,
    files: Mutex<Files<M>>,
    /// Whether a label set may be counting in memory.
    pub(crate) homeless: AtomicBool,
    /// Whether the last shard found no room.
    pub(crate) crowded: AtomicBool,
    /// Whether the application has been warned of the trouble that lasts.
    pub(crate) warned: AtomicBool,
    /// Failed writes, of records and of numbers.
    pub(crate) failed: AtomicU64,
    /// When a label set in memory next tries for a place in a file: seconds of the monotonic clock, as bits.
    retry_at: AtomicU64,
}

/// How long a label set in memory counts there before it tries again for a place in a file.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl<M: Medium> Own<M> {
    pub(crate) fn new() -> Own<M> {
        Own {
            descriptors: Descriptors::new(),
            files: Mutex::new(Files { claims: Vec::new(), open: HashMap::new(), last: 0 }),
            homeless: AtomicBool::new(false),
            crowded: AtomicBool::new(false),
            warned: AtomicBool::new(false),
            failed: AtomicU64::new(0),
            retry_at: AtomicU64::new(0),
        }
    }

    /// The files, for one thread of this process at a time. The only lock of a store; no update takes it.
    pub(crate) fn files(&self) -> MutexGuard<'_, Files<M>> {
        // A panic in the midst of an append leaves a record that is not published; nothing is broken by it.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a second has passed since the last attempt; then this caller is the one to make the next.
    pub(crate) fn may_retry(&self) -> bool {
        let now = clock::monotonic();
        let due = self.retry_at.load(Ordering::Relaxed);
        let next = (now + RETRY_AFTER.as_secs_f64()).to_bits();
        f64::from_bits(due) <= now
            && self.retry_at.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// The open files of a process.
pub(crate) struct Files<M> {
    /// In the order in which they were made; new files are made under the last.
    claims: Vec<Claim>,
    /// By their name without the process.
    open: HashMap<String, OpenFile<M>>,
    /// The last file's identity.
    last: u64,
}

struct OpenFile<M> {
    file: RecordFile<M>,
    identity: FileIdentity,
    /// Under which identifier it was made.
    process: String,
}

/// Tells the files of one process apart, deleted ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity(u64);

impl FileIdentity {
    pub(crate) const fn as_u64(self) -> u64 {
        self.0
    }
}

impl<M: Medium> Files<M> {
    /// Forgets files and claims that somebody has deleted; which files.
    ///
    /// Asks for the file of `desc` and the claim, and for all the others only when one of these is gone.
    pub(crate) fn forget_wiped(&mut self, dialect: Dialect, desc: &Desc) -> Vec<FileIdentity> {
        let file = self.open.get(&name_for(dialect, desc));
        let any =
            file.is_some_and(|open| open.file.is_wiped()) || self.claims.last().is_some_and(Claim::is_wiped);
        if !any {
            return Vec::new();
        }
        self.claims.retain(|claim| !claim.is_wiped());
        let mut wiped = Vec::new();
        self.open.retain(|_, open| {
            let gone = open.file.is_wiped();
            if gone {
                wiped.push(open.identity);
            }
            !gone
        });
        wiped
    }

    /// Appends a record for each of `keys_of` of the identifier that the file is made under, all at once.
    pub(crate) fn append(
        &mut self,
        directory: &Path,
        dialect: Dialect,
        desc: &Desc,
        descriptors: &Descriptors,
        records: impl FnOnce(&str) -> Vec<NewRecord>,
    ) -> Result<(FileIdentity, Vec<M::Number>), StoreError> {
        let name = name_for(dialect, desc);
        if !self.open.contains_key(&name) {
            let opened = self.create(directory, dialect, desc, descriptors)?;
            self.open.insert(name.clone(), opened);
        }
        let open = self.open.get_mut(&name).expect("it was there or has been put there");
        let numbers = open.file.append(&records(&open.process))?;
        let made_under = self.claims.iter_mut().find(|claim| claim.process == open.process);
        if let Some(claim) = made_under {
            claim.note(desc);
        }
        Ok((open.identity, numbers))
    }

    /// Deletes the file of `desc`, if there is one, and forgets it.
    pub(crate) fn delete(&mut self, dialect: Dialect, desc: &Desc) -> Result<(), StoreError> {
        let name = name_for(dialect, desc);
        if let Some(open) = self.open.get(&name) {
            open.file.delete()?;
            self.open.remove(&name);
        }
        Ok(())
    }

    /// A new file for `desc`, under the last claim, or under the next where the name is taken.
    fn create(
        &mut self,
        directory: &Path,
        dialect: Dialect,
        desc: &Desc,
        descriptors: &Descriptors,
    ) -> Result<OpenFile<M>, StoreError> {
        let mut from = 0;
        loop {
            let claim = match self.claims.last() {
                Some(claim) if claim.ordinal >= from => claim,
                _ => {
                    self.claims.push(Claim::new(directory, from, descriptors)?);
                    self.claims.last().expect("pushed just now")
                }
            };
            let name = dialects::file_name(dialect, desc, &claim.process);
            match RecordFile::create(directory, &name, dialect, descriptors)? {
                Some(file) => {
                    self.last += 1;
                    let process = claim.process.clone();
                    return Ok(OpenFile { file, identity: FileIdentity(self.last), process });
                }
                // A file without a dot-file: left by a namesake whose dot-file was deleted.
                None => from = claim.ordinal + 1,
            }
        }
    }
}

/// Which file of a process keeps `desc`: its name, without the process.
fn name_for(dialect: Dialect, desc: &Desc) -> String {
    dialects::file_name(dialect, desc, "")
}
