//! A part of an application's processes that has keys of its own, and the way to them.

use redis_link::redis;
use redis_link::{Address, Link, LinkError, Timeouts};
use redis_schema::{BadPrefix, Keys};

use crate::clock::Clock;

/// A part of an application's processes that has keys of its own, and the way to them.
#[derive(Debug)]
pub struct Shard {
    /// What its keys are called.
    pub keys: Keys,
    /// To where they are.
    pub link: Link,
}

impl Shard {
    /// This one of those that have this prefix. Nothing is connected yet.
    ///
    /// # Errors
    /// When the prefix cannot be part of a key.
    pub fn new(
        address: &Address,
        prefix: &str,
        shard: usize,
        timeouts: Timeouts,
    ) -> Result<Shard, BadPrefix> {
        let keys = Keys::new(prefix, shard)?;
        let link = Link::new(address.clone(), timeouts).for_key(keys.tag());
        Ok(Shard { keys, link })
    }

    /// Says of how many the application is, for who reads it. To be said on the first of them.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub fn announce(&self, shards: usize) -> Result<(), LinkError> {
        // One is what everybody takes for granted.
        if shards > 1 {
            self.link.run(redis::pipe().cmd("SADD").arg(self.keys.shards()).arg(shards))?;
        }
        Ok(())
    }

    /// Agrees with all processes, whatever their shard, on what stands in this one, the first: how far the clock of Redis
    /// is ahead, and how many shards there are. To be done before a process that is of the shard `own` registers.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub fn agree(&self, own: &Shard, shards: usize, clock: &Clock) -> Result<(), LinkError> {
        clock.agree(&self.link, &self.keys)?;
        self.announce(shards)?;
        if !std::ptr::eq(self, own) {
            self.link.disconnect();
        }
        Ok(())
    }
}
