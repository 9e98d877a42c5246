//! Servers that are in trouble: what passes is waited for, and what does not is told with what to do.

use std::slice::from_ref;
use std::thread;
use std::time::{Duration, Instant};

use groups_redis::{Options, Wait};
use push_groups::{GroupStore, Outcome, StoreError};
use redis_testkit::RedisServer;

use crate::gateway::{Deed, Gateway, change, key};
use crate::lossy::{Loss, Lossy};

fn empty() -> Deed {
    Deed::Push(vec![], 0.0)
}

fn patience(milliseconds: u64) -> Options {
    Options { patience: Duration::from_millis(milliseconds), ..Options::default() }
}

fn pushed(gateway: &mut Gateway, job: &str) -> Result<(), StoreError> {
    gateway.does(job, &empty()).map(|outcome| assert!(matches!(outcome, Outcome::Made { .. }), "{outcome:?}"))
}

#[test]
fn what_passes_is_tried_again_and_what_was_made_before_it_is_made_once() {
    let server = RedisServer::start();
    let way = Lossy::to(server.port());
    let mut gateway = Gateway::new(&way.url(), Options::default());
    pushed(&mut gateway, "first").unwrap();
    let says = [
        "READONLY You can't write against a read only replica.",
        "LOADING Redis is loading the dataset in memory",
        "CLUSTERDOWN The cluster is down",
        "MOVED 3999 127.0.0.1:6381",
        "ASK 3999 127.0.0.1:6381",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "NOREPLICAS Not enough good replicas to write.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "BUSY Redis is busy running a script.",
        "UNBLOCKED force unblock from blocking operation, instance state changed",
        "ERR Error running script (call to f_01): @user_script:9: @user_script: 9: -READONLY You can't write",
        "ERR WAIT cannot be used with replica instances.",
        "ERR max number of clients reached",
        "NOSCRIPT No matching script. Please use EVAL.",
    ];
    for (at, says) in says.into_iter().enumerate() {
        let jobs = [format!("a-{at}"), format!("b-{at}"), format!("c-{at}")];
        let changes = jobs.each_ref().map(|job| change(&key(job), None, &empty()));
        let before = gateway.store.stats().retries;
        way.lose([Loss { after: 1, says: Some(says), then: Box::new(|| ()) }]);
        let made = gateway.store.commit(&changes).unwrap();
        let seqs: Vec<u64> = made
            .iter()
            .map(|outcome| match outcome {
                Outcome::Made { seq, .. } => *seq,
                other => panic!("{says}: {other:?}"),
            })
            .collect();
        assert_eq!((seqs[1], seqs[2]), (seqs[0] + 1, seqs[0] + 2), "{says}");
        let expected = u64::from(!says.starts_with("NOSCRIPT"));
        assert_eq!(gateway.store.stats().retries - before, expected, "{says}");
    }
}

#[test]
fn what_does_not_pass_is_told_at_once() {
    let server = RedisServer::start();
    let way = Lossy::to(server.port());
    let mut gateway = Gateway::new(&way.url(), Options::default());
    pushed(&mut gateway, "first").unwrap();
    for (says, remedy) in [
        ("ERR something else", "ERR something else"),
        ("NOPERM this user has no permissions to run the 'evalsha' command", "'evalsha' command"),
        ("MISCONF Redis is configured to save RDB snapshots", "it cannot save to its disk"),
    ] {
        way.lose([Loss { after: 0, says: Some(says), then: Box::new(|| ()) }]);
        let error = pushed(&mut gateway, "second").unwrap_err();
        assert!(!error.passing && error.what.contains(remedy), "{error:?}");
    }
    assert_eq!(gateway.store.stats().retries, 0);
    pushed(&mut gateway, "second").unwrap();
}

#[test]
fn a_server_that_is_away_is_waited_for_and_then_told_of() {
    let mut server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), patience(600));
    pushed(&mut gateway, "a").unwrap();
    gateway.follow().unwrap();
    server.kill();
    let begun = Instant::now();
    let error = pushed(&mut gateway, "b").unwrap_err();
    assert!(error.passing && error.what.contains("Connection refused"), "{error:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300), "it was not waited for");
    assert!(gateway.follow().unwrap_err().passing);
    server.restart();
    pushed(&mut gateway, "b").unwrap();
    // The database is another one: all is told of.
    assert!(gateway.follow().unwrap());
    assert_eq!(gateway.groups.keys().map(|key| key.job()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), patience(500));
    pushed(&mut gateway, "a").unwrap();
    gateway.follow().unwrap();
    server.pause();
    let error = pushed(&mut gateway, "b").unwrap_err();
    assert!(error.passing && error.what.contains("no answer in time"), "{error:?}");
    let error = gateway.follow().unwrap_err();
    assert!(error.passing && error.what.contains("no answer in time"), "{error:?}");
    server.resume();
    pushed(&mut gateway, "b").unwrap();
    gateway.follow().unwrap();
    assert_eq!(gateway.groups.len(), 2);
}

#[test]
fn scripts_that_the_server_has_forgotten_are_sent_again() {
    let server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), Options::default());
    for job in ["a", "b"] {
        server.cli(&["SCRIPT", "FLUSH"]);
        pushed(&mut gateway, job).unwrap();
        server.cli(&["SCRIPT", "FLUSH"]);
        assert_eq!(gateway.follow().unwrap(), job == "a");
    }
    server.cli(&["SCRIPT", "FLUSH"]);
    gateway.store.wipe().unwrap();
    assert!(gateway.follow().unwrap() && gateway.groups.is_empty());
    assert_eq!(gateway.store.stats().retries, 0);
}

