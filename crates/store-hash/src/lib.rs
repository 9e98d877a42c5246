//! Values in this process: atomic, mutex, unsynchronised.
//!
//! The store for programs that are one process, for tests, and for what other stores are measured against.
//! Three disciplines, one behaviour as long as one thread updates a label set at a time:
//!
//! | | an update costs | several threads |
//! |---|---|---|
//! | [`HashStore::atomic`], the default | a compare-and-swap; two for an observation | nothing is lost |
//! | [`HashStore::mutex`] | a lock | nothing is lost, and no reader sees half an observation |
//! | [`HashStore::unsynchronised`] | a load and a store | **updates are lost**, as in a bare Ruby `Hash` without its lock |
//!
//! ```
//! use metrics_core::Registry;
//! use store_hash::HashStore;
//!
//! let registry = Registry::new(HashStore::atomic());
//! let requests = registry.counter("requests_total", "Requests served.").labels(["method"])?;
//! requests.with(["GET"]).inc();
//! requests.with(["GET"]).inc();
//!
//! let page = registry.snapshot();
//! assert_eq!(page.families[0].samples[0].value, 2.0);
//! # Ok::<(), metrics_core::DeclareError>(())
//! ```
//!
//! A fork copies the values, as it copies all memory: the child goes on from its parent's numbers, and neither
//! sees what the other adds. That counts the past twice when both are scraped; programs that fork want
//! `store-mmap` or `store-file`. A child that is forked off while another thread holds the lock of a
//! [`HashStore::mutex`] number can never take that lock; the other two disciplines have none.
#![forbid(unsafe_code)]

mod atomic;
mod mutex;
mod shape;
mod store;
mod unsynchronised;

pub use store::HashStore;
