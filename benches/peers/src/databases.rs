//! What a scrape of a Redis costs that another client writes, beside that client's own collector.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use redis_link::Address;
use redis_source::{Foreign, ForeignSource, Schema};
use redis_testkit::RedisServer;
use tokio::runtime::Runtime;

use crate::Suite;
use crate::driver::Driver;
use crate::race::{Course, Racer, race};
use crate::redis;
use crate::row::{Bar, Row};
use crate::scrape::{Scraper, runtime};
use crate::scrapes::lines;

/// Milliseconds in a nanosecond.
const MS: f64 = 1e-6;

const PROCESSES: usize = 8;
const SERIES: usize = 1_000;

/// Measures all of them.
///
/// # Errors
/// When there is no server or client, or the client prints another page than ours.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    let name = "gunicorn-prometheus-exporter's keys, 8 processes x 1,000 series";
    if !suite.wants(name) {
        return Ok(());
    }
    let runtime = runtime()?;
    let server = RedisServer::start();
    let mut command = Command::new(&suite.tools.redis_python);
    command.arg(suite.tools.drivers.join("gunicorn_redis_scrape.py"));
    command.args([usize::from(server.port()), PROCESSES, SERIES].map(|number| number.to_string()));
    let mut theirs = Driver::start("gunicorn-prometheus-exporter", &mut command)?;
    same_page(suite, &runtime, &server, &mut theirs)?;

    let mut again = scraper(&server)?;
    again.scrape(&runtime)?;
    // As many processes and series in stores of our own.
    let fleet = RedisServer::start();
    let stores = redis::fill(&fleet)?;
    let mut own = Scraper::of(Box::new(redis::source(&fleet)?));
    own.scrape(&runtime)?;
    let mut racers = [
        Racer::new("our first scrape", |times| {
            let mut taken = std::time::Duration::ZERO;
            for _ in 0..times {
                let mut scraper = scraper(&server)?;
                let begun = Instant::now();
                scraper.scrape(&runtime)?;
                taken += begun.elapsed();
            }
            Ok(taken)
        }),
        Racer::new("our next scrape", |times| {
            let begun = Instant::now();
            for _ in 0..times {
                again.scrape(&runtime)?;
            }
            Ok(begun.elapsed())
        }),
        Racer::new("our own keys", |times| {
            let begun = Instant::now();
            for _ in 0..times {
                own.scrape(&runtime)?;
            }
            Ok(begun.elapsed())
        }),
        Racer::new("theirs", |times| theirs.time(&format!("scrape {times}"))),
    ];
    let samples = race(&suite.witness, Course::long(&suite.effort), &mut racers)?;
    drop(stores);
    let [first, next, own, theirs] = &samples[..] else { return Ok(()) };
    let rival = "its RedisMultiProcessCollector + generate_latest";
    for (scrape, ours) in [("first", first), ("next", next)] {
        suite.rows.push(
            Row::new(format!("{name}, {scrape} scrape"), &ours.scaled(MS), "ms")
                .beside(rival, &theirs.scaled(MS))
                .held_to(Bar::Faster(25.0)),
        );
    }
    suite.rows.push(
        Row::new("Redis: 8 processes x 1,000 series to a page, next scrape", &own.scaled(MS), "ms")
            .beside("gunicorn-prometheus-exporter's collector, on as many of its own", &theirs.scaled(MS))
            .held_to(Bar::Faster(1_000.0)),
    );
    Ok(())
}

/// One that has not scraped and is not connected.
fn scraper(server: &RedisServer) -> anyhow::Result<Scraper> {
    let foreign = Foreign::new(Address::parse(&server.url())?, Schema::Gunicorn);
    Ok(Scraper::of(Box::new(ForeignSource::new(foreign)?)))
}

/// Checks that the client prints what we print: all are counters, in whole numbers.
fn same_page(
    suite: &Suite,
    runtime: &Runtime,
    server: &RedisServer,
    client: &mut Driver,
) -> anyhow::Result<()> {
    let path = suite.scratch().join("page");
    client.ask(&format!("page {}", path.display()))?;
    let theirs = lines(&std::fs::read(&path).with_context(|| format!("read {}", path.display()))?)?;
    let mut ours = scraper(server)?;
    ours.scrape(runtime)?;
    let ours = lines(&ours.page)?;
    ensure!(
        ours.len() == SERIES && ours == theirs,
        "gunicorn-prometheus-exporter prints another page than we"
    );
    Ok(())
}
