//! A part of an application's processes that has keys of its own, and the way to them.

use redis_link::redis;
use redis_link::{Address, Link, LinkError};
use redis_schema::Keys;

use crate::Options;

/// A part of an application's processes that has keys of its own, and the way to them.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) keys: Keys,
    pub(crate) link: Link,
}

/// What is wrong with what was chosen.
type Refused = Box<dyn std::error::Error + Send + Sync>;

impl Shard {
    /// All of them, one at least.
    pub(crate) fn all(address: &Address, options: &Options) -> Result<Vec<Shard>, Refused> {
        if !(1..=Keys::MOST_SHARDS).contains(&options.shards) {
            return Err(format!("{} shards: there are 1 to {}", options.shards, Keys::MOST_SHARDS).into());
        }
        let shard = |shard| {
            let keys = Keys::new(&options.prefix, shard)?;
            let link = Link::new(address.clone(), options.timeouts).for_key(keys.tag());
            Ok(Shard { keys, link })
        };
        (0..options.shards).map(shard).collect()
    }

    /// Says of how many the application is, for who reads it, on the first of them.
    pub(crate) fn announce(first: &Shard, shards: usize) -> Result<(), LinkError> {
        // One is what everybody takes for granted.
        if shards > 1 {
            first.link.run(redis::pipe().cmd("SADD").arg(first.keys.shards()).arg(shards))?;
        }
        Ok(())
    }
}
