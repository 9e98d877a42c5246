//! A prefix of a server's own: stores that write there, and the page that is read from it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use collector::{Ask, Collector, Liveness};
use metrics_core::Snapshot;
use redis_fleet::{FleetSource, Janitor};
use redis_link::{Address, Timeouts};
use redis_testkit::RedisServer;
use store_redis::{Options, RedisStore, Sending};

/// Long enough for whatever the machine does meanwhile.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server that all tests use that do nothing to it.
pub(crate) fn server() -> &'static RedisServer {
    static SERVER: OnceLock<RedisServer> = OnceLock::new();
    SERVER.get_or_init(RedisServer::start)
}

/// A prefix of a server's own.
pub(crate) struct Place {
    url: String,
    prefix: String,
    shards: usize,
    stores: Mutex<Vec<RedisStore>>,
    collector: Collector,
}

impl Place {
    pub(crate) fn new(url: impl Into<String>) -> Place {
        Place::sharded(url, 1)
    }

    /// One whose processes are shared out. Readers find that out.
    pub(crate) fn sharded(url: impl Into<String>, shards: usize) -> Place {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let (url, prefix) = (url.into(), format!("place-{}", LAST.fetch_add(1, Ordering::Relaxed)));
        let collector = Collector::new(vec![Box::new(source(&url, &prefix))]);
        Place { url, prefix, shards, stores: Mutex::default(), collector }
    }

    /// Another process, as far as Redis can tell.
    pub(crate) fn open(&self) -> RedisStore {
        self.open_as(Sending::Periodic, Options::SHORTEST)
    }

    /// The same, that sends so.
    pub(crate) fn open_as(&self, sending: Sending, interval: Duration) -> RedisStore {
        let options = Options {
            prefix: self.prefix.clone(),
            shards: self.shards,
            sending,
            interval,
            timeouts: Timeouts { connect: Duration::from_millis(300), answer: Duration::from_millis(500) },
            warn: std::sync::Arc::new(|_| {}),
        };
        let store = RedisStore::open_with(&self.url, options).unwrap();
        self.stores.lock().unwrap().push(store.clone());
        store
    }

    /// Waits until Redis has everything.
    pub(crate) fn flush(&self) {
        self.stores.lock().unwrap().iter().for_each(|store| store.flush(PATIENCE).unwrap());
    }

    /// The page, of all who are not known to be dead or of all.
    pub(crate) fn page(&self, liveness: Liveness) -> Result<Snapshot, String> {
        page_of(&self.collector, liveness)
    }

    /// The page of a collector that has never seen any.
    pub(crate) fn fresh_page(&self, liveness: Liveness) -> Result<Snapshot, String> {
        let collector = Collector::new(vec![Box::new(source(&self.url, &self.prefix))]);
        page_of(&collector, liveness)
    }

    /// What the collector says of itself.
    pub(crate) fn own(&self) -> String {
        let mut text = Vec::new();
        for family in self.collector.own().families {
            for sample in family.samples {
                text.push(format!(
                    "{}{{{:?}}} {:?}\n",
                    sample.series.name, sample.series.labels, sample.value
                ));
            }
        }
        text.concat()
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The only sample of the page that has this name.
    pub(crate) fn value(&self, name: &str) -> f64 {
        self.try_value(name).unwrap()
    }

    /// The same; the reason where there is no page.
    pub(crate) fn try_value(&self, name: &str) -> Result<f64, String> {
        only(&self.page(Liveness::Observed)?, name)
    }

    pub(crate) fn janitor(&self, dead_after: Duration) -> Janitor {
        Janitor::new(Address::parse(&self.url).unwrap(), &self.prefix, Timeouts::default(), dead_after)
            .unwrap()
    }

    /// The name of a key.
    pub(crate) fn key(&self, name: &str) -> String {
        self.key_of(0, name)
    }

    /// The name of a key of a shard.
    pub(crate) fn key_of(&self, shard: usize, name: &str) -> String {
        format!("{{{}#{shard}}}:{name}", self.prefix)
    }

    /// A page of somebody who has read none before.
    pub(crate) fn strangers_value(&self, name: &str) -> Result<f64, String> {
        self.told_value(name, 1)
    }

    /// The same of somebody who was told of so many shards.
    pub(crate) fn told_value(&self, name: &str, shards: usize) -> Result<f64, String> {
        let collector = Collector::new(vec![Box::new(source(&self.url, &self.prefix).sharded(shards))]);
        let page = page_of(&collector, Liveness::Observed)?;
        only(&page, name)
    }
}

impl Drop for Place {
    /// Ends the stores' threads.
    fn drop(&mut self) {
        for store in self.stores.lock().unwrap().iter() {
            let _ = store.close(Duration::from_millis(200));
        }
    }
}

/// Says that it is over when it is dropped, also by a test that fails: threads that wait for it end.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn page_of(collector: &Collector, liveness: Liveness) -> Result<Snapshot, String> {
    let mut ask = Ask::default();
    ask.liveness = liveness;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let page = runtime.block_on(collector.collect(&ask));
    page.map(|page| (*page).clone()).map_err(|error| error.to_string())
}

pub(crate) fn only(page: &Snapshot, name: &str) -> Result<f64, String> {
    let samples: Vec<_> = page
        .families
        .iter()
        .flat_map(|family| &family.samples)
        .filter(|sample| &*sample.series.name == name)
        .collect();
    match samples[..] {
        [sample] => Ok(sample.value),
        _ => Err(format!("{} samples {name}", samples.len())),
    }
}

pub(crate) fn source(url: &str, prefix: &str) -> FleetSource {
    FleetSource::new(Address::parse(url).unwrap(), prefix, Timeouts::default()).unwrap()
}
