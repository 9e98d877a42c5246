//! The comparative benchmark: our stores and scrapes beside those of others, on the same work in one run.
//!
//! `cargo xtask bench` builds this package and runs `suite`. [`Suite`] holds what a run is about; the parts of it are
//! [`talk`], [`updates`], [`foreign`], [`scrapes`], [`databases`], [`encoding`], [`http`], [`redis`] and [`growth`]. Each
//! part puts competitors into a [`race`](race::race), which lets them run in turns, and writes [`Row`](row::Row)s. The
//! rows become a [`table`], a [`report`] for programs and a [page](html) for people.
//!
//! `benches/README.md` says how to run it and how to read what it prints.

pub mod effort;
pub mod pin;
pub mod race;
pub mod sample;
pub mod team;
pub mod witness;

pub mod deed;
pub mod driver;
pub mod pstore;
pub mod sqlite;
pub mod stores;
pub mod worker;

pub mod rivals;

pub mod allocations;
pub mod directories;
pub mod families;
pub mod machine;
pub mod memory;
pub mod scrape;

pub mod row;
pub mod suite;

pub mod databases;
pub mod encoding;
pub mod foreign;
pub mod growth;
pub mod http;
pub mod pushes;
pub mod redis;
pub mod scrapes;
pub mod talk;
pub mod updates;

pub mod html;
pub mod plot;
pub mod report;
pub mod table;

pub use suite::Suite;
