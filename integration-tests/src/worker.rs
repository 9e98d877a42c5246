//! A process that counts: what the tests start many times, and kill.
//!
//! `integration-worker count mmap|file DIRECTORY SEED` counts what `apps/count.py` counts, as far as the store's own
//! dialect has it; `crowd DIRECTORY` forks
//! processes, which count a little and end; `stay DIRECTORY` does what one process of `apps/stay.py` does; `storm DIRECTORY ACKNOWLEDGED` counts until it is killed.
//! `count redis URL SEED`, `redis-storm`, `redis-jobs` and `redis-prefork` count in a Redis: see `redis_worker.rs`.
#![forbid(unsafe_code)]

mod redis_worker;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, bail};
use forked::testing::{WAYS, fork};
use metrics_core::{Aggregation, Buckets, Registry};
use store_file::FileStore;
use store_mmap::MmapStore;

/// How gauges may be merged, as far as `apps/count.py` sets some.
const MODES: [&str; 9] =
    ["all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent"];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["count", "mmap", directory, seed] => {
            count(Registry::new(MmapStore::open(directory)?), &MODES, seed.parse()?)
        }
        ["count", "redis", url, seed] => redis_worker::count(url, seed.parse()?),
        ["redis-storm", url, mode, name, acknowledged] => {
            redis_worker::storm(url, mode, name, Path::new(acknowledged))
        }
        ["redis-jobs", url, count, end] => redis_worker::jobs(url, count.parse()?, end),
        ["redis-prefork", url, children, count] => {
            redis_worker::prefork(url, children.parse()?, count.parse()?)
        }
        // Ruby's files do not say how gauges are merged, except by `all`.
        ["count", "file", directory, seed] => {
            count(Registry::new(FileStore::open(directory)?), &["all"], seed.parse()?)
        }
        ["crowd", directory] => crowd(directory),
        ["stay", directory] => stay(directory),
        ["storm", directory, acknowledged] => storm(directory, Path::new(acknowledged)),
        _ => bail!("unknown arguments {arguments:?}"),
    }
}

/// Counts the same as `apps/count.py`, in the same families. Multiples of 1/16, so that sums are exact.
fn count(registry: Registry, modes: &[&str], seed: u32) -> anyhow::Result<()> {
    let requests = registry.counter("shared_requests", "Requests served.").labels(["method", "code"])?;
    let bytes_sent = registry.counter("shared_sent_bytes", "Bytes sent.").register()?;
    // A second record of its key, where the store can do that.
    let bytes_sent_here = bytes_sent.local();
    let latency = registry.histogram("shared_latency_seconds", "Time to serve.");
    let latency = latency.buckets(Buckets::new([0.25, 1.0, 2.5])?).labels(["method"])?;
    let payload = registry.summary("shared_payload_bytes", "Size of a request.").register()?;
    let mut gauges = Vec::new();
    for mode in modes {
        let (name, help) = (format!("shared_level_{mode}_ratio"), format!("A level, merged by {mode}."));
        let aggregation: Aggregation = mode.parse().context("a mode of gauges")?;
        gauges.push(registry.gauge(&name, &help).aggregation(aggregation).labels(["side"])?);
    }
    for turn in 0..200_u32 {
        let value = f64::from((turn * 7 + seed * 13) % 64) / 16.0;
        let method = ["GET", "POST"][turn as usize % 2];
        requests.with([method, ["200", "404", "odd \"\\\n"][(turn + seed) as usize % 3]]).inc_by(value);
        if turn % 3 == 0 {
            bytes_sent_here.inc_by(f64::from(turn));
        } else {
            bytes_sent.inc_by(f64::from(turn));
        }
        latency.with([method]).observe(value);
        payload.observe(value * 1024.0);
        for gauge in &gauges {
            gauge.with([["left", "rück\u{ad}seite"][turn as usize % 2]]).set(value - 1.0);
        }
    }
    Ok(())
}

/// A forked process for each byte on standard input, one after the other, by libc's `fork` and by the bare system call
/// in turn. Each counts ten jobs, through a handle of the parent and through its own, observes one duration, and ends.
fn crowd(directory: &str) -> anyhow::Result<()> {
    let registry = Registry::new(MmapStore::open(directory)?);
    let jobs = registry.counter("jobs", "Jobs done.").labels(["queue"])?;
    let duration = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
    let mail = jobs.with(["mail"]);
    for (way, asked) in WAYS.into_iter().cycle().zip(std::io::stdin().lock().bytes()) {
        asked.context("read standard input")?;
        let child = fork(way, || {
            for _ in 0..5 {
                mail.inc();
                jobs.with(["print"]).inc();
            }
            duration.observe(0.5);
        });
        child.wait();
    }
    Ok(())
}

/// Counts once, and again for each line on standard input.
fn stay(directory: &str) -> anyhow::Result<()> {
    let registry = Registry::new(MmapStore::open(directory)?);
    let jobs = registry.counter("stay_jobs", "Jobs done.").register()?;
    let alive = registry.gauge("stay_alive", "Processes.").aggregation("livesum".parse()?).register()?;
    let count = || {
        jobs.inc();
        alive.set(1.0);
    };
    count();
    println!("ready {}-r0", std::process::id());
    for line in std::io::stdin().lines() {
        line.context("read standard input")?;
        count();
        println!("counted");
    }
    Ok(())
}

/// Four threads that count for ever. Each writes how many updates it has done, after each of them, to its own eight
/// bytes of the file `acknowledged`: two of one counter, one that sets a gauge to that number, one of a histogram.
fn storm(directory: &str, acknowledged: &Path) -> anyhow::Result<()> {
    let registry = Registry::new(MmapStore::open(directory)?);
    let counter = registry.counter("storm_updates", "Updates by two threads.").register()?;
    let gauge =
        registry.gauge("storm_turn", "Turns of the third.").aggregation(Aggregation::SUM).register()?;
    let histogram = registry.histogram("storm_seconds", "Observations of the fourth.").register()?;
    let file = File::options().write(true).create(true).truncate(true).open(acknowledged)?;
    let updates: [Box<dyn Fn(u64) + Send>; 4] = [
        Box::new(move |_| counter.inc()),
        Box::new(move |_| counter.inc()),
        Box::new(move |turn| gauge.set(turn as f64)),
        Box::new(move |_| histogram.observe(0.5)),
    ];
    std::thread::scope(|scope| {
        for (place, update) in (0..).step_by(8).zip(updates) {
            let file = &file;
            scope.spawn(move || {
                for turn in 1_u64.. {
                    update(turn);
                    file.write_all_at(&turn.to_le_bytes(), place)
                        .expect("the file of the test can be written");
                }
            });
        }
    });
    Ok(())
}
