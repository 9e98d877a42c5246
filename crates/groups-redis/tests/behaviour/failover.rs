//! Fail-overs while gateways push: what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use groups_redis::Options;
use metrics_core::Kind;
use push_groups::Outcome;
use redis_testkit::{RedisCluster, RedisServer};

use crate::gateway::{Deed, Gateway};

/// Sentinels that were held up do nothing for half a minute.
const PATIENCE: Duration = Duration::from_secs(90);

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{PATIENCE:?}, and still not: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Two gateways push ever higher numbers to groups of their own while something happens to the servers; then what there
/// is is no less than what was acknowledged, and no more than what was tried.
fn nothing_is_lost(url: &str, during: impl FnOnce(&dyn Fn() -> u64)) {
    let over = AtomicBool::new(false);
    let acknowledged = [0, 0].map(AtomicU64::new);
    let tallies = thread::scope(|scope| {
        let pushers = [0, 1].map(|at: usize| {
            let (over, count) = (&over, &acknowledged[at]);
            scope.spawn(move || {
                let options = Options { patience: PATIENCE, ..Options::default() };
                let mut gateway = Gateway::new(url, options);
                let mut last = BTreeMap::new();
                for number in 1.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let job = format!("job-{at}-{}", number % 5);
                    let deed = Deed::Push(vec![("n", Kind::Counter)], f64::from(number));
                    let made = gateway.does(&job, &deed).unwrap();
                    assert!(matches!(made, Outcome::Made { .. }), "{made:?}");
                    last.insert(job, f64::from(number));
                    count.fetch_add(1, Ordering::Relaxed);
                }
                last
            })
        });
        let reader = scope.spawn(|| {
            let mut gateway = Gateway::new(url, Options::default());
            let mut shown = BTreeMap::<String, f64>::new();
            while !over.load(Ordering::Relaxed) {
                if gateway.follow().is_ok() {
                    for key in gateway.groups.keys() {
                        let number = gateway.number(key.job()).unwrap();
                        shown.insert(key.job().to_owned(), number);
                    }
                }
                sleep(Duration::from_millis(5));
            }
            shown.len()
        });
        let count = || acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until("pushes are acknowledged", || count() > 100);
            during(&count);
            let before = count();
            until("pushes are acknowledged again", || count() > before + 100);
        }));
        over.store(true, Ordering::Relaxed);
        let tallies = pushers.map(|pusher| pusher.join().unwrap());
        assert!(reader.join().unwrap() >= 10);
        ended.unwrap();
        tallies
    });
    let mut reader = Gateway::new(url, Options::default());
    // Who begins just now may be sent to a master that was replaced.
    until("all that was acknowledged is there", || {
        reader.follow().is_ok()
            && tallies.iter().flatten().all(|(job, number)| reader.number(job) == Some(*number))
    });
}

fn replica_of(master: &RedisServer) -> RedisServer {
    let replica = RedisServer::start_with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
    until("the replica has what its master has", || {
        master.cli(&["INFO", "replication"]).contains("state=online")
    });
    replica
}

fn url_of(sentinels: &[RedisServer]) -> String {
    let hosts: Vec<String> = sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port())).collect();
    format!("redis+sentinel://{}/shop", hosts.join(","))
}

#[test]
fn a_master_that_is_killed_behind_sentinels_takes_nothing_along() {
    let mut master = RedisServer::start();
    let replica = replica_of(&master);
    let sentinels = master.start_sentinels("");
    nothing_is_lost(&url_of(&sentinels), |_| {
        master.kill();
        until("the replica takes its place", || replica.cli(&["ROLE"]).starts_with("master"));
    });
}

