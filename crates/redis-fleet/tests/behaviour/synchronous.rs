//! Each change in Redis when the call returns: from threads, after a fork, and whatever happens to the server.

use std::time::{Duration, Instant};

use forked::testing::{Way, fork};
use metrics_core::{Aggregation, Counter, Registry};
use redis_testkit::RedisServer;
use store_redis::{Options, RedisStore, Sending};

use crate::place::{PATIENCE, Place, server};
use crate::trouble::unreliable;

/// Longer than a test takes: nothing but the change itself sends it.
const NEVER: Duration = Duration::from_secs(3600);

fn open(place: &Place) -> RedisStore {
    place.open_as(Sending::Synchronous, NEVER)
}

fn jobs(store: &RedisStore) -> Counter {
    Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap()
}

#[test]
fn what_was_counted_is_on_the_page_when_the_call_returns() {
    let place = Place::new(server().unix_url());
    let store = open(&place);
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs.").labels(["kind"]).unwrap();
    // Over the ends of pages, and some of them known to the server only by what came later.
    for kind in 0..50 {
        let name = kind.to_string();
        jobs.with([&name]).inc();
        jobs.with([&(kind / 2).to_string()]).inc();
        let page = place.page(collector::Liveness::Observed).unwrap();
        let total: f64 = page.families[0].samples.iter().map(|sample| sample.value).sum();
        assert_eq!(total, f64::from(2 * (kind + 1)));
    }
    let level = registry.gauge("level", "Level.").aggregation(Aggregation::MOST_RECENT).register().unwrap();
    let other = Registry::new(open(&place));
    let others = other.gauge("level", "Level.").aggregation(Aggregation::MOST_RECENT).register().unwrap();
    for value in 0..10 {
        level.set(f64::from(value));
        assert_eq!(place.value("level"), f64::from(value));
        others.set(f64::from(-value));
        assert_eq!(place.value("level"), f64::from(-value));
    }
    let seconds = registry.histogram("seconds", "Seconds.").register().unwrap();
    seconds.observe(0.25);
    assert_eq!((place.value("seconds_sum"), place.value("seconds_count")), (0.25, 1.0));
}

#[test]
fn so_it_is_from_each_thread_and_none_waits_for_ever() {
    let place = Place::new(server().unix_url());
    let jobs = jobs(&open(&place));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut shown = 0.0;
                for _ in 0..50 {
                    jobs.inc();
                    let own = jobs.get();
                    let value = place.value("jobs_total");
                    // Others may have added one that has not arrived.
                    assert!(value > shown && value + 7.0 >= own, "{value} of {own} after {shown}");
                    shown = value;
                }
            });
        }
    });
    assert_eq!(place.value("jobs_total"), 400.0);
}

#[test]
fn threads_that_wait_share_frames_and_the_process_is_heard_of_meanwhile() {
    let place = Place::new(server().unix_url());
    let store = open(&place);
    let jobs = jobs(&store);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..250).for_each(|_| jobs.inc()));
        }
    });
    assert_eq!(place.value("jobs_total"), 2_000.0);
    let key = place.key(&format!("values:{}", store.process().unwrap()));
    let frames: u32 = server().cli(&["HGET", &key, "#seq"]).trim().parse().unwrap();
    assert!(frames < 2_000, "{frames} frames");

    let store = place.open_as(Sending::Synchronous, Options::SHORTEST);
    let jobs = Registry::new(store.clone()).counter("more", "More.").register().unwrap();
    jobs.inc();
    let process = store.process().unwrap();
    let heard =
        || server().cli(&["ZSCORE", &place.key("processes"), &process]).trim().parse::<f64>().unwrap();
    let begun = heard();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while heard() < begun + 300.0 {
                    (0..100).for_each(|_| jobs.inc());
                }
            });
        }
    });
}

#[test]
fn so_it_is_in_a_forked_child() {
    for way in [Way::Libc, Way::Raw] {
        let place = Place::new(server().unix_url());
        let jobs = jobs(&open(&place));
        jobs.inc();
        let child = fork(way, || {
            jobs.inc();
            assert_eq!(place.value("jobs_total"), 2.0);
            jobs.inc();
            assert_eq!(place.value("jobs_total"), 3.0);
        });
        child.wait();
        jobs.inc();
        assert_eq!(place.value("jobs_total"), 4.0, "{way:?}");
    }
}

