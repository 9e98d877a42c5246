//! A prefix of a server's own: stores that write there, and the page that is read from it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use collector::{Ask, Collector, Liveness};
use metrics_core::Snapshot;
use redis_fleet::{FleetSource, Janitor};
use redis_link::{Address, Timeouts};
use redis_testkit::RedisServer;
use store_redis::{Options, RedisStore};

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
    stores: Mutex<Vec<RedisStore>>,
    collector: Collector,
}

impl Place {
    pub(crate) fn new(url: impl Into<String>) -> Place {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let (url, prefix) = (url.into(), format!("place-{}", LAST.fetch_add(1, Ordering::Relaxed)));
        let collector = Collector::new(vec![Box::new(source(&url, &prefix))]);
        Place { url, prefix, stores: Mutex::default(), collector }
    }

    /// Another process, as far as Redis can tell.
    pub(crate) fn open(&self) -> RedisStore {
        let options = Options {
            prefix: self.prefix.clone(),
            interval: Options::SHORTEST,
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
        let mut ask = Ask::default();
        ask.liveness = liveness;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let page = runtime.block_on(self.collector.collect(&ask));
        page.map(|page| (*page).clone()).map_err(|error| error.to_string())
    }

    /// The only sample of the page that has this name.
    pub(crate) fn value(&self, name: &str) -> f64 {
        self.try_value(name).unwrap()
    }

    /// The same; the reason where there is no page.
    pub(crate) fn try_value(&self, name: &str) -> Result<f64, String> {
        let page = self.page(Liveness::Observed)?;
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

    pub(crate) fn janitor(&self, dead_after: Duration) -> Janitor {
        Janitor::new(Address::parse(&self.url).unwrap(), &self.prefix, Timeouts::default(), dead_after)
            .unwrap()
    }

    /// The name of a key.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{{{}#0}}:{name}", self.prefix)
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

fn source(url: &str, prefix: &str) -> FleetSource {
    FleetSource::new(Address::parse(url).unwrap(), prefix, Timeouts::default()).unwrap()
}
