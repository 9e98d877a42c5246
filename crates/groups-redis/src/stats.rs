//! What has happened to one shard, as this gateway saw it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use push_groups::GroupKey;

/// What has happened to one shard since its store was made, as this gateway saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How often something was tried again: connections that were lost, fail-overs, replicas that did not answer.
    pub retries: u64,
    /// How often all groups were read at once, as what had changed could not be told.
    pub wholes: u64,
    /// How often a group was left out that cannot be read.
    pub damaged: u64,
    /// Which one was the last, and what is wrong with it.
    pub last_damage: Option<String>,
    /// Whether the master had replicas when it last took a change.
    pub replicated: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    wholes: AtomicU64,
    damaged: AtomicU64,
    last_damage: Mutex<Option<String>>,
}

impl Counts {
    pub(crate) fn whole(&self) {
        self.wholes.fetch_add(1, Ordering::Relaxed);
    }

    /// A group is left out.
    pub(crate) fn damage(&self, group: Result<&GroupKey, &[u8]>, why: &dyn std::fmt::Display) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
        let named = match group {
            Ok(key) => format!("the group {key}: {why}"),
            Err(bytes) => {
                format!("the group {}: {why}", bytes.get(..LONGEST).unwrap_or(bytes).escape_ascii())
            }
        };
        *self.last_damage.lock().unwrap_or_else(PoisonError::into_inner) = Some(named);
    }

    pub(crate) fn stats(&self, retries: u64, replicated: bool) -> Stats {
        Stats {
            retries,
            wholes: self.wholes.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
            last_damage: self.last_damage.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            replicated,
        }
    }
}

/// So much is shown of a name that is none.
const LONGEST: usize = 200; // bytes
