//! How the cost of a scrape grows with the work: 1 x, 4 x, 16 x.

use anyhow::Context;

use crate::Suite;
use crate::allocations::of_next_scrape;
use crate::directories::{Client, living, used_bytes};
use crate::race::{Course, Racer, race};
use crate::row::{Bar, Row};
use crate::sample::Sample;
use crate::scrape::{Scraper, runtime};

/// Records in each of the 8 processes.
const SIZES: [(&str, usize); 3] = [("1 x", 1_250), ("4 x", 5_000), ("16 x", 20_000)];

/// Time for each byte may grow so much from 1 x to 16 x: the larger directory does not fit the same caches.
const TOLERANCE: f64 = 1.25;

/// Measures all of them.
///
/// # Errors
/// When a directory cannot be written or read.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    if !suite.wants("growth of a next scrape") {
        return Ok(());
    }
    let runtime = runtime()?;
    let mut directories = Vec::new();
    for (name, records) in SIZES {
        let path = suite.directory(&format!("growth {name}"))?;
        directories.push(living(Client::Python, path, 8, records)?);
    }
    let mut scrapers = Vec::new();
    let mut bytes = Vec::new();
    for directory in &directories {
        let mut scraper = Scraper::new(&directory.path, &directory.catalog)?;
        scraper.scrape(&runtime)?;
        bytes.push((used_bytes(&directory.path)? + scraper.page.len() as u64) as f64);
        scrapers.push(scraper);
    }
    let mut racers: Vec<_> = scrapers
        .iter_mut()
        .zip(SIZES)
        .map(|(scraper, (name, _))| {
            let runtime = &runtime;
            Racer::new(name, move |times| {
                let begun = std::time::Instant::now();
                (0..times).try_for_each(|_| scraper.scrape(runtime))?;
                Ok(begun.elapsed())
            })
        })
        .collect();
    let samples = race(&suite.witness, Course::long(&suite.effort), &mut racers)?;
    let per_byte: Vec<Sample> =
        samples.iter().zip(&bytes).map(|(sample, bytes)| sample.scaled(1.0 / bytes)).collect();

    let mut allocated = Vec::new();
    for (((name, _), directory), (sample, bytes)) in
        SIZES.iter().zip(&directories).zip(samples.iter().zip(&bytes))
    {
        let row = Row::new(format!("growth of a next scrape, {name}: time"), &sample.scaled(1e-6), "ms");
        suite.rows.push(row.because(format!("{bytes} bytes in use and of the page")));
        allocated.push(of_next_scrape(&directory.path)?);
    }
    let (first, last) = (per_byte.first().context("measured")?, per_byte.last().context("measured")?);
    suite.rows.push(
        Row::new("growth of a next scrape, time for each byte at 16 x", last, "ns")
            .beside("the same at 1 x", first)
            .held_to(Bar::Times(TOLERANCE))
            .because("linear in bytes in use and bytes of the page, give or take a quarter for caches"),
    );
    let one = |value: f64| Sample::new(vec![value]);
    for ((name, _), allocated) in SIZES.iter().zip(&allocated) {
        let name = format!("growth of a next scrape, {name}");
        suite.rows.push(Row::new(format!("{name}: allocations"), &one(allocated.times), "allocations"));
        suite.rows.push(Row::new(format!("{name}: allocated"), &one(allocated.bytes), "bytes"));
    }
    let (first, last) = (allocated.first().context("counted")?, allocated.last().context("counted")?);
    for (what, at_16, at_1, unit) in [
        ("allocations", last.times, first.times, "allocations"),
        ("bytes allocated", last.bytes, first.bytes, "bytes"),
    ] {
        suite.rows.push(
            Row::new(format!("growth of a next scrape, {what} at 16 x"), &one(at_16), unit)
                .beside("the same at 1 x", &one(at_1))
                .held_to(Bar::Times(1.05))
                .because("no allocation grows with series"),
        );
    }
    Ok(())
}
