//! How long to wait before the next attempt.

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

/// How long to wait before the next attempt: twice as long each time, up to a most, and never exactly as long as
/// somebody else, so that all who lost a server do not come back to it in the same moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    /// What the next pause is drawn from.
    next: Duration,
}

impl Backoff {
    /// Pauses of at least half of `first`, of no more than `most`.
    pub fn new(first: Duration, most: Duration) -> Backoff {
        Backoff { first, most, next: first.min(most) }
    }

    /// How long to wait now: between half of what it has come to and all of it.
    pub fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.most);
        whole.mul_f64(0.5 + 0.5 * share())
    }

    /// It went well: the next pause is a first one.
    pub fn reset(&mut self) {
        self.next = self.first.min(self.most);
    }
}

/// Something between 0 and 1 that neither another process nor a forked child has.
fn share() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let hash = RandomState::new().hash_one((std::process::id(), now));
    // As many bits as a number between 0 and 1 has.
    (hash >> 11) as f64 / (1u64 << 53) as f64
}
