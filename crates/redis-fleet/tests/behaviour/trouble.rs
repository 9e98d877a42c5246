//! Redis away, frozen, emptied; answers that do not come; forks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use forked::testing::{Way, fork};
use metrics_core::Registry;
use redis_testkit::RedisServer;
use store_redis::{Options, RedisStore};

use crate::place::{PATIENCE, Place, server};

#[test]
fn with_redis_frozen_counting_goes_on_and_all_of_it_arrives_later() {
    let server = RedisServer::start();
    let place = Place::new(server.url());
    let store = place.open();
    let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
    jobs.inc();
    store.flush(PATIENCE).unwrap();
    server.pause();
    (0..100_000).for_each(|_| jobs.inc());
    let error = store.flush(Duration::from_millis(900)).unwrap_err().to_string();
    assert!(error.starts_with("send all numbers to Redis within 900ms: "), "{error}");
    assert!(place.try_value("jobs_total").is_err(), "there is no page without numbers");
    server.resume();
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 100_001.0);
}

#[test]
fn after_everything_was_deleted_what_the_living_have_counted_is_there_again() {
    let server = RedisServer::start();
    let place = Place::new(server.url());
    let store = place.open();
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs.").labels(["kind"]).unwrap();
    (0..600).for_each(|kind| jobs.with([&kind.to_string()]).inc());
    store.flush(PATIENCE).unwrap();
    server.cli(&["FLUSHALL"]);
    jobs.with(["0"]).inc();
    store.flush(PATIENCE).unwrap();
    let page = place.page(collector::Liveness::Observed).unwrap();
    assert_eq!(page.families[0].samples.len(), 600);
    assert_eq!(page.families[0].samples.iter().map(|sample| sample.value).sum::<f64>(), 601.0);
}

#[test]
fn a_redis_that_is_not_there_yet_gets_everything_once_it_is() {
    let mut server = RedisServer::start();
    server.kill();
    let place = Place::new(server.url());
    let store = place.open();
    let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
    jobs.inc();
    let error = store.flush(Duration::from_millis(300)).unwrap_err().to_string();
    assert!(error.contains("connect to redis://127.0.0.1:"), "{error}");
    server.restart();
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 1.0);
}

#[test]
fn a_redis_that_may_throw_keys_away_is_refused_with_the_remedy() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "allkeys-lru"]);
    let error = RedisStore::open(&server.url()).unwrap_err().to_string();
    assert_eq!(
        error,
        "open a store in Redis: its maxmemory-policy allkeys-lru throws keys away when memory is full, and counters \
         would fall; set it to noeviction or to one of volatile-*, or use a Redis of its own"
    );
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
    RedisStore::open(&server.url()).unwrap();
}

#[test]
fn an_address_that_is_none_is_refused() {
    let error = RedisStore::open_with("http://localhost", Options::default()).unwrap_err().to_string();
    assert!(error.starts_with("open a store in Redis: no address of a Redis: "), "{error}");
}

/// Lets everything through to the server, and of the answers each third not: it ends the connection instead.
pub(crate) fn unreliable(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = listener.local_addr().unwrap().port();
    static ANSWERS: AtomicUsize = AtomicUsize::new(0);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            std::thread::spawn(move || {
                let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
                let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
                std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
                let mut buffer = [0; 1 << 16];
                loop {
                    let len = server.read(&mut buffer).ok().filter(|&len| len > 0)?;
                    if ANSWERS.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
                        client.shutdown(std::net::Shutdown::Both).ok()?;
                        return Some(());
                    }
                    client.write_all(&buffer[..len]).ok()?;
                }
            });
        }
    });
    ours
}

#[test]
fn answers_that_do_not_come_neither_double_nor_lose_anything() {
    let place = Place::new(format!("redis://127.0.0.1:{}/0", unreliable(server().port())));
    let store = place.open();
    let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").labels(["kind"]).unwrap();
    let begun = Instant::now();
    let mut counted = 0;
    while counted < 200 || begun.elapsed() < Duration::from_secs(3) {
        jobs.with([&(counted % 100).to_string()]).inc();
        counted += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    store.flush(PATIENCE).unwrap();
    // Read past the one that drops answers.
    let direct = |_| {
        let values = server().cli(&["--raw", "KEYS", &place.key("values:*")]);
        let key = values.lines().next().unwrap().to_owned();
        server().cli(&["HGET", &key, "#seq"]).trim().parse::<u64>().unwrap()
    };
    assert!(direct(()) >= 10, "some frames were sent");
    let total = (0..20).find_map(|_| place.page(collector::Liveness::AsFiled).ok()).unwrap();
    assert_eq!(total.families[0].samples.iter().map(|sample| sample.value).sum::<f64>(), f64::from(counted));
}

#[test]
fn a_forked_child_counts_from_nothing_under_a_name_of_its_own() {
    for way in [Way::Libc, Way::Raw] {
        let place = Place::new(server().unix_url());
        let store = place.open();
        let registry = Registry::new(store.clone());
        let jobs = registry.counter("jobs", "Jobs.").register().unwrap();
        jobs.inc_by(100.0);
        store.flush(PATIENCE).unwrap();
        let child = fork(way, || {
            assert_eq!(jobs.get(), 0.0);
            jobs.inc();
            store.close(PATIENCE).unwrap();
        });
        child.wait();
        jobs.inc_by(10.0);
        store.flush(PATIENCE).unwrap();
        assert_eq!(place.value("jobs_total"), 111.0, "{way:?}");
        assert_eq!(server().cli(&["ZCARD", &place.key("processes")]), "2\n");
    }
}
