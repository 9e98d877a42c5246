//! What is wrong with files of a directory: told once, counted by reason.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dialects::Damage;

use super::Known;
use super::file::File;

/// Why a file is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It ends before what its header says is in use, or within a record.
    Truncated,
    /// It has bytes that no client writes.
    Corrupt,
    /// It cannot be opened or read.
    Unreadable,
    /// It is a directory, a pipe, or anything else that is no file.
    NotAFile,
    /// It is a symbolic link that leads out of the directory, or nowhere.
    Link,
    /// Its name tells a kind of metric that there is not.
    UnknownKind,
}

/// See the head of this file. What was told is bounded: beyond it nothing is told or counted.
#[derive(Default)]
pub(crate) struct Bad {
    told: Mutex<HashSet<String>>,
    counts: [AtomicU64; REASONS.len()],
}

/// All reasons, and how they are written.
const REASONS: [(Reason, &str); 6] = [
    (Reason::Truncated, "truncated"),
    (Reason::Corrupt, "corrupt"),
    (Reason::Unreadable, "unreadable"),
    (Reason::NotAFile, "not_a_file"),
    (Reason::Link, "link"),
    (Reason::UnknownKind, "unknown_kind"),
];

/// How many faults are told and counted of a directory.
const MOST: usize = 10_000;

impl Reason {
    pub(crate) fn of(damage: &Damage) -> Reason {
        let cut = ["cut off", "ends before", "shorter than", "not whole"];
        if cut.iter().any(|words| damage.why.contains(words)) { Reason::Truncated } else { Reason::Corrupt }
    }
}

impl Bad {
    /// Takes note of a fault; says whether it is one that was not known.
    pub(crate) fn note(&self, path: &Path, reason: Reason, why: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let new = told.len() < MOST && told.insert(format!("{} {why}", path.display()));
        if new && let Some(at) = REASONS.iter().position(|(other, _)| *other == reason) {
            self.counts[at].fetch_add(1, Ordering::Relaxed);
        }
        new
    }

    /// Every reason with how many faults there were.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.iter().zip(&self.counts).map(|((_, name), count)| (*name, count.load(Ordering::Relaxed)))
    }
}

impl Known {
    /// Tells of a file's damage, if it has any.
    pub(super) fn tell_damage(&self, file: &File) {
        let Some(damage) = &file.damage else { return };
        if self.bad.note(&file.path, Reason::of(damage), &damage.to_string()) {
            tracing::warn!(
                file = %file.path.display(),
                offset = damage.at,
                "a damaged file counts up to its last whole record: {}",
                damage.why
            );
        }
    }

    /// Tells why a file is bad.
    pub(super) fn tell_bad(&self, path: &Path, reason: Reason, why: &str) {
        if self.bad.note(path, reason, why) {
            tracing::warn!(file = %path.display(), "{why}");
        }
    }
}
