//! How many pushes a second one gateway gets through one connection to a server of its own: 10,000 groups, each of 18
//! samples in 4 families, of which a push changes what is given, in batches of what is given.
//!
//! `cargo run --release -p groups-redis --example rate`
#![allow(clippy::unwrap_used, reason = "a program that cannot go on stops")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use groups_redis::{Options, RedisStore};
use metrics_core::Kind;
use push_groups::{
    Act, Bucket, Change, Claims, Content, Family, GroupKey, GroupStore, Held, Metric, Outcome, Value, Version,
};
use redis_link::Address;
use redis_testkit::RedisServer;

const GROUPS: usize = 10_000;

/// Two counters and a gauge of five series each, and a histogram; other series in another round.
fn content(round: usize) -> Content {
    let label = |value: String| -> Vec<(Box<str>, Box<str>)> { vec![("path".into(), value.into())] };
    let family = |name: &str, kind, metrics| Held {
        family: Family { name: name.into(), help: "What it is.".into(), unit: "".into(), kind, metrics },
        time: 0,
    };
    let numbers = |name: &str, kind| {
        let metric = |at: usize| Metric {
            labels: label(format!("/page/{round}/{at}")),
            created: None,
            value: Value::Number { value: at as f64, exemplar: None },
        };
        family(name, kind, (0..5).map(metric).collect())
    };
    let bucket = |le| Bucket { le, count: 3, exemplar: None };
    let histogram = Value::Histogram { count: 3, sum: 1.0, buckets: [0.1, 1.0, 10.0].map(bucket).to_vec() };
    let histogram = Metric { labels: label(format!("/page/{round}")), created: None, value: histogram };
    Content {
        checked: true,
        families: vec![
            numbers("requests", Kind::Counter),
            numbers("failures", Kind::Counter),
            numbers("level", Kind::Gauge),
            family("seconds", Kind::Histogram, vec![histogram]),
        ],
    }
}

fn main() {
    let server = RedisServer::start();
    let store = RedisStore::new(Address::parse(&server.url()).unwrap(), Options::default());
    let contents = [0, 1].map(content);
    let encoded = contents.each_ref().map(|content| Arc::<[u8]>::from(content.encode()));
    let keys: Vec<GroupKey> = (0..GROUPS)
        .map(|at| GroupKey::new([("job", "bench"), ("instance", &format!("i{at}"))]).unwrap())
        .collect();
    let claims = |at: usize, round: usize| {
        Claims::of(&keys[at], contents[round].families.iter().map(|held| &held.family)).unwrap()
    };
    let mut last = 0;
    let mut versions = vec![None; GROUPS];
    let mut rounds = vec![0; GROUPS];
    let mut change = |at: usize, round: usize| {
        let before = if versions[at].is_some() { claims(at, rounds[at]) } else { Claims::default() };
        last += 1;
        let (expects, gives) = (versions[at].replace(Version(last)), Version(last));
        rounds[at] = round;
        Change {
            key: keys[at].clone(),
            expects,
            gives,
            act: Act::Push { content: encoded[round].clone(), lives: Some(Duration::from_secs(3_600)) },
            claims: claims(at, round).since(&before),
            once: None,
        }
    };
    let commit = |changes: &[Change]| {
        let made = store.commit(changes).unwrap();
        assert!(made.iter().all(|outcome| matches!(outcome, Outcome::Made { .. })), "{made:?}");
    };
    let mut measured = |what: &str, batch: usize, count: usize, round: usize| {
        let changes: Vec<Change> = (0..count).map(|at| change(at % GROUPS, round)).collect();
        server.cli(&["CONFIG", "RESETSTAT"]);
        let begun = Instant::now();
        changes.chunks(batch).for_each(commit);
        let rate = count as f64 / begun.elapsed().as_secs_f64();
        let stats = server.cli(&["INFO", "commandstats"]);
        let script = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:")).unwrap_or_default();
        let took = script.split(',').find_map(|part| part.strip_prefix("usec_per_call=")).unwrap_or_default();
        println!("{what}, {batch} at once: {rate:.0} a second, {took} us of the server each");
    };
    measured("new groups", 1, GROUPS, 0);
    measured("the same series", 1, GROUPS, 0);
    measured("other series", 1, GROUPS, 1);
    measured("the same series", 50, GROUPS, 1);
    measured("other series", 50, GROUPS, 0);
    for _ in 0..5 {
        let begun = Instant::now();
        let all = store.follow(None).unwrap();
        let whole = begun.elapsed();
        let begun = Instant::now();
        let none = store.follow(Some(all.cursor)).unwrap();
        println!("{} groups in {whole:?}; {} in {:?}", all.groups.len(), none.groups.len(), begun.elapsed());
    }
    println!(
        "{} bytes each; {}",
        encoded[0].len(),
        server.cli(&["INFO", "memory"]).lines().nth(2).unwrap_or_default()
    );
}