#[test]
fn a_server_that_throws_keys_away_is_refused_with_what_to_do() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "allkeys-lru"]);
    let mut gateway = Gateway::new(&server.url(), Options::default());
    let error = pushed(&mut gateway, "a").unwrap_err();
    let told = format!(
        "change 1 groups in Redis: {}: its maxmemory-policy allkeys-lru throws keys away when memory is full, and \
         groups that were pushed would be gone; set it to noeviction or to one of volatile-*, or use a Redis of its own",
        server.url()
    );
    assert_eq!((error.what, error.passing), (told, false));
    assert_eq!(server.cli(&["DBSIZE"]), "0\n");
    server.cli(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
    pushed(&mut gateway, "a").unwrap();
}

#[test]
fn a_full_server_refuses_pushes_wholly_and_takes_deletions() {
    let server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), Options::default());
    for job in ["a", "b"] {
        pushed(&mut gateway, job).unwrap();
    }
    let all = |server: &RedisServer| {
        ["meta", "groups", "changed", "gone", "made", "names", "series"].map(|name| {
            let key = format!("{{push:multiprom#0}}:{name}");
            server.cli(&["DUMP", &key])
        })
    };
    let before = all(&server);
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = pushed(&mut gateway, "c").unwrap_err();
    assert!(error.what.contains("OOM") && error.what.contains("give it more maxmemory"), "{error:?}");
    assert!(!error.passing);
    assert_eq!(all(&server), before);
    gateway.follow().unwrap();
    assert!(matches!(gateway.does("a", &Deed::Delete), Ok(Outcome::Made { .. })));
    gateway.follow().unwrap();
    assert_eq!(gateway.groups.len(), 1);
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    pushed(&mut gateway, "c").unwrap();
}

#[test]
fn a_master_that_becomes_a_replica_is_waited_for_until_it_is_one_again() {
    let server = RedisServer::start();
    let other = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), Options::default());
    pushed(&mut gateway, "a").unwrap();
    gateway.follow().unwrap();
    server.cli(&["REPLICAOF", "127.0.0.1", &other.port().to_string()]);
    assert!(gateway.follow().is_err());
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(400));
            server.cli(&["REPLICAOF", "NO", "ONE"]);
        });
        pushed(&mut gateway, "b").unwrap();
    });
    assert!(gateway.store.stats().retries > 0);
}

#[test]
fn nothing_is_acknowledged_before_a_replica_has_it() {
    let server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), patience(2_500));
    pushed(&mut gateway, "alone").unwrap();
    assert!(!gateway.store.stats().replicated);
    let replica = RedisServer::start_with(&["--replicaof", &format!("127.0.0.1 {}", server.port())]);
    let linked = || server.cli(&["INFO", "replication"]).contains("state=online");
    while !linked() {
        thread::sleep(Duration::from_millis(10));
    }
    // It may be online and say nothing yet.
    pushed(&mut Gateway::new(&server.url(), patience(60_000)), "both").unwrap();
    pushed(&mut gateway, "both").unwrap();
    gateway.follow().unwrap();
    assert!(gateway.store.stats().replicated);
    let held = |server: &RedisServer| server.cli(&["HLEN", "{push:multiprom#0}:groups"]);
    assert_eq!(held(&replica), "2\n");
    replica.pause();
    let late = change(&key("late"), None, &empty());
    let error = gateway.store.commit(from_ref(&late)).unwrap_err();
    assert!(error.passing && error.what.contains("0 of 1 replicas have it after"), "{error:?}");
    // Who tries it again on another connection does not take it for replicated either.
    let other = Gateway::new(&server.url(), patience(1_200));
    let error = other.store.commit(from_ref(&late)).unwrap_err();
    assert!(error.passing && error.what.contains("0 of 1 replicas have it after"), "{error:?}");
    replica.resume();
    // It was made, and is so still: only now it is said, whoever tries it again.
    let patient = Gateway::new(&server.url(), patience(60_000));
    let again = patient.store.commit(&[late]).unwrap().remove(0);
    assert!(matches!(again, Outcome::Made { seq: 4, .. }), "{again:?}");
    assert_eq!(held(&replica), "3\n");

    let two = Options { wait_replicas: Wait::Count(2), ..patience(1_200) };
    let error = pushed(&mut Gateway::new(&server.url(), two), "two").unwrap_err();
    assert!(error.passing && error.what.contains("1 of 2 replicas have it"), "{error:?}");
    replica.pause();
    let none = Options { wait_replicas: Wait::None, ..Options::default() };
    pushed(&mut Gateway::new(&server.url(), none), "none").unwrap();
    replica.resume();

    // A master whose replicas are gone may have been replaced. Who began later takes it as it is.
    drop(replica);
    gateway.follow().unwrap_err();
    let error = pushed(&mut gateway, "alone again").unwrap_err();
    assert!(error.passing && error.what.contains("it has lost its replicas"), "{error:?}");
    pushed(&mut Gateway::new(&server.url(), patience(2_500)), "alone again").unwrap();
    let begun = Instant::now();
    while pushed(&mut gateway, "alone again").is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert!(!gateway.store.stats().replicated);
    gateway.follow().unwrap();
    server.cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let error = pushed(&mut gateway, "too few").unwrap_err();
    assert!(error.passing && error.what.contains("NOREPLICAS"), "{error:?}");
}

#[test]
fn no_error_shows_a_password() {
    let server = RedisServer::start();
    let url = server.url().replace("://", "://:s3cret@");
    let error = pushed(&mut Gateway::new(&url, patience(300)), "a").unwrap_err();
    assert!(!error.passing && !error.what.contains("s3cret"), "{error:?}");
}
