//! What an update costs, beside the clients of Python and Ruby that share files as we do.

use std::hint::black_box;
use std::process::Command;

use anyhow::Context;
use metrics_core::{Buckets, Registry};
use store_mmap::MmapStore;

use crate::Suite;
use crate::deed::{BOUNDS, repeat};
use crate::driver::Driver;
use crate::race::{Course, Racer, race};
use crate::row::Row;
use crate::team::Deed;

/// Measures all of them.
///
/// # Errors
/// When a client cannot be run.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    let registry = Registry::new(MmapStore::open(suite.directory("foreign updates")?)?);
    let family = registry.counter("requests", "Requests served.").labels(["method", "path"])?;
    let kept = family.with(["GET", "/"]);
    let level = registry.gauge("level", "Set.").register()?;
    let latency = registry.histogram("latency", "Observed.").buckets(Buckets::new(BOUNDS)?).register()?;
    let table: [(&str, &str, Deed); 4] = [
        ("inc, kept handle, mmap", "inc", repeat(move || kept.inc())),
        (
            "family lookup with 2 labels + inc, mmap",
            "lookup",
            repeat(move || family.with(black_box(["GET", "/"])).inc()),
        ),
        ("gauge set, kept handle, mmap", "set", repeat(move || level.set(black_box(3.0)))),
        (
            "histogram observe, 11 buckets, kept handle, mmap",
            "observe",
            repeat(move || latency.observe(black_box(0.3))),
        ),
    ];
    let names = table.map(|(name, word, deed)| (format!("{name}, beside Python and Ruby"), word, deed));
    let wanted: Vec<_> = names.into_iter().filter(|(name, ..)| suite.wants(name)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    suite.cores.pin(0);
    let mut python = python(suite)?;
    let mut ruby = ruby(suite)?;
    for (name, word, deed) in wanted {
        let samples = race(
            &suite.witness,
            Course::alone(&suite.effort),
            &mut [
                Racer::timed("ours", |times| deed(0, times)),
                Racer::new("Python's client", |times| python.time(&format!("{word} {times}"))),
                Racer::new("GitLab's client", |times| ruby.time(&format!("{word} {times}"))),
            ],
        )?;
        let [ours, theirs, gitlab] = &samples[..] else { continue };
        let stem = name.trim_end_matches("Python and Ruby");
        suite.rows.push(
            Row::new(format!("{stem}Python's client"), ours, "ns")
                .beside("Python's prometheus_client, multi-process mode", theirs),
        );
        suite.rows.push(
            Row::new(format!("{stem}GitLab's client"), ours, "ns")
                .beside("Ruby's prometheus-client-mmap", gitlab),
        );
    }
    suite.cores.unpin();
    Ok(())
}

fn python(suite: &Suite) -> anyhow::Result<Driver> {
    let mut command = Command::new(&suite.tools.python);
    command.arg(suite.tools.drivers.join("python_update.py"));
    command.env("PROMETHEUS_MULTIPROC_DIR", suite.directory("python updates")?);
    Driver::start("Python's client", &mut command)
}

fn ruby(suite: &Suite) -> anyhow::Result<Driver> {
    let mut command = Command::new(&suite.tools.ruby);
    command.arg(suite.tools.drivers.join("gitlab_update.rb")).arg(suite.directory("gitlab updates")?);
    Driver::start("GitLab's client", &mut command).context("run Ruby")
}
