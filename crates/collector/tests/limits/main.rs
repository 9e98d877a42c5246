//! A limit on the number of series changes where numbers stand, and never what they add up to.
#![allow(clippy::unwrap_used)]

#[path = "../oracle/model.rs"]
#[allow(dead_code, reason = "the other test uses the rest")]
mod model;
mod naive;
mod pages;
mod seats;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;

use collector::{Ask, Catalog, Collector, DirSource, Limits};
use support::block_on;

/// A limit for each family.
fn of_family(series_per_family: usize) -> Limits {
    Limits { series_per_family: Some(series_per_family), ..Limits::default() }
}

/// A limit for each directory.
fn of_directory(series: usize) -> Limits {
    Limits { series: Some(series), ..Limits::default() }
}

/// A collector of one directory, with a limit.
fn limited(path: &Path, catalog: Catalog, limits: Limits) -> Collector {
    let source = DirSource::new(vec![support::directory(path)], catalog).unwrap();
    Collector::new(vec![Box::new(source.limited(limits))])
}

/// The page without comments.
fn lines(collector: &Collector) -> Vec<String> {
    lines_of(collector, &Ask::default())
}

fn lines_of(collector: &Collector, ask: &Ask) -> Vec<String> {
    let page = support::encoded(exposition::Format::TEXT, &block_on(collector.collect(ask)).unwrap());
    page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// How many label sets were refused, as the collector says.
fn refused(collector: &Collector) -> f64 {
    let own = collector.own();
    let name = "multiprom_directory_refused_series";
    own.families.iter().find(|family| &*family.name == name).unwrap().samples[0].value
}
