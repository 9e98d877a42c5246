//! A look inside: what each process keeps in Redis, as it stands there, and what is wrong with it.

mod fault;
mod keeper;

use std::time::Instant;

use foldhash::HashMap;
use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_link::{Link, LinkError};
use redis_schema::Keys;

use crate::index;

pub use fault::{Fault, FaultSort};
pub use keeper::{Keeper, Number};

/// What one application, or one shard of it, keeps in Redis, as of one moment: for people, who want to see what
/// [`FleetSource`](crate::FleetSource) passes over in silence.
///
/// Reads all of it, in three round trips, and writes nothing.
#[derive(Debug, Default)]
pub struct Inside {
    /// Milliseconds since 1970 by the clock of Redis.
    pub now: i64,
    /// What was made up when the database was empty; none where nobody has ever kept anything there.
    pub epoch: Option<Vec<u8>>,
    /// In the order of their names.
    pub processes: Vec<Keeper>,
    /// What is kept of the dead; none where nobody is dead.
    pub retired: Option<Keeper>,
    /// How many of the dead are remembered by name.
    pub tombs: u64,
    /// What is wrong, in the order of the keys above.
    pub faults: Vec<Fault>,
}

/// How a key is called.
type NameOf = fn(&Keys) -> String;

/// Of each key that says something of all processes, what it is to be.
const TYPES: [(NameOf, &str); 7] = [
    (Keys::processes, "zset"),
    (Keys::lengths, "hash"),
    (Keys::tombs, "hash"),
    (Keys::tombs_until, "zset"),
    (Keys::epoch, "string"),
    (Keys::clocks, "hash"),
    (Keys::shards, "set"),
];

impl Inside {
    /// Looks at all of it.
    ///
    /// # Errors
    /// When Redis does not answer, or refuses. What single keys hold is no error: it is among the faults.
    pub fn read(link: &Link, keys: &Keys, deadline: Option<Instant>) -> Result<Inside, LinkError> {
        let mut inside = Inside::default();
        let names = inside.read_index(link, keys, deadline)?;
        inside.read_processes(link, keys, names, deadline)?;
        inside.faults.extend(eviction(link, deadline)?.map(|policy| Fault {
            sort: FaultSort::Eviction,
            key: "maxmemory-policy".to_owned(),
            offset: None,
            why: format!("{policy} throws keys away when memory is full"),
        }));
        Ok(inside)
    }

    /// The processes, and what is kept of the dead behind them.
    pub fn keepers(&self) -> impl Iterator<Item = &Keeper> {
        self.processes.iter().chain(&self.retired)
    }