#[test]
fn a_process_that_was_taken_for_dead_or_whose_database_was_emptied_sends_what_is_missing_with_its_next_change()
 {
    let server = RedisServer::start();
    let place = Place::new(server.unix_url());
    let store = open(&place);
    let jobs = jobs(&store);
    jobs.inc();
    // The thread has had its turn, too.
    store.flush(PATIENCE).unwrap();
    for round in 1..=3 {
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(place.janitor(Duration::ZERO).tidy().unwrap(), 1);
        jobs.inc();
        assert_eq!(place.value("jobs_total"), f64::from(1 + round));
        jobs.inc_by(0.0);
        assert_eq!(place.value("jobs_total"), f64::from(1 + round));
    }
    // The retired are lost with it: three.
    server.cli(&["FLUSHALL"]);
    jobs.inc();
    assert_eq!(place.value("jobs_total"), 2.0);
    store.close(PATIENCE).unwrap();
    jobs.inc();
    assert_eq!(place.value("jobs_total"), 2.0, "a store that was closed sends nothing");
}

#[test]
fn a_patch_that_comes_late_changes_nothing() {
    let server = RedisServer::start();
    let place = Place::new(server.unix_url());
    let store = open(&place);
    let jobs = jobs(&store);
    jobs.inc();
    store.flush(PATIENCE).unwrap();
    let key = place.key(&format!("values:{}", store.process().unwrap()));
    let sequence = || server.cli(&["HGET", &key, "#seq"]).trim().parse::<u64>().unwrap();
    let page = || server.cli(&["HGET", &key, "v0"]);
    let patch = |follows: u64| {
        let (follows, own) = (follows.to_string(), (follows + 1).to_string());
        server.cli(&["EVAL", redis_schema::script::PATCH, "1", &key, &follows, &own, "v0", "late"])
    };
    let old = sequence();
    jobs.inc();
    let before = page();
    assert_eq!((sequence(), patch(old)), (old + 1, "0\n".to_owned()));
    assert_eq!((sequence(), page()), (old + 1, before));
    store.close(PATIENCE).unwrap();
    let last = sequence();
    assert_eq!(place.janitor(PATIENCE).tidy().unwrap(), 1);
    assert_eq!(patch(last), "0\n");
    assert_eq!((server.cli(&["EXISTS", &key]), place.value("jobs_total")), ("0\n".to_owned(), 2.0));
}

#[test]
fn with_redis_frozen_who_counts_waits_once_and_what_he_counts_arrives_later() {
    let server = RedisServer::start();
    let place = Place::new(server.url());
    let store = place.open_as(Sending::Synchronous, Duration::from_millis(200));
    let jobs = jobs(&store);
    jobs.inc();
    server.pause();
    let begun = Instant::now();
    // Half a second for each would be many hours.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25_000).for_each(|_| jobs.inc()));
        }
    });
    assert!(begun.elapsed() < PATIENCE);
    server.resume();
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 100_001.0);
    jobs.inc();
    assert_eq!(place.value("jobs_total"), 100_002.0, "and is waited for again");
}

#[test]
fn a_server_that_was_started_anew_has_everything_after_the_next_change() {
    let mut server = RedisServer::start();
    let place = Place::new(server.url());
    let store = open(&place);
    let jobs = jobs(&store);
    jobs.inc();
    // The thread has had its turn, too.
    store.flush(PATIENCE).unwrap();
    server.restart();
    jobs.inc();
    assert_eq!(place.value("jobs_total"), 2.0);
}

#[test]
fn answers_that_do_not_come_neither_double_nor_lose_anything() {
    let place = Place::new(format!("redis://127.0.0.1:{}/0", unreliable(server().port())));
    let store = place.open_as(Sending::Synchronous, Duration::from_millis(100));
    let jobs = jobs(&store);
    (0..300).for_each(|_| jobs.inc());
    store.flush(PATIENCE).unwrap();
    let total = (0..20).find_map(|_| place.try_value("jobs_total").ok()).unwrap();
    assert_eq!(total, 300.0);
}
