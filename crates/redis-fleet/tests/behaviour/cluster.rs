//! Processes in one shard and in several, on a real cluster of three nodes: one page, slots that move, nodes that go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use forked::testing::{Way, fork};
use metrics_core::{Counter, Registry};
use redis_schema::Keys;
use redis_testkit::{RedisCluster, RedisServer};
use store_redis::{Options, RedisStore};

use crate::place::{Over, PATIENCE, Place, server};

fn jobs(store: &RedisStore) -> Counter {
    Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap()
}

/// How many processes each shard has on its node.
fn processes(cluster: &RedisCluster, place: &Place, shards: usize) -> Vec<usize> {
    let count = |shard| {
        let key = place.key_of(shard, "processes");
        cluster.nodes[cluster.owner(&key)].cli(&["ZCARD", &key]).trim().parse().unwrap()
    };
    (0..shards).map(count).collect()
}

#[test]
fn totals_are_exact_on_a_cluster_in_one_shard_and_in_four() {
    let cluster = RedisCluster::start(3);
    for shards in [1, 4] {
        let place = Place::sharded(cluster.url(), shards);
        let stores: Vec<RedisStore> = (0..16).map(|_| place.open()).collect();
        stores.iter().zip(1..).for_each(|(store, number)| jobs(store).inc_by(f64::from(number)));
        place.flush();
        assert_eq!(place.value("jobs_total"), 136.0);
        let mut expected = vec![0; shards];
        for store in &stores {
            expected[Keys::shard_of(&store.process().unwrap(), shards)] += 1;
        }
        assert_eq!(processes(&cluster, &place, shards), expected);

        // Half of them end; the others are taken for dead, and come back where they were.
        stores[8..].iter().for_each(|store| store.close(PATIENCE).unwrap());
        sleep(Duration::from_millis(5));
        let mut janitor = place.janitor(Duration::ZERO);
        assert!(janitor.tidy().unwrap() >= 16);
        assert_eq!(place.value("jobs_total"), 136.0);
        stores[..8].iter().for_each(|store| jobs(store).inc());
        place.flush();
        assert_eq!(place.value("jobs_total"), 144.0);
        assert_eq!(place.strangers_value("jobs_total"), Ok(144.0));
        let mut expected = vec![0; shards];
        for store in &stores[..8] {
            expected[Keys::shard_of(&store.process().unwrap(), shards)] += 1;
        }
        assert_eq!(processes(&cluster, &place, shards), expected);
    }
}

#[test]
fn shards_need_no_cluster_and_a_janitor_says_again_how_many_there_are() {
    let place = Place::sharded(server().unix_url(), 3);
    (0..30).for_each(|_| jobs(&place.open()).inc());
    place.flush();
    assert_eq!(place.value("jobs_total"), 30.0);
    let mut janitor = place.janitor(Duration::from_secs(3_600));
    janitor.tidy().unwrap();
    server().cli(&["DEL", &place.key("shards")]);
    assert!(place.strangers_value("jobs_total") != Ok(30.0), "who does not know reads one of them");
    assert_eq!(place.told_value("jobs_total", 3), Ok(30.0));
    // Who was told of too many does not tell others.
    place.janitor(Duration::from_secs(3_600)).sharded(9).tidy().unwrap();
    assert_eq!(server().cli(&["EXISTS", &place.key("shards")]), "0\n");
    janitor.tidy().unwrap();
    assert_eq!(place.strangers_value("jobs_total"), Ok(30.0));
    // What nobody of ours has written does not keep the page from anybody.
    server().cli(&["SADD", &place.key("shards"), "4000000000", "-1", "many"]);
    assert_eq!(place.strangers_value("jobs_total"), Ok(30.0));
}

#[test]
fn so_many_shards_as_no_application_has_are_refused() {
    for shards in [0, Keys::MOST_SHARDS + 1] {
        let options = Options { shards, ..Options::default() };
        let error = RedisStore::open_with(&server().url(), options).unwrap_err().to_string();
        assert_eq!(error, format!("open a store in Redis: {shards} shards: there are 1 to 1024"));
    }
}

/// How often all nodes have refused a command with such an error.
fn errors(cluster: &RedisCluster, code: &str) -> u64 {
    let count = |node: &RedisServer| {
        let told = node.cli(&["INFO", "errorstats"]);
        let line = told.lines().find_map(|line| line.strip_prefix(&format!("errorstat_{code}:count=")));
        line.map_or(0, |count| count.trim().parse::<u64>().unwrap())
    };
    cluster.nodes.iter().map(count).sum()
}

