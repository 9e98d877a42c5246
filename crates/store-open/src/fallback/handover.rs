//! What a store and its children share, and how a process goes over to Redis.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use metrics_core::{Child, Children, Desc, Kind, Mode, Store, StoreError};

use super::child::{FallbackChild, Place};
use super::parts::{AtomicBool, MmapStore, Mutex, MutexGuard, Ordering, PerProcess, RedisStore};
use super::say;

/// What a store and its children share.
pub(super) struct Shared {
    pub(super) redis: RedisStore,
    pub(super) files: MmapStore,
    pub(super) children: Children,
    /// Whether this process has gone over to Redis, or a parent had when it was forked off.
    pub(super) in_redis: Arc<AtomicBool>,
    pub(super) own: PerProcess<Own>,
    /// When this store was opened.
    pub(super) opened: Instant,
}

/// What one process has of a store.
pub(super) struct Own {
    /// All label sets that it has touched while it counted in files. Who holds it sees `in_redis` stay as it is.
    pub(super) in_files: Mutex<Vec<&'static Place>>,
    /// Whether the thread runs that looks for Redis.
    pub(super) looks: AtomicBool,
}

impl Shared {
    /// The child of a label set, wherever that counts now.
    pub(super) fn child(
        self: &Arc<Shared>,
        desc: &Arc<Desc>,
        labels: &[&str],
    ) -> Result<&'static dyn Child, StoreError> {
        // Held until the label set is among those that go over, or is made by who has gone.
        let mut in_files = self.own().in_files();
        let place = if self.is_in_redis() {
            Place::in_redis(self, desc, labels, self.redis.child(desc, labels)?)
        } else {
            Place::in_files(self, desc, labels, self.files.child(desc, labels)?)
        };
        self.children.get_or_make(desc, labels, || {
            let place: &'static Place = Box::leak(Box::new(place));
            if !self.is_in_redis() {
                place.touch(&mut in_files);
            }
            Box::new(FallbackChild(place))
        })
    }

    /// What this process has, and the thread that looks for Redis, which are made the first time.
    pub(super) fn own(self: &Arc<Shared>) -> &'static Own {
        let own =
            self.own.get_or_init(|| Own { in_files: Mutex::new(Vec::new()), looks: AtomicBool::new(false) });
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

    pub(super) fn is_in_redis(&self) -> bool {
        self.in_redis.load(Ordering::Relaxed)
    }

    /// From now on this process counts in Redis.
    pub(super) fn go_over(&self, own: &Own) {
        // Until all have gone over: a label set that is asked for again meanwhile must not begin at 0 there.
        let mut in_files = own.in_files();
        self.in_redis.store(true, Ordering::Relaxed);
        in_files.drain(..).for_each(Place::go_over);
    }
}

impl Own {
    /// Nothing that is done with it panics half done.
    pub(super) fn in_files(&self) -> MutexGuard<'_, Vec<&'static Place>> {
        self.in_files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a number of the family may be in two parts, which a page adds.
pub(super) fn adds_up(desc: &Desc) -> bool {
    desc.kind() != Kind::Gauge || desc.aggregation().mode == Mode::Sum
}
