//! How many changes a store takes: pushes of 20 samples to so many groups, four in a batch, as four connections give
//! them; and how long it takes to open it again.
//!
//! `cargo run --release -p groups-log --example pushes -- DIRECTORY [SECONDS]`; `-` is memory alone.

use std::time::{Duration, Instant};

use groups_log::{LogStore, Options, Sync};
use metrics_core::Kind;
use push_groups::{
    Act, Bucket, Change, Claims, Content, Family, GroupKey, GroupStore, Held, Metric, Outcome, Value, Version,
};

const BATCH: u64 = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "-".to_owned());
    let seconds = std::env::args().nth(2).map_or(Ok(5), |text| text.parse())?;
    println!(
        "{:>7} {:>8} {:>10} {:>12} {:>10} {:>9}",
        "groups", "sync", "pushes/s", "follow", "RSS kB", "peak kB"
    );
    for sync in [Sync::Always, Sync::Never] {
        for groups in [1, 1_000, 10_000] {
            let options = if directory == "-" {
                Options::in_memory()
            } else {
                let path = std::path::Path::new(&directory).join("groups-log-pushes");
                let _ = std::fs::remove_dir_all(&path);
                Options { sync, ..Options::new(path) }
            };
            run(options, groups, Duration::from_secs(seconds))?;
        }
    }
    Ok(())
}

fn run(options: Options, groups: u64, time: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let sync = options.sync;
    let store = LogStore::open(options.clone())?;
    let mut held: Vec<Option<Version>> = vec![None; groups as usize];
    let mut version = 0;
    let mut push = |group: u64, held: &mut Option<Version>| {
        version += 1;
        let gives = Version(version);
        let expects = held.replace(gives);
        let key = GroupKey::new([("job", "bench"), ("instance", &*format!("i{group}"))])?;
        let content = content(version as f64);
        let claims = Claims::of(&key, content.families.iter().map(|held| &held.family)).unwrap_or_default();
        // A push of the same series takes nothing.
        let before = if expects.is_some() { claims.clone() } else { Claims::default() };
        let act = Act::Push { content: content.encode().into(), lives: None };
        Ok::<_, push_groups::KeyError>(Change {
            key,
            expects,
            gives,
            act,
            claims: claims.since(&before),
            once: None,
        })
    };
    let mut next = 0;
    let mut pushes = 0;
    let mut begun = Instant::now();
    // Each group once before it counts.
    while pushes < groups || begun.elapsed() < time {
        let batch = (0..BATCH.min(groups)).map(|_| {
            next = (next + 1) % groups;
            push(next, &mut held[next as usize])
        });
        let outcomes = store.commit(&batch.collect::<Result<Vec<_>, _>>()?)?;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Made { .. })), "{outcomes:?}");
        pushes += outcomes.len() as u64;
        if pushes >= groups && pushes - (outcomes.len() as u64) < groups {
            begun = Instant::now();
        }
    }
    let rate = (pushes - groups) as f64 / begun.elapsed().as_secs_f64();
    let asked = Instant::now();
    let whole = store.follow(None)?.groups.len();
    let follow = asked.elapsed();
    assert_eq!(whole as u64, groups);
    let sync = format!("{sync:?}").to_lowercase();
    let (now, peak) = (kilobytes("VmRSS")?, kilobytes("VmHWM")?);
    println!("{groups:>7} {sync:>8} {rate:>10.0} {follow:>12.1?} {now:>10} {peak:>9}");
    println!("        {:?}", store.stats());
    let is_kept = options.directory.is_some();
    drop(store);
    if is_kept {
        let begun = Instant::now();
        let store = LogStore::open(options)?;
        println!("        opened again in {:.1?}: {:?}", begun.elapsed(), store.opened());
    }
    Ok(())
}

/// Five counters and five gauges of one family each, five counters in one, and a histogram.
fn content(value: f64) -> Content {
    let number = |labels: &[(&str, String)]| Metric {
        labels: labels.iter().map(|(name, value)| ((*name).into(), value.as_str().into())).collect(),
        value: Value::Number { value, exemplar: None },
        created: None,
    };
    let family = |name: String, kind, metrics| {
        let (name, help, unit) = (name.into(), "What is counted here.".into(), "".into());
        Held { family: Family { name, help, unit, kind, metrics }, time: 0 }
    };
    let one = || vec![number(&[])];
    let mut families: Vec<Held> =
        (0..5).map(|at| family(format!("job_{at}_total"), Kind::Counter, one())).collect();
    families.extend((0..5).map(|at| family(format!("job_{at}_seconds"), Kind::Gauge, one())));
    let steps = (0..5).map(|at| number(&[("step", at.to_string())])).collect();
    families.push(family("job_steps_total".to_owned(), Kind::Counter, steps));
    let buckets = [0.1, 1.0, f64::INFINITY].map(|le| Bucket { le, count: 3, exemplar: None }).to_vec();
    let value = Value::Histogram { count: 3, sum: value, buckets };
    let histogram = vec![Metric { labels: vec![], value, created: None }];
    families.push(family("job_step_seconds".to_owned(), Kind::Histogram, histogram));
    Content { checked: true, families }
}

/// A figure of this process from /proc, in kB.
fn kilobytes(name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap_or(0))
}
