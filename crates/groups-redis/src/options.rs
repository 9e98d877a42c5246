//! How a shard is kept.

use std::time::Duration;

/// How a shard is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the keys of all shards of one gateway have in common, so that several share one Redis.
    pub namespace: String,
    /// Which of the shards.
    pub shard: u32,
    /// On how many replicas a change must be before it is acknowledged.
    pub wait_replicas: Wait,
    /// How long these are waited for before it is looked whether the master is still one.
    pub wait_time: Duration,
    /// How long a change is tried, through lost connections and fail-overs. A fail-over of a cluster takes some four
    /// times its `cluster-node-timeout`, one by Sentinels a second or two more than their `down-after-milliseconds`.
    pub patience: Duration,
    /// How many changes, and how many deletions, are remembered at least. Within so many a change that is tried again
    /// is known for certain to be made or not, and whoever follows learns of single groups. A change is some 100 bytes
    /// in Redis, and up to twice as many are remembered.
    pub log_length: usize,
}

/// How many replicas are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// One, where the master has any in that moment. One that has not answered for `repl-timeout` is none any more, and
    /// five seconds later a master that had no other acknowledges alone.
    Auto,
    /// So many, whether there are any or not.
    Count(u32),
    /// None.
    None,
}

impl Default for Options {
    /// Shard 0 of `multiprom`; a second at a time for one replica where there are any, ten in all; 65,536 changes.
    fn default() -> Options {
        Options {
            namespace: "multiprom".to_owned(),
            shard: 0,
            wait_replicas: Wait::Auto,
            wait_time: Duration::from_secs(1),
            patience: Duration::from_secs(10),
            log_length: 65_536,
        }
    }
}
