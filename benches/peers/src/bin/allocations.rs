//! Counts what the next scrape of a directory allocates: prints how often, and how many bytes.
//!
//! Used by `suite`, which cannot count by itself: a counting allocator would make what it measures slower.
#![forbid(unsafe_code)]

use std::alloc::System;
use std::path::PathBuf;

use anyhow::Context;
use peers::scrape::{Scraper, runtime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> anyhow::Result<()> {
    let directory = PathBuf::from(std::env::args_os().nth(1).context("the argument is a directory")?);
    let runtime = runtime()?;
    let mut scraper = Scraper::new(&directory, &Default::default())?;
    // What is kept grows in the first scrapes.
    for _ in 0..3 {
        scraper.scrape(&runtime)?;
    }
    let region = Region::new(ALLOCATOR);
    scraper.scrape(&runtime)?;
    let change = region.change();
    let bytes = change.bytes_allocated as isize + change.bytes_reallocated.max(0);
    println!("{} {bytes}", change.allocations + change.reallocations);
    Ok(())
}
