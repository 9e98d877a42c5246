//! Numbers that are in files until there is a Redis.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics_core::{Child, Children, Desc, Store, StoreError};
use store_redis::Options;

use handover::{Own, Shared, adds_up};
use parts::{AtomicBool, MmapStore, Ordering, PerProcess, RedisStore};

mod child;
mod handover;
#[cfg(test)]
mod tests;

/// What [`child`] and [`handover`] are written with; the loom model puts its own in its place.
mod parts {
    pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard};

    pub(super) use forked::{Gate, PerProcess, SetOnce};
    pub(super) use store_mmap::MmapStore;
    pub(super) use store_redis::RedisStore;
}

/// Numbers that are in files until there is a Redis, and there from then on; see [the crate](crate).
///
/// Nothing that adds up is ever moved: what was counted in the files stays there, and Redis counts from 0.
#[derive(Clone)]
pub(crate) struct FallbackStore {
    shared: Arc<Shared>,
}

/// How long Redis is waited for before it is tried again at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Whoever puts a page together reads directory and database in so short a time: who has found the gauges missing in
/// Redis still finds them in files.
const PAGE_TAKES: Duration = Duration::from_secs(2);

impl FallbackStore {
    /// A store in the Redis at this address, or, if that is not there now, in this directory until it is.
    ///
    /// # Errors
    /// Those of the two stores; of the directory only where it is needed.
    pub(crate) fn open(
        address: &str,
        options: Options,
        directory: &Path,
    ) -> Result<Box<dyn Store>, StoreError> {
        let in_redis = Arc::new(AtomicBool::new(false));
        let options = Options { warn: warn(directory, &in_redis, &options), ..options };
        let redis = RedisStore::open_with(address, options)?;
        if redis.was_there() {
            in_redis.store(true, Ordering::Relaxed);
            return Ok(Box::new(redis));
        }
        let store = FallbackStore::of(redis, MmapStore::open(directory)?, in_redis);
        store.shared.own();
        Ok(Box::new(store))
    }

    fn of(redis: RedisStore, files: MmapStore, in_redis: Arc<AtomicBool>) -> FallbackStore {
        let (children, own) = (Children::new(), PerProcess::new());
        let opened = Instant::now();
        FallbackStore { shared: Arc::new(Shared { redis, files, children, in_redis, own, opened }) }
    }
}

impl Store for FallbackStore {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        self.accepts(desc)?;
        self.shared.child(desc, labels)
    }

    fn accepts(&self, desc: &Desc) -> Result<(), StoreError> {
        self.shared.files.accepts(desc)?;
        self.shared.redis.accepts(desc)
    }
}

impl Shared {
    /// Waits for Redis, and lets everything that this process counts count there.
    fn look(&self, own: &'static Own) {
        // This process has been registered then, by its own shard: Redis is not only there but takes what it sends.
        while self.redis.reach(LOOK_EVERY).is_err() {}
        self.go_over(own);
        // All that goes over with its number is there before it leaves the files.
        while self.redis.flush(LOOK_EVERY).is_err() {}
        std::thread::sleep(PAGE_TAKES);
        if let Err(error) = self.leave_files() {
            say(&format!("{error}; old numbers of gauges stay on the page"));
        }
    }

    /// Deletes what stands in files and in Redis.
    fn leave_files(&self) -> Result<(), StoreError> {
        self.files.delete(|desc| !adds_up(desc))
    }
}

/// Says where numbers are when they cannot be sent.
fn warn(directory: &Path, in_redis: &Arc<AtomicBool>, options: &Options) -> store_redis::Warn {
    let (in_redis, usual, directory) =
        (Arc::clone(in_redis), Arc::clone(&options.warn), directory.display().to_string());
    Arc::new(move |error| {
        if in_redis.load(Ordering::Relaxed) {
            usual(error);
        } else {
            say(&format!("{error}; counting in {directory} until it can be sent"));
        }
    })
}

/// One line, written past the lock of `std::io::stderr`: in a forked process a thread that stayed behind may hold it
/// for ever. Nobody is left to hear of an error here.
fn say(what: &str) {
    if let Ok(descriptor) = std::io::stderr().as_fd().try_clone_to_owned() {
        let _ = File::from(descriptor).write_all(format!("multiprom: {what}\n").as_bytes());
    }
}
