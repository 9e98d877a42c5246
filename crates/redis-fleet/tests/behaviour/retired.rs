//! The dead, those who were only taken for dead, and who takes them out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_core::Registry;
use store_redis::{RedisStore, Sending};

use crate::place::{PATIENCE, Place, server};

#[test]
fn what_the_dead_have_counted_stays_on_the_page() {
    let place = Place::new(server().unix_url());
    for _ in 0..3 {
        let store = place.open();
        let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
        jobs.inc_by(0.1);
        store.close(PATIENCE).unwrap();
    }
    assert_eq!(place.value("jobs_total"), 0.1 + 0.1 + 0.1);
    assert_eq!(place.janitor(Duration::from_secs(3600)).tidy().unwrap(), 3);
    assert_eq!(server().cli(&["ZCARD", &place.key("processes")]), "0\n");
    assert_eq!(place.value("jobs_total"), 0.1 + 0.1 + 0.1);
}

#[test]
fn a_process_that_was_taken_for_dead_goes_on_exactly() {
    let place = Place::new(server().unix_url());
    let store = place.open();
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs.").register().unwrap();
    let seconds = registry.histogram("seconds", "Seconds.").register().unwrap();
    for round in 1..=5 {
        jobs.inc_by(10.0);
        seconds.observe(0.25);
        store.flush(PATIENCE).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(place.janitor(Duration::ZERO).tidy().unwrap(), 1);
        assert_eq!(place.value("jobs_total"), f64::from(10 * round));
        assert_eq!(place.value("seconds_count"), f64::from(round));
    }
    jobs.inc();
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 51.0);
    assert_eq!(place.value("seconds_sum"), 1.25);
}

#[test]
fn two_janitors_and_a_reader_beside_processes_that_come_and_go_never_show_less_and_lose_nothing() {
    let place = Place::new(server().unix_url());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..8 {
                        let store = place.open();
                        let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
                        for _ in 0..20 {
                            jobs.inc();
                            std::thread::sleep(Duration::from_millis(2));
                        }
                        store.close(PATIENCE).unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                // So eager that the living are taken out, too.
                let mut janitor = place.janitor(Duration::from_millis(20));
                while !over.load(Ordering::Relaxed) {
                    janitor.tidy().unwrap();
                }
            });
        }
        scope.spawn(|| {
            let mut shown = 0.0;
            while !over.load(Ordering::Relaxed) {
                // Where somebody is taken out at each attempt there is no page.
                if let Ok(value) = place.try_value("jobs_total") {
                    assert!(value >= shown, "{value} after {shown}");
                    shown = value;
                }
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        over.store(true, Ordering::Relaxed);
    });
    place.janitor(Duration::ZERO).tidy().unwrap();
    assert_eq!(place.value("jobs_total"), f64::from(3 * 8 * 20));
}

/// A store that sends when it is told to, and no sooner.
fn quiet(place: &Place) -> RedisStore {
    place.open_as(Sending::Periodic, Duration::from_secs(3_600))
}

#[test]
fn who_was_silent_before_the_janitor_came_has_time_to_be_heard() {
    let place = Place::new(server().unix_url());
    let store = quiet(&place);
    Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap().inc();
    store.flush(PATIENCE).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    let mut janitor = place.janitor(Duration::from_millis(300));
    assert_eq!(janitor.tidy().unwrap(), 0);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(janitor.tidy().unwrap(), 1);
    assert_eq!(place.value("jobs_total"), 1.0);
}

#[test]
fn after_a_server_went_back_in_time_the_living_say_all_again_before_anybody_is_taken_out() {
    let place = Place::new(server().unix_url());
    let store = quiet(&place);
    let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
    jobs.inc();
    store.flush(PATIENCE).unwrap();
    let process = store.process().unwrap();
    let values = place.key(&format!("values:{process}"));
    let before = server().cli(&["HGET", &values, "#seq"]);
    let mut janitor = place.janitor(Duration::from_secs(2));
    assert_eq!(janitor.tidy().unwrap(), 0);
    std::thread::sleep(Duration::from_millis(2_100));
    jobs.inc_by(10.0);
    store.flush(PATIENCE).unwrap();
    assert_eq!(janitor.tidy().unwrap(), 0);
    // As a replica would have it that was cut off for long, and took the place of its master.
    let script = "redis.call('ZADD', KEYS[2], redis.call('ZSCORE', KEYS[2], ARGV[2]) - 60000, ARGV[2])
        return redis.call('HSET', KEYS[1], '#seq', ARGV[1], 'v0', struct.pack('<d', 1))";
    server().cli(&["EVAL", script, "2", &values, &place.key("processes"), before.trim(), &process]);
    assert_eq!(janitor.tidy().unwrap(), 0);
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.strangers_value("jobs_total"), Ok(11.0));
}
