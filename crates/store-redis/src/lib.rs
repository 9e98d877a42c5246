//! Numbers counted in this process and kept in Redis, for pages of many machines.
//!
//! Whoever counts never waits for Redis: a number is a word in memory, and a thread sends what has changed, every
//! second. With Redis away, slow or frozen an increment costs the same, memory stays as it is, and what was counted is
//! sent when it is back; nothing is queued, since numbers are sent whole and never as differences. What is sent twice,
//! late, or without an answer is there once ([the protocol](redis_schema) says why). Killed, a process loses what it
//! has counted since numbers were last sent; [`RedisStore::close`] at its end loses nothing.
//!
//! Who wants each change in Redis before he goes on says so ([`Sending::Synchronous`]), and who has many processes that
//! live shortly lets Redis add up what they count ([`Sending::Shared`]).
//!
//! After a fork the child counts from 0, under a name of its own, and has a thread of its own, as soon as it counts
//! anything.
//!
//! ```no_run
//! use std::time::Duration;
//! use metrics_core::Registry;
//! use store_redis::RedisStore;
//!
//! let store = RedisStore::open("redis://127.0.0.1/0")?;
//! let registry = Registry::new(store.clone());
//! let requests = registry.counter("requests_total", "Requests served.").labels(["method"])?;
//! requests.with(["GET"]).inc();
//! store.close(Duration::from_millis(200))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod book;
mod child;
mod deltas;
mod error;
mod flusher;
mod numbers;
mod options;
mod sender;
mod shard;
mod sharing;
mod store;
mod synchronous;

pub use error::FlushError;
pub use options::{Options, Sending, Warn};
pub use redis_link::Timeouts;
pub use store::RedisStore;
