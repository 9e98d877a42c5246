//! What can be chosen when a store is opened.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use metrics_core::StoreError;
use redis_link::Timeouts;
use redis_schema::Keys;

/// Told once in each process when numbers cannot be sent, and again when that happens after a recovery.
pub type Warn = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// What is sent, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sending {
    /// Each process's own numbers, whole, every interval: counting costs an addition in memory and never waits.
    #[default]
    Periodic,
    /// The same, and each change at once: who counts goes on when Redis has it, after about one round trip; several
    /// threads share one. Where Redis does not answer, the first waits as long as the [timeouts](Options::timeouts)
    /// say, the warning is given, and nobody waits until it has answered again: what is counted meanwhile is sent then.
    Synchronous,
    /// What was counted since, every interval, added up by Redis to numbers that all processes share, each count once.
    /// For many processes that live shortly: nothing of them remains but a number, for a day, or for ten minutes if they
    /// [close](crate::RedisStore::close) the store; nobody has to take them out. Only for what adds up: counters,
    /// histograms, summaries, and gauges of the aggregation `sum`; others are refused when they are declared. What was
    /// added is lost with the database. Parts of a number below 5e-18 are lost.
    Shared,
}

/// What can be chosen when a store is opened.
#[derive(Clone)]
pub struct Options {
    /// What tells this application from others in the same Redis: part of every key.
    pub prefix: String,
    /// Into how many shards the processes are shared out, at most [`Keys::MOST_SHARDS`]. One does for hundreds of
    /// processes; of a cluster, all of one shard is on one node. Readers find out by themselves.
    pub shards: usize,
    /// What is sent, and when.
    pub sending: Sending,
    /// How often what has changed is sent; at least [`Options::SHORTEST`]. What is killed loses what it has counted
    /// since.
    pub interval: Duration,
    /// How long Redis is waited for. Nobody who counts waits for it, but for [`Sending::Synchronous`].
    pub timeouts: Timeouts,
    /// Told when numbers cannot be sent. Says so on standard error if nothing else is chosen.
    pub warn: Warn,
}

impl Options {
    /// Shorter intervals are taken for this.
    pub const SHORTEST: Duration = Duration::from_millis(100);
}

impl Default for Options {
    /// Every second, under the prefix `multiprom`, in one shard.
    fn default() -> Options {
        Options {
            prefix: Keys::DEFAULT_PREFIX.to_owned(),
            shards: 1,
            sending: Sending::default(),
            interval: Duration::from_secs(1),
            timeouts: Timeouts::default(),
            warn: Arc::new(warn_on_stderr),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Options");
        shown
            .field("prefix", &self.prefix)
            .field("shards", &self.shards)
            .field("sending", &self.sending)
            .field("interval", &self.interval)
            .field("timeouts", &self.timeouts);
        shown.finish_non_exhaustive()
    }
}

/// One line, written past the lock of `std::io::stderr`: in a forked process a thread that stayed behind may
/// hold it for ever. Nobody is left to hear of an error here.
fn warn_on_stderr(error: &StoreError) {
    if let Ok(descriptor) = std::io::stderr().as_fd().try_clone_to_owned() {
        let line = format!("multiprom: {error}; counting in memory until it can be sent\n");
        let _ = File::from(descriptor).write_all(line.as_bytes());
    }
}
