//! How many changes a store takes: pushes of 1.1 kB to so many groups, four in a batch, as four connections give them.
//!
//! `cargo run --release -p groups-log --example pushes -- DIRECTORY [SECONDS]`; `-` is memory alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use groups_log::{LogStore, Options, Sync};
use push_groups::{Act, Change, ClaimChange, GroupKey, GroupStore, Outcome, Version};

/// Series that each group claims.
const SERIES: u64 = 17;
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
    let store = LogStore::open(options)?;
    let mut held: Vec<Option<Version>> = vec![None; groups as usize];
    let mut version = 0;
    let mut push = |group: u64, held: &mut Option<Version>| {
        version += 1;
        let gives = Version(version);
        let expects = held.replace(gives);
        // Only the first push takes anything, as where the same series are pushed again.
        let series_taken = match expects {
            None => (0..SERIES).map(|at| u128::from(group * SERIES + at) << 64 | u128::from(at)).collect(),
            Some(_) => Vec::new(),
        };
        let key = GroupKey::new([("job", "bench"), ("instance", &*format!("i{group}"))]);
        let content: Arc<[u8]> = vec![version as u8; 1100].into();
        let claims = ClaimChange { series_taken, ..ClaimChange::default() };
        let act = Act::Push { content, lives: None };
        key.map(|key| Change { key, expects, gives, act, claims, once: None })
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
    Ok(())
}

/// A figure of this process from /proc, in kB.
fn kilobytes(name: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap_or(0))
}