#[test]
fn what_a_stalled_replica_has_not_got_was_not_acknowledged() {
    let mut master = RedisServer::start();
    let replica = replica_of(&master);
    let sentinels = master.start_sentinels("");
    nothing_is_lost(&url_of(&sentinels), |count| {
        replica.pause();
        // What is under way when it stops.
        sleep(Duration::from_millis(300));
        let before = count();
        sleep(Duration::from_millis(1_500));
        assert_eq!(count(), before, "acknowledged without the replica");
        master.kill();
        replica.resume();
        until("the replica takes its place", || replica.cli(&["ROLE"]).starts_with("master"));
    });
}

#[test]
fn a_master_that_was_only_stopped_acknowledges_nothing_once_it_is_replaced() {
    let master = RedisServer::start();
    let replica = replica_of(&master);
    let sentinels = master.start_sentinels("");
    let url = url_of(&sentinels);
    // Connected, and idle while the master is replaced.
    let mut idle = Gateway::new(&url, Options { patience: PATIENCE, ..Options::default() });
    idle.does("idle", &Deed::Push(vec![("i", Kind::Gauge)], 1.0)).unwrap();
    idle.follow().unwrap();
    nothing_is_lost(&url, |_| {
        master.pause();
        until("the replica takes its place", || replica.cli(&["ROLE"]).starts_with("master"));
        master.resume();
        idle.does("idle", &Deed::Push(vec![("i", Kind::Gauge)], 2.0)).unwrap();
    });
    let mut reader = Gateway::new(&url, Options::default());
    until("what was acknowledged is there", || reader.follow().is_ok() && reader.number("idle") == Some(2.0));
}

#[test]
fn a_node_of_a_cluster_that_is_killed_takes_nothing_along() {
    let mut cluster = RedisCluster::start(3);
    let owner = cluster.owner("{push:multiprom#0}:meta");
    cluster.add_replica(owner);
    let url = cluster.url();
    nothing_is_lost(&url, |_| {
        cluster.nodes[owner].kill();
        let replica = cluster.nodes.last().unwrap();
        until("the replica takes its place", || replica.cli(&["ROLE"]).starts_with("master"));
    });
}

#[test]
fn a_shard_that_moves_from_node_to_node_loses_nothing() {
    let cluster = RedisCluster::start(3);
    let key = "{push:multiprom#0}:meta";
    let from = cluster.owner(key);
    let to = (from + 1) % 3;
    nothing_is_lost(&cluster.url(), |_| {
        cluster.begin_move(key, from, to);
        sleep(Duration::from_millis(100));
        assert!(cluster.move_keys(key, from, to) >= 6);
        sleep(Duration::from_millis(100));
        cluster.end_move(key, from, to);
    });
}

#[test]
fn after_a_move_to_a_node_with_replicas_these_are_waited_for_from_the_first_push_on() {
    let mut cluster = RedisCluster::start(3);
    let key = "{push:multiprom#0}:meta";
    let from = cluster.owner(key);
    let to = (from + 1) % 3;
    cluster.add_replica(to);
    let push = Deed::Push(vec![("n", Kind::Counter)], 1.0);
    // That node has seen the scripts.
    let there = (0..100)
        .map(|at| format!("there-{at}"))
        .find(|namespace| cluster.owner(&format!("{{push:{namespace}#0}}:meta")) == to);
    let there = Options { namespace: there.unwrap(), patience: PATIENCE, ..Options::default() };
    Gateway::new(&cluster.url(), there).does("a", &push).unwrap();
    let options = Options { patience: Duration::from_millis(1_500), ..Options::default() };
    let mut gateway = Gateway::new(&cluster.url(), options);
    gateway.does("a", &push).unwrap();
    assert!(!gateway.store.stats().replicated);
    cluster.begin_move(key, from, to);
    cluster.move_keys(key, from, to);
    cluster.end_move(key, from, to);
    let replica = cluster.nodes.last().unwrap();
    replica.pause();
    let error = gateway.does("b", &push).unwrap_err();
    assert!(error.passing && error.what.contains("0 of 1 replicas have it"), "{error:?}");
    replica.resume();
    until("the replica is waited for, and has it", || gateway.does("b", &push).is_ok());
    assert!(gateway.store.stats().replicated);
}
