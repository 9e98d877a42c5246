//! The store, and what each process has of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forked::PerProcess;
use metrics_core::{Aggregation, Child, Children, Desc, Store, StoreError};
use redis_link::Address;
use redis_session::clock::{self, Clock};
use redis_session::{Shard, policy};

use crate::book::Book;
use crate::child::RedisChild;
use crate::flusher::Flusher;
use crate::shard;
use crate::synchronous::SynchronousChild;
use crate::{FlushError, Options, Sending};

/// Numbers counted in this process and kept in Redis.
///
/// Cheap to clone; clones are one store. Opening the same address twice makes two stores, which write under two names
/// as two processes would.
#[derive(Clone)]
pub struct RedisStore {
    shared: Arc<Shared>,
}

/// What all clones of a store share.
pub(crate) struct Shared {
    children: Children,
    pub(crate) options: Options,
    pub(crate) shards: Vec<Shard>,
    own: PerProcess<Own>,
    /// Whether Redis was there when the store was opened.
    was_there: bool,
}

/// What one process has of a store.
pub(crate) struct Own {
    book: Mutex<Book>,
    /// Held by whoever makes a child.
    making: Mutex<()>,
    pub(crate) clock: Clock,
    pub(crate) flusher: Flusher,
}

impl RedisStore {
    /// What addresses begin with, before `://`.
    pub const SCHEMES: &[&str] = &Address::SCHEMES;

    /// A store in the Redis at this address: `redis://[[user]:password@]host[:port][/database]`,
    /// `redis+unix:///path`, `redis+cluster://host,host,host`, and what else an [`Address`] may be. Sends every second,
    /// under the prefix `multiprom`.
    ///
    /// # Errors
    /// As [`RedisStore::open_with`].
    pub fn open(url: &str) -> Result<RedisStore, StoreError> {
        RedisStore::open_with(url, Options::default())
    }

    /// A store in the Redis at this address, with these options.
    ///
    /// Waits for Redis as long as the options say and no longer: where there is none, numbers count in memory until
    /// there is one.
    ///
    /// # Errors
    /// When the address is none, the prefix cannot be part of a key, there are no shards or too many, or Redis is set up so that it may throw the numbers
    /// away (`maxmemory-policy`).
    pub fn open_with(url: &str, options: Options) -> Result<RedisStore, StoreError> {
        let refused =
            |cause: Box<dyn std::error::Error + Send + Sync>| StoreError::new("open a store in Redis", cause);
        let address = Address::parse(url).map_err(|error| refused(error.into()))?;
        let shards = shard::all(&address, &options).map_err(refused)?;
        let was_there = match policy::check(&shards[0].link) {
            Err(policy::Unfit::Evicts(evicts)) => return Err(refused(evicts.into())),
            // It is looked at again before anything is sent.
            Err(policy::Unfit::Unreachable(_)) => false,
            Ok(()) => true,
        };
        let options = Options { interval: options.interval.max(Options::SHORTEST), ..options };
        let shared = Shared { children: Children::new(), options, shards, own: PerProcess::new(), was_there };
        Ok(RedisStore { shared: Arc::new(shared) })
    }

    /// Whether Redis was there when the store was opened.
    pub fn was_there(&self) -> bool {
        self.shared.was_there
    }

    /// Begins to send, though nothing has been counted yet, and waits until Redis has taken something from this process.
    /// Tries at once; does so again, every now and then, when this is over.
    ///
    /// # Errors
    /// When that takes longer than `timeout`; with the reason, if there is one.
    pub fn reach(&self, timeout: Duration) -> Result<(), FlushError> {
        self.shared.own().flusher.flush(timeout)
    }

    /// As [`child`](Store::child). A label set that is new does not begin at 0 but at `value`, which was set so long
    /// ago; `None` is never. For a gauge that was kept elsewhere until now: Redis is never told of a 0.
    ///
    /// # Errors
    /// As [`child`](Store::child).
    pub fn child_from(
        &self,
        desc: &Arc<Desc>,
        labels: &[&str],
        value: f64,
        age: Option<Duration>,
    ) -> Result<&'static dyn Child, StoreError> {
        let time = age.map_or(0.0, |age| clock::monotonic() - age.as_secs_f64());
        self.child_that(desc, labels, |child| child.begin(value, time))
    }

    /// The child; a new one is given to `begin` before anybody else has it.
    fn child_that(
        &self,
        desc: &Arc<Desc>,
        labels: &[&str],
        begin: impl FnOnce(&RedisChild),
    ) -> Result<&'static dyn Child, StoreError> {
        self.accepts(desc)?;
        // One thread at a time: of two that made a child each, one would leave numbers that nobody counts in.
        let _making = self.shared.own().making();
        self.shared.children.get_or_make(desc, labels, || {
            let child = RedisChild::new(Arc::clone(&self.shared), Arc::clone(desc), labels);
            begin(&child);
            match self.shared.options.sending {
                Sending::Periodic | Sending::Shared => Box::new(child),
                Sending::Synchronous => Box::new(SynchronousChild(child)),
            }
        })
    }

    /// Waits until Redis has everything that was counted before this call.
    ///
    /// # Errors
    /// When that takes longer than `timeout`; with the reason, if there is one.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        match self.shared.own.get() {
            Some(own) => own.flusher.flush(timeout),
            None => Ok(()),
        }
    }

    /// As [`flush`](RedisStore::flush), and says that this process will send no more: it is taken for dead at once. To
    /// be called at the end of a program, which otherwise loses what it has counted since numbers were last sent.
    ///
    /// # Errors
    /// As [`flush`](RedisStore::flush).
    pub fn close(&self, timeout: Duration) -> Result<(), FlushError> {
        match self.shared.own.get() {
            Some(own) => own.flusher.close(timeout),
            None => Ok(()),
        }
    }

    /// What this process is called in Redis, once it has counted something.
    pub fn process(&self) -> Option<String> {
        Some(self.shared.own.get()?.flusher.name().to_owned())
    }
}

impl Store for RedisStore {
    fn accepts(&self, desc: &Desc) -> Result<(), StoreError> {
        let aggregation = desc.aggregation();
        if self.shared.options.sending != Sending::Shared || aggregation == Aggregation::SUM {
            return Ok(());
        }
        Err(StoreError::new(
            format!("keep {desc} among numbers that all processes share"),
            format!(
                "Redis can only add to them, and {aggregation} wants to know whose each number is; give the gauge the \
                 aggregation sum, or keep numbers of each process"
            ),
        ))
    }

    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        self.child_that(desc, labels, |child| {
            child.here();
        })
    }
}

impl Shared {
    /// What this process has, and the thread that sends it, which are made the first time.
    pub(crate) fn own(self: &Arc<Shared>) -> &'static Own {
        let own = self.own.get_or_init(|| {
            // A parent's shard may be another one than ours, and its connection is none of ours.
            self.shards.iter().for_each(|shard| shard.link.let_go());
            Own {
                book: Mutex::default(),
                making: Mutex::default(),
                clock: Clock::new(),
                flusher: Flusher::new(self.options.sending),
            }
        });
        own.flusher.start(self, own);
        own
    }
}

impl Own {
    /// All numbers of the process. Nothing that is done with it panics half done.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn making(&self) -> MutexGuard<'_, ()> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RedisStore({}, prefix {:?})",
            self.shared.shards[0].link.address(),
            self.shared.options.prefix
        )
    }
}
