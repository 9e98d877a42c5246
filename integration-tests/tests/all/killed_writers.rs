//! A process killed in the middle of its updates.

use std::path::Path;

use crate::page::sum;
use crate::running::Running;
use crate::tools::{collect, worker};

const ROUNDS: u64 = 8;

#[test]
fn a_killed_process_loses_no_more_than_the_updates_it_was_in() {
    let directory = tempfile::tempdir().expect("make a directory");
    for round in 1..=ROUNDS {
        let metrics = directory.path().join(format!("metrics-{round}"));
        std::fs::create_dir(&metrics).expect("make a directory");
        storm_and_kill(&metrics, directory.path(), round * 700);
    }
}

/// Lets a storm of updates do `turns` in each thread, kills it, and compares the page with what was acknowledged.
fn storm_and_kill(metrics: &Path, directory: &Path, turns: u64) {
    let acknowledged = directory.join("acknowledged");
    let _ = std::fs::remove_file(&acknowledged); // of the round before
    let mut storm = Running::start("storm", worker().arg("storm").arg(metrics).arg(&acknowledged), directory);
    storm.wait_until("storm", |_| {
        read(&acknowledged).is_some_and(|all| all.iter().all(|&n| n >= turns)).then_some(())
    });
    storm.kill();

    let [first, second, third, fourth] = read(&acknowledged).expect("the threads have acknowledged");
    let page = collect([metrics]);
    let lost = |what: &str, on_page: f64, acknowledged: u64, in_flight: u64| {
        let possible = acknowledged as f64..=(acknowledged + in_flight) as f64;
        assert!(possible.contains(&on_page), "{what}: {on_page} on the page, {acknowledged} acknowledged");
    };
    lost("counter", sum(&page, "storm_updates_total"), first + second, 2);
    lost("gauge", sum(&page, "storm_turn"), third, 1);
    lost("observations", sum(&page, "storm_seconds_count"), fourth, 1);
    lost("sum of observations", sum(&page, "storm_seconds_sum") / 0.5, fourth, 1);
}

/// How many updates each thread has done.
fn read(acknowledged: &Path) -> Option<[u64; 4]> {
    let bytes = std::fs::read(acknowledged).ok()?;
    let mut counts =
        bytes.chunks_exact(8).map(|count| u64::from_le_bytes(count.try_into().expect("eight bytes")));
    Some([counts.next()?, counts.next()?, counts.next()?, counts.next()?])
}
