//! A master that is lost with the last of what it was told, and the replica that Sentinels put in its place.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use metrics_core::{Counter, Registry};
use redis_testkit::RedisServer;
use store_redis::RedisStore;

use crate::place::{Over, PATIENCE, Place};

fn jobs(store: &RedisStore, name: &str) -> Counter {
    Registry::new(store.clone()).counter(name, "Jobs.").register().unwrap()
}

/// For so long as a fail-over may take: a Sentinel that was held up for two seconds does nothing for thirty.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "two minutes, and still not: {what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn after_a_fail_over_that_lost_the_last_frames_all_is_there_again_and_the_page_has_not_fallen() {
    let mut master = RedisServer::start();
    master.cli(&["ACL", "SETUSER", "replica", "on", ">s3cret", "+psync", "+replconf", "+ping"]);
    let of_master = format!("127.0.0.1 {}", master.port());
    let replica = RedisServer::start_with(&[
        "--replicaof",
        &of_master,
        "--masteruser",
        "replica",
        "--masterauth",
        "s3cret",
    ]);
    let sentinels = master.start_sentinels("");
    let hosts: Vec<String> =
        sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port())).collect();
    let place = Place::new(format!("redis+sentinel://{}/shop", hosts.join(",")));

    let ended = place.open();
    jobs(&ended, "jobs").inc_by(1_000.0);
    ended.close(PATIENCE).unwrap();
    assert_eq!(place.janitor(Duration::from_secs(3_600)).tidy().unwrap(), 1);
    let stores = [place.open(), place.open()];
    let counters = stores.each_ref().map(|store| jobs(store, "jobs"));
    counters.iter().for_each(|jobs| jobs.inc());
    place.flush();
    assert_eq!(place.value("jobs_total"), 1_002.0);

    let over = AtomicBool::new(false);
    let counted = AtomicU64::new(1_002);
    let late = std::thread::scope(|scope| {
        let end = Over(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                counters.iter().for_each(|jobs| jobs.inc());
                counted.fetch_add(2, Ordering::Relaxed);
                sleep(Duration::from_millis(1));
            }
        });
        scope.spawn(|| {
            let mut shown = 0.0;
            while !over.load(Ordering::Relaxed) {
                // While there is no master there is no page.
                if let Ok(value) = place.try_value("jobs_total") {
                    assert!(value >= shown, "{value} after {shown}");
                    shown = value;
                }
                sleep(Duration::from_millis(5));
            }
        });
        let values = place.key(&format!("values:{}", stores[0].process().unwrap()));
        let sequence = |server: &RedisServer| {
            server.cli(&["HGET", &values, "#seq"]).trim().parse::<u64>().unwrap_or_default()
        };
        until("the replica has something of the process", || sequence(&replica) > 0);
        // The replica hears nothing any more.
        master.cli(&["ACL", "SETUSER", "replica", "off"]);
        master.cli(&["CLIENT", "KILL", "TYPE", "replica"]);
        // Of this process it never does.
        let late = place.open();
        jobs(&late, "late").inc_by(7.0);
        late.flush(PATIENCE).unwrap();
        sleep(Duration::from_millis(500));
        stores[0].flush(PATIENCE).unwrap();
        let [had, has] = [sequence(&master), sequence(&replica)];
        assert!(had >= has + 3, "frames that only the master has: {has} to {had}");
        master.kill();
        until("the replica takes its place", || replica.cli(&["ROLE"]).starts_with("master"));
        until("a frame arrives there", || sequence(&replica) > has);
        sleep(Duration::from_millis(500));
        drop(end);
        late
    });
    place.flush();
    assert_eq!(place.value("jobs_total"), counted.load(Ordering::Relaxed) as f64);
    assert_eq!(place.strangers_value("jobs_total"), Ok(counted.load(Ordering::Relaxed) as f64));
    assert_eq!(place.value("late_total"), 7.0);
    drop(late);
}

#[test]
fn what_is_read_before_a_process_has_said_all_again_is_what_it_was_before() {
    let server = RedisServer::start();
    let place = Place::new(server.url());
    let store = place.open();
    let jobs = jobs(&store, "jobs");
    jobs.inc();
    store.flush(PATIENCE).unwrap();
    let values = place.key(&format!("values:{}", store.process().unwrap()));
    let before = server.cli(&["HGET", &values, "#seq"]);
    jobs.inc_by(10.0);
    store.flush(PATIENCE).unwrap();
    store.close(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 11.0);
    // As a replica would have it that missed the last frames.
    let script = "return redis.call('HSET', KEYS[1], '#seq', ARGV[1], 'v0', struct.pack('<d', 1))";
    server.cli(&["EVAL", script, "1", &values, before.trim()]);
    assert_eq!(place.strangers_value("jobs_total"), Ok(1.0));
    assert_eq!(place.value("jobs_total"), 11.0, "who has read the later frame");
}
