//! What was left out of a database: told once, counted by reason.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::inside::Fault;

/// Why something was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A key is of another type than its name says.
    WrongType,
    /// What says which series a number is, is not there.
    NoMetadata,
    /// What says which series a number is, cannot be read.
    Metadata,
    /// Labels cannot be read, or are not as many as the family has.
    Labels,
    /// A number is none, or is not there.
    Number,
}

/// All reasons, and how they are written.
const REASONS: [(Reason, &str); 5] = [
    (Reason::WrongType, "wrong_type"),
    (Reason::NoMetadata, "no_metadata"),
    (Reason::Metadata, "metadata"),
    (Reason::Labels, "labels"),
    (Reason::Number, "number"),
];

/// See the head of this file. What was told is bounded: beyond it nothing is counted.
#[derive(Default)]
pub(crate) struct Bad {
    told: Mutex<HashSet<Told>>,
    counts: [AtomicU64; REASONS.len()],
    /// All of them, where they are wanted; the log is not told then.
    kept: Mutex<Option<Vec<Fault>>>,
}

/// Where something was left out, and the word for why.
type Told = (Box<[u8]>, &'static str);

/// How many faults are counted of a database.
const MOST: usize = 10_000;

/// How many of them the log is told.
const MOST_TOLD: usize = 100;

impl Bad {
    /// Takes note that what stands at `place`, a key or a key and a field, was left out.
    pub(crate) fn note(&self, source: &str, place: &[u8], reason: Reason, why: &str) {
        let (at, word) = REASONS
            .iter()
            .enumerate()
            .find_map(|(at, (other, word))| (*other == reason).then_some((at, *word)))
            .expect("all reasons are listed");
        if let Some(kept) = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner) {
            if kept.len() < MOST {
                kept.push(Fault { place: beginning(place).into(), reason: word, why: why.to_owned() });
            }
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST || !told.insert((beginning(place).into(), word)) {
            return;
        }
        let number = told.len();
        drop(told);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        if number <= MOST_TOLD {
            tracing::warn!("left out of {source}: {}: {why}", shown(place));
        }
        if number == MOST_TOLD {
            tracing::warn!("what else is left out of {source} is counted, not told");
        }
    }

    /// Keeps faults from now on, and tells nobody.
    pub(crate) fn keep(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// Whether they are kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Those that were kept.
    pub(crate) fn kept(&self) -> Vec<Fault> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// Every reason with how many faults there were.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REASONS.iter().zip(&self.counts).map(|((_, word), count)| (*word, count.load(Ordering::Relaxed)))
    }
}

/// As much of a key as is told: it may be 512 MiB long.
fn beginning(place: &[u8]) -> &[u8] {
    const LONGEST: usize = 300;
    &place[..place.len().min(LONGEST)]
}

/// A key for people.
pub(crate) fn shown(place: &[u8]) -> String {
    beginning(place).escape_ascii().to_string()
}
