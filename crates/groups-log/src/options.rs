//! How a store is to be.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How a [`LogStore`](crate::LogStore) is to be.
#[derive(Clone)]
pub struct Options {
    /// Where logs and snapshots are; made if need be. `None`: in memory alone, and gone with the process.
    pub directory: Option<PathBuf>,
    /// When a change is sure to outlive the machine.
    pub sync: Sync,
    /// After so many bytes of log a snapshot is made. Where the last snapshot was larger than that, after as many bytes
    /// as it had: so no more than twice what is pushed is written.
    pub snapshot_after: u64,
    /// Goes on with what can be read where something acknowledged cannot; copies of the damaged files are kept.
    pub ignore_corrupt: bool,
    /// Unix nanoseconds; `None` for the system's clock.
    pub clock: Option<Clock>,
}

/// Tells the time, in Unix nanoseconds.
pub type Clock = Arc<dyn Fn() -> u64 + Send + std::marker::Sync>;

/// When a change is sure to outlive the machine. It outlives the process as soon as it is acknowledged, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before it is acknowledged.
    Always,
    /// So long afterwards, at most. A power cut may lose that much, from some change on.
    Interval(Duration),
    /// When the system gets round to it.
    Never,
}

/// 64 MiB.
const SNAPSHOT_AFTER: u64 = 64 << 20;

impl Options {
    /// In this directory, each change synced, a snapshot after 64 MiB of log.
    pub fn new(directory: impl Into<PathBuf>) -> Options {
        Options { directory: Some(directory.into()), ..Options::in_memory() }
    }

    /// Nowhere but in memory.
    pub fn in_memory() -> Options {
        Options {
            directory: None,
            sync: Sync::Always,
            snapshot_after: SNAPSHOT_AFTER,
            ignore_corrupt: false,
            clock: None,
        }
    }
}
