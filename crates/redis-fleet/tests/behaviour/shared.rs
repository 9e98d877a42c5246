//! Numbers that processes share: each count once, whatever happens to them and to the server.

use std::time::Duration;

use collector::Liveness;
use forked::testing::{Way, fork};
use metrics_core::{Aggregation, Counter, Registry};
use redis_testkit::RedisServer;
use store_redis::{Options, RedisStore, Sending};

use crate::place::{PATIENCE, Place, server};
use crate::trouble::unreliable;

fn open(place: &Place) -> RedisStore {
    place.open_as(Sending::Shared, Options::SHORTEST)
}

fn jobs(store: &RedisStore) -> Counter {
    Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap()
}

#[test]
fn of_fifty_processes_that_live_shortly_each_count_is_there_and_nothing_else() {
    let server = RedisServer::start();
    let place = Place::new(server.unix_url());
    for _ in 0..10 {
        let children: Vec<_> = (0..5)
            .map(|number| {
                fork(Way::Libc, || {
                    let store = open(&place);
                    let registry = Registry::new(store.clone());
                    let jobs = registry.counter("jobs", "Jobs.").labels(["kind"]).unwrap();
                    let seconds = registry.histogram("seconds", "Seconds.").register().unwrap();
                    for _ in 0..20 {
                        jobs.with([&(number % 2).to_string()]).inc();
                        seconds.observe(0.25);
                    }
                    store.close(PATIENCE).unwrap();
                })
            })
            .collect();
        children.into_iter().for_each(|child| child.wait());
    }
    let page = place.page(Liveness::Observed).unwrap();
    let of = |name: &str| {
        let samples = page.families.iter().flat_map(|family| &family.samples);
        samples.filter(|sample| &*sample.series.name == name).map(|sample| sample.value).collect::<Vec<_>>()
    };
    assert_eq!(of("jobs_total"), [600.0, 400.0]);
    assert_eq!((of("seconds_sum"), of("seconds_count")), (vec![250.0], vec![1000.0]));
    assert_eq!(server.cli(&["ZCARD", &place.key("processes")]), "0\n");
    assert_eq!(server.cli(&["HLEN", &place.key("shared:sequences")]), "50\n");
    // Nor are their names kept for long: once that time is over, the next who sends takes them out.
    server.cli(&[
        "EVAL",
        "for _, name in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do \
                          redis.call('ZADD', KEYS[1], 1, name) end",
        "1",
        &place.key("shared:until"),
    ]);
    let store = open(&place);
    jobs(&store).inc();
    store.close(PATIENCE).unwrap();
    assert_eq!(server.cli(&["HLEN", &place.key("shared:sequences")]), "1\n");
    assert_eq!(server.cli(&["ZCARD", &place.key("shared:until")]), "1\n");
}

#[test]
fn numbers_of_all_and_of_single_processes_are_one_series() {
    let place = Place::new(server().unix_url());
    for (sending, by) in [(Sending::Shared, 1.0), (Sending::Periodic, 10.0), (Sending::Shared, 100.0)] {
        jobs(&place.open_as(sending, Options::SHORTEST)).inc_by(by);
    }
    place.flush();
    assert_eq!(place.value("jobs_total"), 111.0);
}

#[test]
fn a_gauge_that_is_set_is_worth_what_each_process_has_set() {
    let place = Place::new(server().unix_url());
    let gauge = |store: &RedisStore| {
        let registry = Registry::new(store.clone());
        registry.gauge("level", "Level.").aggregation(Aggregation::SUM).register().unwrap()
    };
    let stores = [open(&place), open(&place)];
    let [one, other] = [gauge(&stores[0]), gauge(&stores[1])];
    for (value, by, expected) in [(5.0, 3.0, 8.0), (2.0, -4.0, 1.0)] {
        one.set(value);
        other.add(by);
        place.flush();
        assert_eq!(place.value("level"), expected);
    }
}

#[test]
fn what_does_not_add_up_is_refused_when_it_is_declared() {
    let place = Place::new(server().unix_url());
    let registry = Registry::new(open(&place));
    for mode in Aggregation::WORDS.iter().filter(|mode| **mode != "sum") {
        let gauge = registry.gauge("level", "Level.").aggregation(mode.parse().unwrap());
        let error = gauge.labels(["room"]).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "keep gauge level{{room}} ({mode}) among numbers that all processes share: Redis can only add to them, \
                 and {mode} wants to know whose each number is; give the gauge the aggregation sum, or keep numbers of \
                 each process"
            )
        );
    }
    let _ = registry.gauge("level", "Level.").aggregation(Aggregation::SUM).labels(["room"]).unwrap();
}

