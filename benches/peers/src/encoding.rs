//! What it costs to write a page, beside the other Rust libraries.

use std::time::{Duration, Instant};

use anyhow::Context;
use exposition::{Format, encode, parse};
use metrics_core::{Buckets, Registry, Snapshot};
use store_hash::HashStore;

use crate::Suite;
use crate::deed::BOUNDS;
use crate::families::Page;
use crate::race::{Course, Racer, race};
use crate::rivals::{metrics, prometheus, prometheus_client};
use crate::row::{Bar, Row};
use crate::sample::Sample;
use crate::scrape::gzip;

/// Milliseconds in a nanosecond.
const MS: f64 = 1e-6;

/// Measures all of them.
///
/// # Errors
/// When our own page cannot be read back.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    let name = "encode 10,000 counters + 1,000 histograms";
    if !suite.wants(name) {
        return Ok(());
    }
    let page = Page::large();
    let snapshot = snapshot(&page)?;
    let mut text = Vec::new();
    encode(Format::TEXT, &snapshot, &mut text);
    let length = text.len();

    suite.cores.pin(0);
    let printed = text.clone();
    let again = Racer::timed("ours", |times| {
        for _ in 0..times {
            text.clear();
            encode(Format::TEXT, &snapshot, &mut text);
        }
    });
    let first = Racer::new("ours, first", |times| {
        let mut taken = Duration::ZERO;
        for _ in 0..times {
            // Series that no encoder has seen.
            let fresh = parse(Format::TEXT.syntax, &printed)?;
            let mut text = Vec::with_capacity(length);
            let begun = Instant::now();
            encode(Format::TEXT, &fresh, &mut text);
            taken += begun.elapsed();
        }
        Ok(taken)
    });
    let packed = Racer::new("gzip", |times| {
        let begun = Instant::now();
        for _ in 0..times {
            gzip(&printed)?;
        }
        Ok(begun.elapsed())
    });
    let rival = |name, mut encode: Box<dyn FnMut() -> usize>| {
        Racer::timed(name, move |times| (0..times).for_each(|_| assert!(encode() > 0)))
    };
    let samples = race(
        &suite.witness,
        Course::long(&suite.effort),
        &mut [
            again,
            first,
            packed,
            rival(prometheus_client::NAME, Box::new(prometheus_client::encoder(&page))),
            rival(prometheus::NAME, Box::new(prometheus::encoder(&page))),
            rival(metrics::NAME, Box::new(metrics::encoder(&page))),
        ],
    )?;
    suite.cores.unpin();
    let [again, first, packed, client, prometheus, metrics] = &samples[..] else { return Ok(()) };
    let row = |name: String, rival: &str, sample: &Sample| {
        Row::new(name, &again.scaled(MS), "ms").beside(rival, &sample.scaled(MS))
    };
    suite.rows.push(
        row(name.to_owned(), prometheus_client::NAME, client)
            .held_to(Bar::Faster(5.0))
            .because(format!("{length} bytes; the aim is 9 x")),
    );
    let beside = |rival| format!("{name}, beside {rival}");
    suite.rows.push(row(beside(prometheus::NAME), "prometheus, gathered and encoded", prometheus));
    suite.rows.push(row(beside(metrics::NAME), metrics::NAME, metrics));
    let first = Row::new(format!("{name}, for the first time"), &first.scaled(MS), "ms");
    suite.rows.push(first.beside(prometheus_client::NAME, &client.scaled(MS)));
    suite.rows.push(Row::new(format!("{name}, then gzip level 1"), &packed.scaled(MS), "ms"));
    Ok(())
}

/// The page as our registry has it.
fn snapshot(page: &Page) -> anyhow::Result<Snapshot> {
    let registry = Registry::new(HashStore::atomic());
    let requests = registry.counter("http_requests", "Requests served.").labels(["method", "path"])?;
    for (set, value) in &page.counters {
        requests.with([set.method, &set.path]).inc_by(*value);
    }
    let latency = registry.histogram("http_request_duration_seconds", "Time to serve.");
    let latency =
        latency.buckets(Buckets::new(BOUNDS).context("the bounds rise")?).labels(["method", "path"])?;
    for (set, values) in &page.histograms {
        let child = latency.with([set.method, &set.path]);
        values.iter().for_each(|&value| child.observe(value));
    }
    Ok(registry.snapshot())
}