#[test]
fn while_slots_move_nothing_is_lost_and_the_page_does_not_fall() {
    let cluster = RedisCluster::start(3);
    let place = Place::sharded(cluster.url(), 2);
    let (mut counters, mut of_shards) = (Vec::new(), [0, 0]);
    while of_shards.iter().any(|&count| count < 2) {
        let store = place.open();
        counters.push(jobs(&store));
        of_shards[Keys::shard_of(&store.process().unwrap(), 2)] += 1;
    }
    let jobs = counters;
    jobs.iter().for_each(|jobs| jobs.inc());
    place.flush();
    let over = AtomicBool::new(false);
    let counted = AtomicU64::new(jobs.len() as u64);
    std::thread::scope(|scope| {
        let end = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                jobs.iter().for_each(|jobs| jobs.inc());
                counted.fetch_add(jobs.len() as u64, Ordering::Relaxed);
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
    assert_eq!(place.value("jobs_total"), counted.load(Ordering::Relaxed) as f64);
    for code in ["MOVED", "ASK"] {
        assert!(errors(&cluster, code) > 0, "some were answered with {code}");
    }
}

#[test]
fn a_node_that_is_killed_takes_the_page_and_gives_it_back_whole() {
    let mut cluster = RedisCluster::start(3);
    let place = Place::sharded(cluster.url(), 4);
    let stores: Vec<RedisStore> = (0..12).map(|_| place.open()).collect();
    let jobs: Vec<Counter> = stores.iter().map(jobs).collect();
    jobs.iter().for_each(|jobs| jobs.inc());
    place.flush();
    assert_eq!(place.value("jobs_total"), 12.0);
    let of_some = Keys::shard_of(&stores[0].process().unwrap(), 4);
    let gone = cluster.owner(&place.key_of(of_some, "epoch"));
    cluster.nodes[gone].kill();
    jobs.iter().for_each(|jobs| jobs.inc());
    assert!(place.try_value("jobs_total").is_err(), "a page without some of them is none");
    // It has nothing any more; those of whom it had something say all of it again.
    cluster.nodes[gone].restart();
    cluster.wait();
    jobs.iter().for_each(|jobs| jobs.inc());
    place.flush();
    assert_eq!(place.value("jobs_total"), 36.0);
}

#[test]
fn a_replica_that_takes_the_place_of_a_node_that_was_killed_gets_everything() {
    let mut cluster = RedisCluster::start(3);
    let place = Place::sharded(cluster.url(), 4);
    let stores: Vec<RedisStore> = (0..8).map(|_| place.open()).collect();
    let jobs: Vec<Counter> = stores.iter().map(jobs).collect();
    jobs.iter().for_each(|jobs| jobs.inc());
    place.flush();
    let of_some = Keys::shard_of(&stores[0].process().unwrap(), 4);
    let gone = cluster.owner(&place.key_of(of_some, "epoch"));
    cluster.add_replica(gone);
    assert_eq!(place.value("jobs_total"), 8.0);
    let over = AtomicBool::new(false);
    let counted = AtomicU64::new(8);
    std::thread::scope(|scope| {
        let end = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                jobs.iter().for_each(|jobs| jobs.inc());
                counted.fetch_add(8, Ordering::Relaxed);
                sleep(Duration::from_millis(1));
            }
        });
        scope.spawn(|| {
            let mut shown = 0.0;
            while !over.load(Ordering::Relaxed) {
                if let Ok(value) = place.try_value("jobs_total") {
                    assert!(value >= shown, "{value} after {shown}");
                    shown = value;
                }
                sleep(Duration::from_millis(5));
            }
        });
        sleep(Duration::from_millis(300));
        cluster.nodes[gone].kill();
        // Whoever has its shard there waits for the replica to be elected.
        stores[0].flush(PATIENCE).unwrap();
        sleep(Duration::from_millis(300));
        drop(end);
    });
    place.flush();
    assert_eq!(place.value("jobs_total"), counted.load(Ordering::Relaxed) as f64);
    assert_eq!(place.strangers_value("jobs_total"), Ok(counted.load(Ordering::Relaxed) as f64));
}

#[test]
fn forked_children_have_shards_of_their_own() {
    let place = Place::sharded(server().unix_url(), 8);
    let store = place.open();
    let jobs = jobs(&store);
    jobs.inc_by(100.0);
    store.flush(PATIENCE).unwrap();
    for _ in 0..8 {
        fork(Way::Libc, || {
            jobs.inc();
            store.close(PATIENCE).unwrap();
        })
        .wait();
    }
    jobs.inc_by(10.0);
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 118.0);
    let count = |shard| server().cli(&["ZCARD", &place.key_of(shard, "processes")]);
    let counts: Vec<usize> = (0..8).map(|shard| count(shard).trim().parse().unwrap()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 9);
    assert!(counts.iter().filter(|&&count| count > 0).count() > 1, "all in one: {counts:?}");
}
