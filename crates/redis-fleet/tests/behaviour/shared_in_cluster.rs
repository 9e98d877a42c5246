//! Numbers that processes share, on a real cluster of three nodes: each count once, whatever moves or dies.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use collector::Liveness;
use forked::testing::{Way, fork};
use metrics_core::{Counter, Registry};
use redis_schema::Keys;
use redis_testkit::RedisCluster;
use store_redis::{Options, RedisStore, Sending};

use crate::place::{Over, PATIENCE, Place};

fn open(place: &Place) -> RedisStore {
    place.open_as(Sending::Shared, Options::SHORTEST)
}

fn jobs(store: &RedisStore) -> Counter {
    Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap()
}

/// How many each shard has of a key's members, as this command counts them.
fn counts(cluster: &RedisCluster, place: &Place, shards: usize, command: &str, key: &str) -> Vec<usize> {
    let count = |shard| {
        let key = place.key_of(shard, key);
        cluster.nodes[cluster.owner(&key)].cli(&[command, &key]).trim().parse().unwrap()
    };
    (0..shards).map(count).collect()
}

#[test]
fn processes_that_live_shortly_are_shared_out_and_each_count_is_there() {
    let cluster = RedisCluster::start(3);
    for shards in [1, 4] {
        let place = Place::sharded(cluster.url(), shards);
        for _ in 0..6 {
            let children: Vec<_> = (0..4)
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
            samples
                .filter(|sample| &*sample.series.name == name)
                .map(|sample| sample.value)
                .collect::<Vec<_>>()
        };
        assert_eq!(of("jobs_total"), [240.0, 240.0]);
        assert_eq!((of("seconds_sum"), of("seconds_count")), (vec![120.0], vec![480.0]));
        // Of the processes nothing is left but a number for each, which is in its own shard.
        assert_eq!(counts(&cluster, &place, shards, "ZCARD", "processes"), vec![0; shards]);
        let sequences = counts(&cluster, &place, shards, "HLEN", "shared:sequences");
        assert_eq!(sequences.iter().sum::<usize>(), 24);
        let used = sequences.iter().filter(|&&count| count > 0).count();
        assert!(used > 1 || shards == 1, "24 processes are in one shard of {shards}: {sequences:?}");
    }
}

#[test]
fn while_slots_move_each_count_is_added_once_and_the_page_does_not_fall() {
    let cluster = RedisCluster::start(3);
    let place = Place::sharded(cluster.url(), 2);
    let (mut counters, mut of_shards) = (Vec::new(), [0, 0]);
    while of_shards.contains(&0) {
        let store = open(&place);
        counters.push(jobs(&store));
        // A process that only adds has no name in the list; its own says where it is all the same.
        of_shards[Keys::shard_of(&store.process().unwrap(), 2)] += 1;
    }
    let over = AtomicBool::new(false);
    let counted = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let end = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                counters.iter().for_each(|jobs| jobs.inc());
                counted.fetch_add(counters.len() as u64, Ordering::Relaxed);
                sleep(Duration::from_millis(1));
            }
        });
        let reader = scope.spawn(|| {
            let (mut shown, mut pages) = (0.0, 0);
            while !over.load(Ordering::Relaxed) {
                if let Ok(value) = place.try_value("jobs_total") {
                    assert!(value >= shown, "{value} after {shown}");
                    (shown, pages) = (value, pages + 1);
                }
            }
            pages
        });
        place.flush();
        for round in 0..3 {
            for shard in 0..2 {
                let tag = place.key_of(shard, "");
                let from = cluster.owner(&tag);
                let to = (from + 1 + round % 2) % 3;
                cluster.begin_move(&tag, from, to);
                sleep(Duration::from_millis(100));
                assert!(cluster.move_keys(&tag, from, to) > 0);
                sleep(Duration::from_millis(100));
                cluster.end_move(&tag, from, to);
                sleep(Duration::from_millis(300));
            }
        }
        drop(end);
        assert!(reader.join().unwrap() > 0, "there were pages");
    });
    place.flush();
    let counted = counted.load(Ordering::Relaxed) as f64;
    assert_eq!((place.value("jobs_total"), place.strangers_value("jobs_total")), (counted, Ok(counted)));
}

#[test]
fn a_node_that_is_killed_and_remembers_has_each_count_once() {
    let mut cluster = RedisCluster::start_with(3, &["--appendonly", "yes", "--appendfsync", "always"]);
    let place = Place::sharded(cluster.url(), 4);
    let stores: Vec<RedisStore> = (0..8).map(|_| open(&place)).collect();
    let jobs: Vec<Counter> = stores.iter().map(jobs).collect();
    let mut counted = 0.0;
    for store in &stores[..3] {
        let of_one = Keys::shard_of(&store.process().unwrap(), 4);
        let gone = cluster.owner(&place.key_of(of_one, "epoch"));
        for _ in 0..100 {
            jobs.iter().for_each(|jobs| jobs.inc());
            counted += 8.0;
            sleep(Duration::from_millis(1));
        }
        // In the midst of sending: whoever has no answer sends the same again.
        cluster.nodes[gone].kill();
        jobs.iter().for_each(|jobs| jobs.inc());
        counted += 8.0;
        let alone = place.try_value("jobs_total");
        assert!(alone.is_err(), "a page without some of the shards is none: {alone:?}");
        cluster.nodes[gone].restart();
        cluster.wait();
        place.flush();
        assert_eq!(place.value("jobs_total"), counted);
    }
}

#[test]
fn a_node_that_remembers_nothing_begins_anew_with_what_was_not_added_and_the_others_keep_theirs() {
    let mut cluster = RedisCluster::start(3);
    let place = Place::sharded(cluster.url(), 4);
    let stores: Vec<RedisStore> = (0..8).map(|_| open(&place)).collect();
    let jobs: Vec<Counter> = stores.iter().map(jobs).collect();
    jobs.iter().for_each(|jobs| jobs.inc());
    place.flush();
    assert_eq!(place.value("jobs_total"), 8.0);
    let shard_of = |store: &RedisStore| Keys::shard_of(&store.process().unwrap(), 4);
    let gone = cluster.owner(&place.key_of(shard_of(&stores[0]), "epoch"));
    let is_lost = |store: &&RedisStore| cluster.owner(&place.key_of(shard_of(store), "epoch")) == gone;
    let lost = stores.iter().filter(is_lost).count();
    cluster.nodes[gone].kill();
    jobs.iter().for_each(|jobs| jobs.inc_by(10.0));
    cluster.nodes[gone].restart();
    cluster.wait();
    place.flush();
    let expected = 88.0 - lost as f64;
    assert_eq!(place.value("jobs_total"), expected);
    // Somebody who has read none before, and is told how many shards there are: the first may be the one that forgot.
    assert_eq!(place.told_value("jobs_total", 4), Ok(expected));
}