    /// The names of all who are there.
    fn read_index(
        &mut self,
        link: &Link,
        keys: &Keys,
        deadline: Option<Instant>,
    ) -> Result<Vec<String>, LinkError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME").cmd("GET").arg(keys.epoch()).cmd("HLEN").arg(keys.tombs());
        pipeline.cmd("ZRANGE").arg(keys.processes()).arg(0).arg(-1);
        for (key, _) in TYPES {
            pipeline.cmd("TYPE").arg(key(keys)).cmd("PTTL").arg(key(keys));
        }
        let mut answers = link.run_each_by(&pipeline, deadline)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let (seconds, micros) = <(i64, i64)>::from_redis_value(next()).unwrap_or_default();
        self.now = seconds.saturating_mul(1_000).saturating_add(micros / 1_000);
        self.epoch = text(next());
        self.tombs = u64::from_redis_value(next()).unwrap_or_default();
        let names = next();
        for (key, wanted) in TYPES {
            let (found, ends) = (next(), next());
            let found = String::from_redis_value(found).unwrap_or_default();
            if !matches!(&*found, "" | "none") && found != wanted {
                self.fault(FaultSort::WrongType, key(keys), format!("it is a {found}, not a {wanted}"));
            }
            self.faults.extend(keeper::end_of_life(&key(keys), &ends));
        }
        let names = <Vec<Vec<u8>>>::from_redis_value(names).unwrap_or_default();
        let (mut known, mut foreign) = (Vec::new(), 0_usize);
        for name in names {
            match String::from_utf8(name) {
                Ok(name) => known.push(name),
                Err(_) => foreign += 1,
            }
        }
        if foreign > 0 {
            let why = format!("{foreign} of its members are not UTF-8: no store of ours is called so");
            self.fault(FaultSort::Member, keys.processes(), why);
        }
        known.sort_unstable();
        Ok(known)
    }

    /// What each of them has. Whoever was retired since is left out.
    fn read_processes(
        &mut self,
        link: &Link,
        keys: &Keys,
        names: Vec<String>,
        deadline: Option<Instant>,
    ) -> Result<(), LinkError> {
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        pipeline.cmd("ZRANGE").arg(keys.processes()).arg(0).arg(-1).arg("WITHSCORES");
        pipeline.cmd("HGETALL").arg(keys.lengths());
        let own = names.iter().map(|name| (keys.values(name), keys.schema(name)));
        let places: Vec<_> = own.chain([(keys.retired(), keys.retired_schema())]).collect();
        for (values, schema) in &places {
            pipeline.cmd("HGETALL").arg(values).cmd("GET").arg(schema);
            pipeline.cmd("PTTL").arg(values).cmd("PTTL").arg(schema);
        }
        let mut answers = link.run_each_by(&pipeline, deadline)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let heard: HashMap<String, String> = pairs(next()).collect();
        let lengths: HashMap<String, String> = pairs(next()).collect();
        let mut keepers = Vec::with_capacity(places.len());
        for (name, (values_key, schema_key)) in names.iter().map(Some).chain([None]).zip(places) {
            let found = keeper::Found {
                values: next(),
                schema: next(),
                ends: [next(), next()],
                heard: name.and_then(|name| heard.get(name)).and_then(|heard| heard.parse().ok()),
                length: name.map(|name| lengths.get(name).map(|length| length.parse().ok())),
            };
            let is_gone = name.is_some_and(|name| !heard.contains_key(name));
            let is_nobody = name.is_none() && found.is_empty();
            let place = keeper::Place { name: name.cloned().unwrap_or_default(), values_key, schema_key };
            if !is_gone && !is_nobody {
                keepers.push(Keeper::of(place, found, &mut self.faults));
            }
        }
        self.retired = keepers.pop_if(|last| last.name.is_empty());
        self.processes = keepers;
        Ok(())
    }

    fn fault(&mut self, sort: FaultSort, key: String, why: String) {
        self.faults.push(Fault { sort, key, offset: None, why });
    }
}

/// The shards of an application that have ever been used, with their numbers; none where there is nothing of it.
///
/// # Errors
/// When Redis does not answer, or is a cluster: see [`shards_told`].
pub fn shards(link: &Link, prefix: &str, deadline: Option<Instant>) -> Result<Vec<(usize, Keys)>, LinkError> {
    let keys = |shard| Some((shard, Keys::new(prefix, shard).ok()?));
    let all: Vec<(usize, Keys)> = (0..Keys::MOST_SHARDS).filter_map(keys).collect();
    let mut pipeline = Pipeline::new();
    for (_, keys) in &all {
        pipeline.cmd("EXISTS").arg(keys.epoch());
    }
    let there = link.run_each_by(&pipeline, deadline)?;
    let there = all.into_iter().zip(there).filter(|(_, there)| matches!(there, Value::Int(1)));
    Ok(there.map(|(shard, _)| shard).collect())
}

/// How many shards an application has by what its processes have said: one where they have said nothing. The way must
/// be [that](Link::for_key) of the first shard's keys.
///
/// # Errors
/// When Redis does not answer, or refuses.
pub fn shards_told(link: &Link, first: &Keys, deadline: Option<Instant>) -> Result<usize, LinkError> {
    let mut pipeline = Pipeline::new();
    pipeline.cmd("SMEMBERS").arg(first.shards());
    let told = link.run_by(&pipeline, deadline)?.pop().unwrap_or(Value::Nil);
    Ok(index::shards_told(told).0.max(1))
}

/// The policy by which the server may throw keys away that have no end of life, if it has one and says so.
fn eviction(link: &Link, deadline: Option<Instant>) -> Result<Option<String>, LinkError> {
    let mut pipeline = Pipeline::new();
    let told = link.run_each_by(pipeline.cmd("INFO").arg("memory"), deadline)?.into_iter().next();
    let told = told.map(String::from_redis_value).and_then(Result::ok).unwrap_or_default();
    let policy = told.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim);
    Ok(policy.filter(|policy| policy.starts_with("allkeys")).map(str::to_owned))
}

/// The bytes of a string.
fn text(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(text) => Some(text),
        _ => None,
    }
}

/// Each text with the one behind it; those that are not UTF-8 are left out.
fn pairs(value: Value) -> impl Iterator<Item = (String, String)> {
    let pairs = <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(value).unwrap_or_default();
    let text = |bytes| String::from_utf8(bytes).ok();
    pairs.into_iter().filter_map(move |(one, other)| Some((text(one)?, text(other)?)))
}
