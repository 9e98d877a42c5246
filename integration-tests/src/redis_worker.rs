//! A process that counts in a Redis, where a store of ours keeps it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use forked::testing::{Child, Way, fork};
use metrics_core::Registry;
use store_redis::{Options, RedisStore, Sending};

/// How often is sent what has changed: often, as tests do not wait for long.
const INTERVAL: Duration = Duration::from_millis(200);

/// How long is waited for Redis at the end.
const PATIENCE: Duration = Duration::from_secs(50);

fn open(url: &str) -> anyhow::Result<RedisStore> {
    open_as(url, Sending::Periodic)
}

fn open_as(url: &str, sending: Sending) -> anyhow::Result<RedisStore> {
    Ok(RedisStore::open_with(url, Options { sending, interval: INTERVAL, ..Options::default() })?)
}

/// Counts the same as in a directory, and stays, not closed, until it has sent that and its input ends.
pub(crate) fn count(url: &str, seed: u32) -> anyhow::Result<()> {
    let store = open(url)?;
    crate::count(Registry::new(store.clone()), &crate::MODES, seed)?;
    store.flush(PATIENCE)?;
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).context("read standard input")?;
    Ok(())
}

/// Two threads that count in series of this `name` until the input ends: one in a counter, one in a histogram. Each writes
/// how often it has counted, after each time, to its own eight bytes of the file `acknowledged`. Closes the store.
pub(crate) fn storm(url: &str, mode: &str, name: &str, acknowledged: &Path) -> anyhow::Result<()> {
    let sending = match mode {
        "periodic" => Sending::Periodic,
        "synchronous" => Sending::Synchronous,
        "shared" => Sending::Shared,
        _ => bail!("no mode: {mode}"),
    };
    let store = open_as(url, sending)?;
    let registry = Registry::new(store.clone());
    let updates = registry.counter("storm_updates", "Updates.").labels(["worker"])?.with([name]);
    let seconds = registry.histogram("storm_seconds", "Observations.").labels(["worker"])?.with([name]);
    let file = File::options().write(true).create(true).truncate(true).open(acknowledged)?;
    let deeds: [Box<dyn Fn() + Send>; 2] =
        [Box::new(move || updates.inc()), Box::new(move || seconds.observe(0.5))];
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (place, deed) in (0..).step_by(8).zip(deeds) {
            let (file, over) = (&file, &over);
            scope.spawn(move || {
                for turn in 1_u64.. {
                    deed();
                    file.write_all_at(&turn.to_le_bytes(), place)
                        .expect("the file of the test can be written");
                    if turn.is_multiple_of(16) {
                        // The machine has others to serve.
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        let read = std::io::stdin().read_to_end(&mut Vec::new()).context("read standard input");
        over.store(true, Ordering::Relaxed);
        read
    })?;
    store.close(PATIENCE)?;
    Ok(())
}

/// A short life: so many jobs are counted one by one. At its `end` it says that it sends no more (`close`), or only waits
/// until all is sent (`flush`).
pub(crate) fn jobs(url: &str, count: u32, end: &str) -> anyhow::Result<()> {
    let store = open(url)?;
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs done.").labels(["queue"])?;
    let duration = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
    for turn in 0..count {
        jobs.with([["mail", "print"][turn as usize % 2]]).inc();
        duration.observe(0.1);
    }
    match end {
        "close" => store.close(PATIENCE)?,
        "flush" => store.flush(PATIENCE)?,
        _ => bail!("no end: {end}"),
    }
    Ok(())
}

/// A master that counts, forks its children in the midst of it, and counts on beside them: each so often.
pub(crate) fn prefork(url: &str, children: usize, count: u32) -> anyhow::Result<()> {
    let store = open(url)?;
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs done.").labels(["queue"])?;
    let inherited = jobs.with(["mail"]);
    let work = || {
        for _ in 0..count {
            inherited.inc();
            jobs.with(["print"]).inc();
        }
    };
    work();
    // By libc, as masters do: other threads allocate, and the bare system call would not mend their locks.
    let child = |_| {
        fork(Way::Libc, || {
            work();
            store.close(PATIENCE).expect("Redis is there");
        })
    };
    let children: Vec<Child> = (0..children).map(child).collect();
    work();
    children.into_iter().for_each(Child::wait);
    store.close(PATIENCE)?;
    Ok(())
}
