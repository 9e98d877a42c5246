//! Numbers that are in files until there is a Redis.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forked::PerProcess;
use metrics_core::{Child, Children, Desc, Kind, Mode, Store, StoreError};
use store_mmap::MmapStore;
use store_redis::{Options, RedisStore};

use child::{FallbackChild, Place};

mod child;
#[cfg(test)]
mod tests;

/// Numbers that are in files until there is a Redis, and there from then on; see [the crate](crate).
///
/// Nothing that adds up is ever moved: what was counted in the files stays there, and Redis counts from 0.
#[derive(Clone)]
pub(crate) struct FallbackStore {
    shared: Arc<Shared>,
}

/// What a store and its children share.
struct Shared {
    redis: RedisStore,
    files: MmapStore,
    children: Children,
    /// Whether this process has gone over to Redis, or a parent had when it was forked off.
    in_redis: Arc<AtomicBool>,
    own: PerProcess<Own>,
    /// When this store was opened.
    opened: Instant,
}

/// What one process has of a store.
struct Own {
    /// All label sets that it has touched while it counted in files. Who holds it sees `in_redis` stay as it is.
    in_files: Mutex<Vec<&'static Place>>,
    /// Whether the thread runs that looks for Redis.
    looks: AtomicBool,
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
        let shared = &self.shared;
        // Held until the label set is among those that go over, or is made by who has gone.
        let mut in_files = shared.own().in_files();
        let place = if shared.is_in_redis() {
            Place::in_redis(shared, desc, labels, shared.redis.child(desc, labels)?)
        } else {
            Place::in_files(shared, desc, labels, shared.files.child(desc, labels)?)
        };
        shared.children.get_or_make(desc, labels, || {
            let place: &'static Place = Box::leak(Box::new(place));
            if !shared.is_in_redis() {
                place.touch(&mut in_files);
            }
            Box::new(FallbackChild(place))
        })
    }

    fn accepts(&self, desc: &Desc) -> Result<(), StoreError> {
        self.shared.files.accepts(desc)?;
        self.shared.redis.accepts(desc)
    }
}

impl Shared {
    /// What this process has, and the thread that looks for Redis, which are made the first time.
    fn own(self: &Arc<Shared>) -> &'static Own {
        let own = self.own.get_or_init(|| Own { in_files: Mutex::default(), looks: AtomicBool::new(false) });
        if !self.is_in_redis() && !own.looks.swap(true, Ordering::Relaxed) {
            let shared = Arc::clone(self);
            let thread = std::thread::Builder::new().name("multiprom-look".to_owned());
            if let Err(error) = thread.spawn(move || shared.look(own)) {
                // The next label set tries again; until then numbers are in files, where they are seen.
                own.looks.store(false, Ordering::Relaxed);
                say(&format!("start the thread that looks for Redis: {error}"));
            }
        }
        own
    }

    fn is_in_redis(&self) -> bool {
        self.in_redis.load(Ordering::Relaxed)
    }

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

    /// From now on this process counts in Redis.
    fn go_over(&self, own: &Own) {
        // Until all have gone over: a label set that is asked for again meanwhile must not begin at 0 there.
        let mut in_files = own.in_files();
        self.in_redis.store(true, Ordering::Relaxed);
        in_files.drain(..).for_each(Place::go_over);
    }

    /// Deletes what stands in files and in Redis.
    fn leave_files(&self) -> Result<(), StoreError> {
        self.files.delete(|desc| !adds_up(desc))
    }
}

impl Own {
    /// Nothing that is done with it panics half done.
    fn in_files(&self) -> MutexGuard<'_, Vec<&'static Place>> {
        self.in_files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a number of the family may be in two parts, which a page adds.
fn adds_up(desc: &Desc) -> bool {
    desc.kind() != Kind::Gauge || desc.aggregation().mode == Mode::Sum
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
