//! A store from one configuration string.
//!
//! The one change that swaps backends: an application reads the string from where it reads its configuration,
//! and never names a store.
//!
//! | string | store |
//! |---|---|
//! | `hash:`, `hash:atomic` | in this process ([`store_hash::HashStore::atomic`]) |
//! | `hash:mutex` | in this process, a lock for each label set |
//! | `hash:unsynchronised` | in this process, for one thread |
//! | `mmap:DIR` | memory words in files of `DIR`, as Python's client writes them ([`store_mmap::MmapStore`]) |
//! | `file:DIR` | numbers written to files of `DIR`, as Ruby's client writes them ([`store_file::FileStore`]) |
//! | `mmap:DIR?dialect=ruby`, `file:DIR?dialect=python` | the same, as the other client writes them |
//! | `redis://HOST`, `redis+unix:///PATH`, `redis+sentinel://HOST,HOST/MASTER`, `redis+cluster://HOST,HOST`, with `?prefix=NAME&shards=N` if one likes | in this process, and every second in a Redis ([`store_redis::RedisStore`]) |
//! | the same with `?mode=synchronous` | in this process, and each change in Redis before the call returns |
//! | the same with `?mode=shared` | added up by Redis to numbers that all processes share, for many that live shortly; only what adds up |
//! | the same with `?fallback=file:DIR` | if no Redis is there when it is opened, in files of `DIR`, as Python's client writes them, until there is one; without it, or with `?fallback=none`, in memory until then |
//!
//! # Where Redis is not there at the start
//!
//! With `?fallback=file:DIR` numbers are words in files of `DIR` until a Redis is there that has taken something from the
//! process. From then on all label sets, those that are there as well, count in Redis. What adds up - counters,
//! histograms, summaries, gauges of the aggregation `sum` - counts there from 0, and what was counted before stays in the
//! files: nothing is moved, so each count is in one of the two, whoever is killed when, and a page of the directory and
//! of the database together has all of them. Gauges of other aggregations go to Redis with the number and the time that
//! they have; when Redis has them, and two seconds have passed, in which every page has seen them there, the process
//! deletes its files of such gauges. So each is on the page all the time; for these seconds it may be there twice, which
//! `all` shows as two lines (the process has another name in Redis) and the others do not show.
//!
//! Who finds a Redis at the start makes no files and never will: when it goes away later, numbers count in memory. Each
//! process decides for itself; one that was forked off decides as if it started then, but after its parent has gone over
//! it counts in Redis at once. Keep the directory as long as the database: who wipes it takes away a part of the sums.
//!
//! ```
//! use metrics_core::{Declaration, Desc, Kind, Part};
//! use std::sync::Arc;
//!
//! let directory = tempfile::tempdir()?;
//! let configured = format!("mmap:{}", directory.path().display());
//! let store = store_open::open(&configured)?;
//!
//! let jobs = Arc::new(Desc::new(&Declaration::new(Kind::Counter, "jobs", "Jobs done."))?);
//! store.child(&jobs, &[])?.add(1.0);
//! assert_eq!(store.child(&jobs, &[])?.get(Part::Value), 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod fallback;
mod location;

use metrics_core::{Store, StoreError};
use store_file::FileStore;
use store_hash::HashStore;
use store_mmap::MmapStore;
use store_redis::RedisStore;

use fallback::FallbackStore;
use location::{Discipline, Location};

/// The store that `location` describes; see [the crate](crate) for what it may say.
///
/// # Errors
/// When the string says nothing that is known - the error says what is -, or the store cannot be opened.
///
/// ```
/// let error = store_open::open("hash:fast").map(|_| ()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"open store "hash:fast": after hash: comes atomic, mutex, unsynchronised or nothing"#,
/// );
/// ```
pub fn open(location: &str) -> Result<Box<dyn Store>, StoreError> {
    Ok(match Location::parse(location)? {
        Location::Hash(Discipline::Atomic) => Box::new(HashStore::atomic()),
        Location::Hash(Discipline::Mutex) => Box::new(HashStore::mutex()),
        Location::Hash(Discipline::Unsynchronised) => Box::new(HashStore::unsynchronised()),
        Location::Mmap(directory, dialect) => {
            Box::new(MmapStore::open_with(directory, store_mmap::Options::new(dialect))?)
        }
        Location::File(directory, dialect) => {
            Box::new(FileStore::open_with(directory, store_file::Options::new(dialect))?)
        }
        Location::Redis { address, chosen } => {
            let usual = store_redis::Options::default();
            let options = store_redis::Options {
                prefix: chosen.prefix.unwrap_or_else(|| usual.prefix.clone()),
                shards: chosen.shards.unwrap_or(usual.shards),
                sending: chosen.sending.unwrap_or_default(),
                ..usual
            };
            match chosen.fallback.flatten() {
                Some(directory) => FallbackStore::open(&address, options, &directory)?,
                None => Box::new(RedisStore::open_with(&address, options)?),
            }
        }
    })
}
