//! Redis databases that other clients write, as a source of a collector: read, never written.
//!
//! | schema | written by | what stands in Redis |
//! |---|---|---|
//! | [`Gunicorn`](Schema::Gunicorn) | gunicorn-prometheus-exporter | a hash for each number of each process, with its mode |
//! | [`Pytheus`](Schema::Pytheus) | pytheus, with its Python or its Rust backend | numbers that all processes share; no kinds, no help: a [`Catalog`](collector::Catalog) has these |
//! | [`PromPhp`](Schema::PromPhp) | PromPHP's adapters Redis, RedisNg and Predis | numbers that all processes share |
//!
//! A [`ForeignSource`] is read at every scrape, with commands that only read, so that a replica may serve it. What does
//! not change - which series a key is - is kept from scrape to scrape. [`Inside`] has every number as it stands there, for
//! people.
//!
//! Whatever lies in the database, the page stays up with everything else: what cannot be read is left out, named once in
//! the log, and counted by reason in `multiprom_redis_bad_total`.
//!
//! For each schema there is a module that knows bytes and no connection, total on any bytes, and one that asks.
#![forbid(unsafe_code)]

mod bad;
mod foreign;
// Not for users: fuzzing reads databases that no client writes.
#[doc(hidden)]
pub mod fuzzed;
mod gunicorn;
mod inside;
mod look;
mod meaning;
mod number;
mod promphp;
mod pytheus;
mod reading;
mod scan;
mod schema;
mod source;

pub use foreign::Foreign;
pub use inside::{Fault, Inside, Number};
pub use reading::NothingFound;
pub use schema::{Schema, UnknownSchema};
pub use source::ForeignSource;
