//! A connection to a Redis, wherever it is: TCP, with TLS by the feature `tls`, a unix socket, the
//! master that Sentinels name, or the node of a cluster that has a key.
//!
//! [`Link::run`] sends a [`redis::Pipeline`] and returns its answers, in one round trip and in bounded time. What the
//! `redis` crate is used for is how commands and values look; the socket is our own, for three reasons:
//!
//! - **Time.** A timeout for each read lets a server that sends a byte a second hold a caller for ever. Here the whole
//!   answer has a deadline.
//! - **Forks.** A child must neither write into its parent's connection nor keep it open, and it must not run the
//!   destructor of something that another thread was changing. It closes its copy ([`forked::Descriptors`]) and
//!   connects anew.
//! - **Trust.** Lengths that a server sends are not believed before the bytes have come.
//!
//! Nothing is sent twice: what happened to a pipeline that failed is in the error ([`LinkError::is_unsent`],
//! [`LinkError::is_lost`], [`LinkError::is_refused`]), and the caller decides. For pauses between attempts there is
//! [`Backoff`].
//!
//! ```no_run
//! use redis_link::{Address, Link, Timeouts};
//!
//! let address = Address::parse("redis://metrics:secret@redis.example:6379/2")?;
//! assert_eq!(address.to_string(), "redis://metrics:***@redis.example:6379/2");
//! let link = Link::new(address, Timeouts::default());
//! let values = link.run(redis::pipe().cmd("PING").cmd("TIME"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod address;
mod answers;
mod backoff;
mod cluster;
mod connection;
#[cfg(feature = "tls")]
mod encrypted;
mod error;
// Not for users: fuzzing reads answers that no server gives.
#[doc(hidden)]
pub mod fuzzed;
mod line;
mod link;
mod login;
mod redirect;
mod script;
mod sentinel;
mod socket;
mod wire;

pub use address::{Address, AddressError, Place};
pub use backoff::Backoff;
pub use error::LinkError;
pub use link::{Link, Timeouts};
pub use redis;
pub use script::Script;
