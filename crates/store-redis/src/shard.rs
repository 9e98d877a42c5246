//! All shards of an application.

use redis_link::Address;
use redis_schema::Keys;
use redis_session::Shard;

use crate::Options;

/// What is wrong with what was chosen.
type Refused = Box<dyn std::error::Error + Send + Sync>;

/// All shards of an application, one at least.
pub(crate) fn all(address: &Address, options: &Options) -> Result<Vec<Shard>, Refused> {
    if !(1..=Keys::MOST_SHARDS).contains(&options.shards) {
        return Err(format!("{} shards: there are 1 to {}", options.shards, Keys::MOST_SHARDS).into());
    }
    let shard = |shard| Ok(Shard::new(address, &options.prefix, shard, options.timeouts)?);
    (0..options.shards).map(shard).collect()
}
