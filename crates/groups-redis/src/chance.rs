//! Numbers that nobody else draws.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

/// A number that no other process, thread or call has drawn, and never 0.
pub(crate) fn draw() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Its keys are random once for each thread, and others at each call.
    RandomState::new().hash_one((std::process::id(), now)).max(1)
}
