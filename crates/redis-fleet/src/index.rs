//! Who there is in a shard, and how far that has grown.

use std::time::Instant;

use foldhash::HashMap;
use redis_link::Link;
use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_schema::{Keys, Seal, script};

use crate::fleet::FleetError;
use crate::kept::Bad;

/// Who there is, and how far that has grown.
pub(crate) struct Index {
    pub(crate) now: i64,
    pub(crate) epoch: Vec<u8>,
    /// Each process, and when it was last heard of.
    pub(crate) processes: Vec<(String, String)>,
    pub(crate) lengths: HashMap<String, usize>,
    /// Of what is kept of the dead, as far as that can be told: as its seal has it, or itself.
    pub(crate) version: Vec<u8>,
    /// How many shards there are.
    pub(crate) shards: usize,
    pub(crate) bad: Option<Bad>,
    /// Families that processes share, and their descriptions.
    pub(crate) shared: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Index {
    pub(crate) fn read(
        link: &Link,
        keys: &Keys,
        deadline: Option<Instant>,
        shared: bool,
    ) -> Result<Index, FleetError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME");
        pipeline.cmd("GET").arg(keys.epoch());
        pipeline.cmd("ZRANGE").arg(keys.processes()).arg(0).arg(-1).arg("WITHSCORES");
        pipeline.cmd("HGETALL").arg(keys.lengths());
        pipeline.cmd("GET").arg(keys.retired_seal());
        pipeline.cmd("HGET").arg(keys.retired()).arg(script::VERSION);
        pipeline.cmd("SMEMBERS").arg(keys.shards());
        if shared {
            pipeline.cmd("HGETALL").arg(keys.shared_families());
        }
        let mut answers = link.run_by(&pipeline, deadline)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let (seconds, micros) = <(i64, i64)>::from_redis_value(next()).unwrap_or_default();
        let epoch = bytes(next());
        // Names that are no UTF-8 are none of ours.
        let processes = texts(next());
        let lengths = texts(next()).into_iter().filter_map(|(name, len)| Some((name, len.parse().ok()?)));
        let lengths = lengths.collect();
        let now = seconds.saturating_mul(1_000).saturating_add(micros / 1_000);
        let (seal, version) = (Seal::read(&bytes(next())), bytes(next()));
        let version = seal.map_or(version, |seal| seal.version.into_bytes());
        let (shards, too_many) = shards_told(next());
        let bad = too_many.first().map(|shards| {
            let why = format!("{shards} shards; there are {} at most", Keys::MOST_SHARDS);
            Bad::new(&keys.shards(), why)
        });
        let shared = <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(next()).unwrap_or_default();
        Ok(Index { now, epoch, processes, lengths, version, shards, bad, shared })
    }
}

/// How many shards there are by what was said, 0 where nothing was, and what nobody of ours has said.
pub(crate) fn shards_told(told: Value) -> (usize, Vec<usize>) {
    let told = <Vec<Vec<u8>>>::from_redis_value(told).unwrap_or_default();
    let told = told.iter().filter_map(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
    let (shards, too_many): (Vec<usize>, _) = told.partition(|&shards| shards <= Keys::MOST_SHARDS);
    (shards.into_iter().max().unwrap_or_default(), too_many)
}

/// The bytes of a string; none where it is something else.
pub(crate) fn bytes(value: Value) -> Vec<u8> {
    Vec::from_redis_value(value).unwrap_or_default()
}

/// Pairs, without those that are no text.
fn texts(value: Value) -> Vec<(String, String)> {
    let pairs = <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(value).unwrap_or_default();
    let text = |bytes| String::from_utf8(bytes).ok();
    pairs.into_iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
}
