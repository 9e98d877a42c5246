//! Push gateways: what a push, a scrape and a group cost, beside the official one.

mod client;
mod gateways;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use tempfile::TempDir;

use crate::Suite;
use crate::race::{Course, Racer, race};
use crate::row::{Bar, Row};
use crate::sample::Sample;
use client::Client;
use gateways::Running;

pub use gateways::Job;

const OFFICIAL: &str = "the official push gateway";
/// Of all rows about pushes but that on Redis.
const CONNECTIONS: usize = 4;
const MANY: usize = 10_000;

/// How many groups, and how many times faster than the official gateway with its check a push has to be.
const CHECKED: [(usize, f64); 3] = [(1, 5.0), (1_000, 100.0), (MANY, 2_000.0)];

/// Measures all of them.
///
/// # Errors
/// When a gateway cannot be started or refuses something.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    let disk = disk()?;
    let ours = checked(suite, &disk)?;
    if let [Some(one), .., Some(many)] = &ours[..] {
        let row = Row::new(format!("push to 1 of {MANY} groups, beside 1 of 1"), many, "us");
        suite.rows.push(row.beside("ours, 1 group", one).held_to(Bar::Times(1.25)));
    }
    unchecked(suite, &disk)?;
    on_redis(suite)?;
    many_groups(suite)
}

/// Pushes that are checked and, by ours, synced. What a push took with each number of groups, where it was measured.
fn checked(suite: &mut Suite, disk: &TempDir) -> anyhow::Result<Vec<Option<Sample>>> {
    let mut all = Vec::new();
    for (groups, faster) in CHECKED {
        let name = format!("push of 20 samples, checked, {CONNECTIONS} connections, 1 of {groups} groups");
        if !suite.wants(&name) {
            all.push(None);
            continue;
        }
        let requests = pushes(groups);
        let log = disk.path().join(format!("log-{groups}"));
        let ours = Running::ours(&["--sync", "--log", &log.to_string_lossy()])?;
        let official = official_with(suite, &requests, &[])?;
        fill(&ours, &requests)?;
        let [ours, official] =
            race_pushes(suite, &[("ours", &ours), (OFFICIAL, &official)], &requests, CONNECTIONS)?
                .try_into()
                .ok()
                .context("two have raced")?;
        suite.rows.push(
            Row::new(name, &ours, "us")
                .beside(OFFICIAL, &official)
                .held_to(Bar::Faster(faster))
                .because("ours is synced to the disk before it is acknowledged, the other's never"),
        );
        all.push(Some(ours));
    }
    Ok(all)
}

/// Pushes that nobody checks (ours does all the same) and nobody syncs.
fn unchecked(suite: &mut Suite, disk: &TempDir) -> anyhow::Result<()> {
    let name = format!("push of 20 samples, without a sync, {CONNECTIONS} connections, 1 of 1000 groups");
    if !suite.wants(&name) {
        return Ok(());
    }
    let requests = pushes(1000);
    let log = disk.path().join("unsynced");
    let ours = Running::ours(&["--log", &log.to_string_lossy()])?;
    let official = official_with(suite, &requests, &["--push.disable-consistency-check"])?;
    fill(&ours, &requests)?;
    let [ours, official] =
        race_pushes(suite, &[("ours", &ours), (OFFICIAL, &official)], &requests, CONNECTIONS)?
            .try_into()
            .ok()
            .context("two have raced")?;
    suite.rows.push(
        Row::new(name, &ours, "us")
            .beside("the official push gateway without its check", &official)
            .held_to(Bar::Times(1.0))
            .because("ours checks"),
    );
    Ok(())
}

/// Pushes that are kept in Redis, one after the other.
fn on_redis(suite: &mut Suite) -> anyhow::Result<()> {
    let name = format!("push of 20 samples on Redis, 1 connection, 1 of {MANY} groups");
    if !suite.wants(&name) {
        return Ok(());
    }
    let server = redis_testkit::RedisServer::start();
    let requests = pushes(MANY);
    let ours = Running::ours(&["--redis", &server.url()])?;
    fill(&ours, &requests)?;
    let [ours] =
        race_pushes(suite, &[("ours", &ours)], &requests, 1)?.try_into().ok().context("one has raced")?;
    let row = Row::new(name, &ours, "us").held_to(Bar::Value(200.0)).because("200 us are 5,000 a second");
    suite.rows.push(row);
    Ok(())
}

