//! Groups of the push gateway in Redis: any number of gateways, and nothing that was acknowledged is lost.
//!
//! A [`RedisStore`] is a [`GroupStore`](push_groups::GroupStore) in a Redis: in one server, behind Sentinels, or in a
//! cluster. What `PROTOCOL.md` beside this crate says of keys and scripts comes to this:
//!
//! * **One step.** A change is one script: it compares the version, asks the index, writes the group. So any number of
//!   gateways may try at once, and what they make of it is what one after the other would.
//! * **Once.** A change whose answer is lost is tried again, and is recognised by the version that it gives, also when
//!   others have changed the group since, or deleted it.
//! * **For ever.** It is acknowledged when a replica has it, where there are any. A fail-over is waited for.
//! * **By one clock**, that of Redis.
//!
//! ```no_run
//! use groups_redis::{Options, RedisStore};
//! use push_groups::GroupStore;
//! use redis_link::Address;
//!
//! let address = Address::parse("redis+sentinel://sentinel-1,sentinel-2,sentinel-3/shop")?;
//! let store = RedisStore::new(address, Options::default());
//! let all = store.follow(None)?;
//! let changed = store.follow(Some(all.cursor))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod options;
mod stats;
mod store;

mod asked;
mod following;

mod server;

mod chance;
mod entry;
// Not for users: fuzzing reads entries that no script writes.
#[doc(hidden)]
pub mod fuzzed;
mod keys;
mod meta;
mod script;

pub use options::{Options, Wait};
pub use stats::Stats;
pub use store::RedisStore;
