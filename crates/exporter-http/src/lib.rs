//! Serve a collector over HTTP; embeddable.
//!
//! [`serve`] takes a listener that the caller has bound and answers on it until told to stop:
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | the merged page; `?name[]=SAMPLE` (repeated) restricts it to samples of these names |
//! | `/metrics/self` | the exporter's own metrics, all `multiprom_*` |
//! | `/` | a page for people |
//! | `/-/healthy` | 200 while the server runs |
//! | `/-/ready` | 200 when the last collection worked or one that is made now does; else as the page |
//!
//! All of them take `GET` and `HEAD`; other methods get 405, other paths 404. `Accept` chooses the format and
//! `Accept-Encoding` gzip, as [`exposition::negotiate`] says.
//!
//! **A page is whole or it is none.** Where a source cannot be read the answer is 503, where it takes longer
//! than [`Options::collection_time`] 504, and the body says which and why. An empty or partial page would look
//! like counters that were reset.
//!
//! **Scrapes share work.** A scrape that arrives while one with the same `name[]` runs gets that one's result,
//! so that any number of them at the same moment costs one collection, and one page of each format and coding.
//! One collection runs at a time ([`collector::Collector::collect`]); pages are made on blocking threads of
//! the runtime. A source that hangs holds up the others until their time is over too, but the server answers.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use collector::{Catalog, Collector, DirSource, Directory};
//! use exporter_http::{Options, serve};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = Directory { path: "/run/shop/metrics".into(), labels: vec![] };
//! let source = DirSource::new(vec![directory], Catalog::default())?;
//! let collector = Arc::new(Collector::new(vec![Box::new(source)]));
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8000").await?;
//! let ctrl_c = async { drop(tokio::signal::ctrl_c().await) };
//! serve(listener, collector, Options::default(), ctrl_c).await?;
//! # Ok(())
//! # }
//! ```
//!
//! An application that has an HTTP server keeps an [`Exporter`] and calls [`respond`] from its own routes;
//! `examples/embed.rs` shows the short way, a port of its own.
#![forbid(unsafe_code)]

mod options;
mod server;
mod stream;

mod exporter;
mod respond;

mod query;
mod scrapes;

mod page;

mod landing;
mod last_good;
mod own;

pub use exporter::Exporter;
pub use options::Options;
pub use respond::respond;
pub use server::{serve, serve_exporter};