/// Scrapes of many groups, and what memory they take.
fn many_groups(suite: &mut Suite) -> anyhow::Result<()> {
    let name = |what| format!("scrape of {MANY} groups of 20 samples, {what}");
    let (changed, unchanged) = (name("changed in between"), name("unchanged"));
    let memory = format!("memory of a push gateway with {MANY} groups of 20 samples");
    let wants = [&changed, &unchanged, &memory].map(|name| suite.wants(name));
    if wants == [false; 3] {
        return Ok(());
    }
    let requests = pushes(MANY);
    let ours = Running::ours(&[])?;
    let official = official_with(suite, &requests, &[])?;
    fill(&ours, &requests)?;
    let both = [("ours", &ours), (OFFICIAL, &official)];
    for (name, wanted, push, faster) in [(&changed, wants[0], true, 8.0), (&unchanged, wants[1], false, 50.0)]
    {
        if !wanted {
            continue;
        }
        let racer = |(name, gateway): (&'static str, &Running)| -> anyhow::Result<Racer<'_>> {
            let mut client = Client::connect(gateway.address, 1)?;
            let mut next = requests.iter().cycle();
            Ok(Racer::new(name, move |times| {
                let mut taken = Duration::ZERO;
                for _ in 0..times {
                    if push {
                        client.send(1, || next.next().map_or(&[][..], Vec::as_slice))?;
                    }
                    let begun = Instant::now();
                    client.send(1, || SCRAPE)?;
                    taken += begun.elapsed();
                }
                Ok(taken)
            }))
        };
        let mut racers = both.into_iter().map(racer).collect::<anyhow::Result<Vec<_>>>()?;
        let samples = race(&suite.witness, Course::long(&suite.effort), &mut racers)?;
        let [ours, official] = samples.try_into().ok().context("two have raced")?;
        suite.rows.push(
            Row::new(name.clone(), &ours.scaled(1e-6), "ms")
                .beside(OFFICIAL, &official.scaled(1e-6))
                .held_to(Bar::Faster(faster)),
        );
    }
    if wants[2] {
        let sample = |gateway: &Running| -> anyhow::Result<Sample> {
            Client::connect(gateway.address, 1)?.send(1, || SCRAPE)?;
            Ok(Sample::new(vec![gateway.memory()? / (1 << 20) as f64]))
        };
        let row = Row::new(memory, &sample(&ours)?, "MiB").beside(OFFICIAL, &sample(&official)?);
        suite.rows.push(row.held_to(Bar::Times(0.5)).because("after a scrape"));
    }
    Ok(())
}

const SCRAPE: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Lets gateways take pushes in turns; microseconds for each push.
fn race_pushes(
    suite: &Suite,
    gateways: &[(&'static str, &Running)],
    requests: &[Vec<u8>],
    connections: usize,
) -> anyhow::Result<Vec<Sample>> {
    let racer = |&(name, gateway): &(&'static str, &Running)| -> anyhow::Result<Racer<'_>> {
        let mut client = Client::connect(gateway.address, connections)?;
        let mut next = requests.iter().cycle();
        Ok(Racer::new(name, move |times| {
            let begun = Instant::now();
            client.send(times, || next.next().map_or(&[][..], Vec::as_slice))?;
            Ok(begun.elapsed())
        }))
    };
    let mut racers = gateways.iter().map(racer).collect::<anyhow::Result<Vec<_>>>()?;
    let samples = race(&suite.witness, Course::long(&suite.effort), &mut racers)?;
    Ok(samples.into_iter().map(|sample| sample.scaled(1e-3)).collect())
}

/// The official gateway, with all groups in it. With its check it would take hours to fill it, so it is filled
/// without, and started anew from its file.
fn official_with(suite: &Suite, requests: &[Vec<u8>], arguments: &[&str]) -> anyhow::Result<Running> {
    let file = suite.directory("official")?.join("groups");
    let filled = Running::official(&file, &["--push.disable-consistency-check"])?;
    fill(&filled, requests)?;
    filled.end()?;
    Running::official(&file, arguments)
}

/// Pushes to each group once.
fn fill(gateway: &Running, requests: &[Vec<u8>]) -> anyhow::Result<()> {
    let mut next = requests.iter();
    let mut client = Client::connect(gateway.address, CONNECTIONS)?;
    client
        .send(requests.len() as u64, || next.next().map_or(&[][..], Vec::as_slice))
        .context("fill a gateway")
}

/// A request for each group: 20 samples, of two families of five counters each, five gauges, and a histogram.
fn pushes(groups: usize) -> Vec<Vec<u8>> {
    (0..groups)
        .map(|group| {
            let mut body = String::new();
            for (family, label) in [("jobs_processed_total", "queue"), ("bytes_written_total", "device")] {
                body += &format!("# HELP {family} What the job has done.\n# TYPE {family} counter\n");
                (0..5).for_each(|at| {
                    body += &format!("{family}{{{label}=\"{label}-{at}\"}} {}\n", group * 10 + at)
                });
            }
            body += "# HELP stage_seconds How long each stage took.\n# TYPE stage_seconds gauge\n";
            (0..5).for_each(|at| body += &format!("stage_seconds{{stage=\"stage-{at}\"}} {at}.{group}\n"));
            body += "# HELP request_seconds Requests of the job.\n# TYPE request_seconds histogram\n";
            for (bound, count) in [("0.1", 3), ("1", 5), ("+Inf", 8)] {
                body += &format!("request_seconds_bucket{{le=\"{bound}\"}} {count}\n");
            }
            body += "request_seconds_sum 7.25\nrequest_seconds_count 8\n";
            let length = body.len();
            let path = format!("/metrics/job/bench/instance/i{group}");
            let head = format!("PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
            (head + &body).into_bytes()
        })
        .collect()
}

/// A directory on a disk: on a file system in memory, where most of the suite writes, a sync costs nothing.
fn disk() -> anyhow::Result<TempDir> {
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58F6]; // tmpfs, ramfs
    let candidates = [std::env::temp_dir(), std::env::current_dir()?, PathBuf::from("/var/tmp")];
    let on_disk = candidates.iter().find(|path| {
        rustix::fs::statfs(*path).is_ok_and(|system| !IN_MEMORY.contains(&(system.f_type as u64)))
    });
    let place = on_disk.context("a sync cannot be measured: every directory here is in memory")?;
    tempfile::Builder::new()
        .prefix("multiprom-bench-")
        .tempdir_in(place)
        .context("make a directory on a disk")
}
