//! A database as a source of a collector, and its page.
#![allow(dead_code)] // each test binary uses its part

use collector::{Ask, Catalog, CollectError, Collector};
use exposition::Format;
use redis_link::Address;
use redis_source::{Foreign, ForeignSource, Schema};

/// A database of which nothing else is known.
pub(crate) fn foreign(url: &str, schema: Schema) -> Foreign {
    Foreign::new(Address::parse(url).unwrap(), schema)
}

pub(crate) fn catalog(text: &str) -> Catalog {
    Catalog::parse(text.as_bytes()).unwrap()
}

/// A collector of one database.
pub(crate) fn collector_of(foreign: Foreign) -> Collector {
    Collector::new(vec![Box::new(ForeignSource::new(foreign).unwrap())])
}

/// The page, as text.
pub(crate) fn collect(collector: &Collector) -> Result<String, CollectError> {
    collect_with(collector, &Ask::default())
}

/// The page that was asked for, as text.
pub(crate) fn collect_with(collector: &Collector, ask: &Ask) -> Result<String, CollectError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let page = runtime.block_on(collector.collect(ask))?;
    let mut text = Vec::new();
    exposition::encode(Format::TEXT, &page, &mut text);
    Ok(String::from_utf8(text).unwrap())
}

/// What the collector says of itself, as text.
pub(crate) fn own(collector: &Collector) -> String {
    let mut text = Vec::new();
    exposition::encode(Format::TEXT, &collector.own(), &mut text);
    String::from_utf8(text).unwrap()
}