#[test]
fn with_redis_frozen_counting_goes_on_and_all_of_it_is_added_once() {
    let server = RedisServer::start();
    let place = Place::new(server.url());
    let store = open(&place);
    let jobs = jobs(&store);
    jobs.inc();
    store.flush(PATIENCE).unwrap();
    server.pause();
    (0..1_000).for_each(|_| jobs.inc());
    store.flush(Duration::from_millis(1_500)).unwrap_err();
    (0..1_000).for_each(|_| jobs.inc());
    server.resume();
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 2_001.0);
}

#[test]
fn a_server_that_is_killed_and_remembers_has_each_count_once() {
    let mut server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let place = Place::new(server.url());
    let store = open(&place);
    let jobs = jobs(&store);
    for round in 1..=3 {
        for _ in 0..100 {
            jobs.inc();
            std::thread::sleep(Duration::from_millis(2));
        }
        server.restart();
        jobs.inc();
        store.flush(PATIENCE).unwrap();
        assert_eq!(place.value("jobs_total"), f64::from(round * 101));
    }
}

#[test]
fn a_server_that_remembers_nothing_gets_what_was_not_added_before() {
    let mut server = RedisServer::start();
    let place = Place::new(server.url());
    let store = open(&place);
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs.").labels(["kind"]).unwrap();
    (0..10).for_each(|kind| jobs.with([&kind.to_string()]).inc());
    store.flush(PATIENCE).unwrap();
    server.restart();
    jobs.with(["0"]).inc_by(5.0);
    store.flush(PATIENCE).unwrap();
    let page = place.page(Liveness::Observed).unwrap();
    let values: Vec<f64> = page.families[0].samples.iter().map(|sample| sample.value).collect();
    assert_eq!(values, [5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn answers_that_do_not_come_neither_double_nor_lose_anything() {
    let place = Place::new(format!("redis://127.0.0.1:{}/0", unreliable(server().port())));
    let store = open(&place);
    let jobs = jobs(&store);
    for _ in 0..300 {
        jobs.inc();
        std::thread::sleep(Duration::from_millis(5));
    }
    store.flush(PATIENCE).unwrap();
    let total = (0..20).find_map(|_| place.try_value("jobs_total").ok()).unwrap();
    assert_eq!(total, 300.0);
}

#[test]
fn a_process_that_was_forgotten_while_nothing_was_under_way_goes_on_exactly() {
    let place = Place::new(server().unix_url());
    let store = open(&place);
    let jobs = jobs(&store);
    for round in 1..=3 {
        jobs.inc();
        store.flush(PATIENCE).unwrap();
        server().cli(&["DEL", &place.key("shared:sequences"), &place.key("shared:until")]);
        assert_eq!(place.value("jobs_total"), f64::from(round));
    }
}

#[test]
fn a_frame_that_comes_again_or_late_or_of_somebody_unknown_adds_nothing() {
    let server = RedisServer::start();
    let keys = redis_schema::Keys::new("place", 0).unwrap();
    let keys = [
        keys.epoch(),
        keys.shared_sequences(),
        keys.shared_until(),
        keys.shared_families(),
        keys.shared_values("jobs:1"),
    ];
    let add = |process: &str, sequence: &str, epoch: &str, registers: &str, by: &str| {
        let mut command = vec!["EVAL", redis_schema::script::ADD, "5"];
        command.extend(keys.iter().map(|key| &**key));
        command.extend([process, sequence, epoch, registers, "begun", "60000", "1", "jobs:1", "described"]);
        command.extend(["1", "0 ", by]);
        let told = server.cli(&command);
        (
            told.lines().next().unwrap().to_owned(),
            server.cli(&["--raw", "HGET", &keys[4], "0 "]).trim().to_owned(),
        )
    };
    let told = |word: &str, value: &str| (word.to_owned(), value.to_owned());
    assert_eq!(add("a", "1", "", "", "5"), told("UNKNOWN", ""));
    assert_eq!(add("a", "1", "", "1", "0"), told("OK", "0"));
    assert_eq!(add("a", "2", "begun", "", "5"), told("OK", "5"));
    assert_eq!(add("a", "2", "begun", "", "5"), told("OK", "5"), "again");
    assert_eq!(add("a", "4", "begun", "", "0.25"), told("OK", "5.25"));
    assert_eq!(add("a", "3", "begun", "", "7"), told("OK", "5.25"), "late");
    assert_eq!(add("a", "5", "another", "", "7"), told("LOST", "5.25"));
    assert_eq!(add("b", "5", "begun", "", "7"), told("UNKNOWN", "5.25"));
    server.cli(&["SET", &keys[3], "none of ours"]);
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| add("a", "6", "begun", "", "7")));
    drop(refused);
    assert_eq!(server.cli(&["--raw", "HGET", &keys[4], "0 "]).trim(), "5.25", "nothing is half done");
    assert_eq!(server.cli(&["--raw", "HGET", &keys[1], "a"]).trim(), "4");
}

#[test]
fn a_forked_child_adds_what_it_has_counted_itself() {
    for way in [Way::Libc, Way::Raw] {
        let place = Place::new(server().unix_url());
        let store = open(&place);
        let jobs = jobs(&store);
        jobs.inc_by(100.0);
        let child = fork(way, || {
            jobs.inc();
            store.close(PATIENCE).unwrap();
        });
        child.wait();
        jobs.inc_by(10.0);
        store.flush(PATIENCE).unwrap();
        assert_eq!(place.value("jobs_total"), 111.0, "{way:?}");
    }
}

#[test]
fn twenty_thousand_series_are_added_piece_by_piece() {
    let place = Place::new(server().unix_url());
    let store = open(&place);
    let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").labels(["kind"]).unwrap();
    (0..20_000).for_each(|kind| jobs.with([&kind.to_string()]).inc());
    store.flush(PATIENCE).unwrap();
    let page = place.page(Liveness::Observed).unwrap();
    assert_eq!(page.families[0].samples.len(), 20_000);
    assert_eq!(page.families[0].samples.iter().map(|sample| sample.value).sum::<f64>(), 20_000.0);
}

#[test]
fn numbers_that_are_infinite_or_none_are_added_up_as_elsewhere() {
    let place = Place::new(server().unix_url());
    let stores = [open(&place), open(&place)];
    let summary =
        |store: &RedisStore| Registry::new(store.clone()).summary("seconds", "Seconds.").register().unwrap();
    let [one, other] = [summary(&stores[0]), summary(&stores[1])];
    one.observe(f64::MAX);
    place.flush();
    other.observe(f64::MAX);
    place.flush();
    assert_eq!(place.value("seconds_sum"), f64::INFINITY);
    one.observe(1.0);
    place.flush();
    assert_eq!((place.value("seconds_sum"), place.value("seconds_count")), (f64::INFINITY, 3.0));
    other.observe(f64::NEG_INFINITY);
    place.flush();
    assert!(place.value("seconds_sum").is_nan());
    one.observe(1.0);
    place.flush();
    assert!(place.value("seconds_sum").is_nan());
    assert_eq!(place.value("seconds_count"), 5.0);
}

#[test]
fn what_is_none_of_ours_is_left_out_and_what_is_stays() {
    let server = RedisServer::start();
    let place = Place::new(server.unix_url());
    let store = open(&place);
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs.").labels(["kind"]).unwrap();
    let kept = registry.counter("kept", "Kept.").register().unwrap();
    jobs.with(["a"]).inc();
    kept.inc();
    store.flush(PATIENCE).unwrap();
    let families = server.cli(&["--raw", "HKEYS", &place.key("shared:families")]);
    let of_jobs = families.lines().find(|name| name.starts_with("jobs:")).unwrap();
    let values = place.key(&format!("shared:values:{of_jobs}"));
    for (field, value) in [("0 1:b,", "many"), ("1 1:a,", "1"), ("0 7:a,", "1"), ("", "1")] {
        server.cli(&["HSET", &values, field, value]);
    }
    server.cli(&["HSET", &place.key("shared:families"), "odd", "none of ours", "odder:1", "\u{1}"]);
    assert_eq!(place.value("jobs_total"), 1.0);
    // It stands where nothing can be added: that is lost, and said; the rest is not.
    jobs.with(["b"]).inc();
    jobs.with(["a"]).inc();
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 2.0);
    server.cli(&["DEL", &values]);
    server.cli(&["SET", &values, "none of ours"]);
    jobs.with(["a"]).inc();
    kept.inc();
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("kept_total"), 2.0);
    assert!(place.try_value("jobs_total").is_err());
    // A family that is taken out is on the page no more.
    server.cli(&["DEL", &values, &place.key("shared:families")]);
    let page = place.page(Liveness::Observed).unwrap();
    assert!(page.families.iter().all(|family| family.samples.is_empty()));
}
