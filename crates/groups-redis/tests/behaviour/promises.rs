//! What every store promises, by a real server.

use std::cell::Cell;

use groups_redis::{Options, RedisStore};
use groups_testkit::{Step, Tested, agrees, steps};
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use push_groups::GroupStore;
use redis_link::Address;
use redis_testkit::RedisServer;

struct Opened {
    url: String,
    options: Options,
    store: RedisStore,
}

impl Opened {
    fn new(server: &RedisServer, namespace: String) -> Opened {
        let (url, options) = (server.unix_url(), Options { namespace, ..Options::default() });
        let store = RedisStore::new(Address::parse(&url).unwrap(), options.clone());
        Opened { url, options, store }
    }
}

impl Tested for Opened {
    fn store(&self) -> &dyn GroupStore {
        &self.store
    }

    fn restart(&mut self) {
        self.store = RedisStore::new(Address::parse(&self.url).unwrap(), self.options.clone());
    }
}

#[test]
fn it_does_what_the_model_does() {
    let server = RedisServer::start();
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    let case = Cell::new(0);
    let done = TestRunner::new(config).run(&steps(30), |mut steps| {
        // The clock is the server's.
        steps.retain(|step| !matches!(step, Step::Pass(_)));
        case.set(case.get() + 1);
        agrees(&mut Opened::new(&server, format!("case-{}", case.get())), None, &steps);
        Ok(())
    });
    done.unwrap();
}
