//! A look inside: what each process keeps in Redis, as it stands there, and what is wrong with it.

mod fault;
mod keeper;
mod refusal;
mod shared;

use std::time::Instant;

use foldhash::HashMap;
use metrics_core::Desc;
use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_link::{Address, Link, LinkError, Place, Timeouts};
use redis_schema::Keys;

use crate::index;

pub use fault::{Fault, FaultSort};
pub use keeper::{Keeper, Number};
pub use refusal::Refusal;
pub use shared::{SharedFamily, SharedNumber};

/// What one application, or one shard of it, keeps in Redis, as of one moment: for people, who want to see what
/// [`FleetSource`](crate::FleetSource) passes over in silence.
///
/// Reads all of it, in three round trips, and writes nothing.
#[derive(Debug, Default)]
pub struct Inside {
    /// Milliseconds since 1970 by the clock of Redis; none where it was refused.
    pub now: Option<i64>,
    /// What was made up when the database was empty; none where nobody has ever kept anything there.
    pub epoch: Option<Vec<u8>>,
    /// In the order of their names.
    pub processes: Vec<Keeper>,
    /// What is kept of the dead; none where nobody is dead.
    pub retired: Option<Keeper>,
    /// The numbers that processes share, family by family.
    pub shared: Vec<SharedFamily>,
    /// How many of the dead are remembered by name; none where that was refused.
    pub tombs: Option<u64>,
    /// What is wrong, in the order of the keys above.
    pub faults: Vec<Fault>,
    /// What who looks may not ask, each command once.
    pub refused: Vec<Refusal>,
}

/// A family of shared numbers, by its identifier.
type Family = (String, Desc);

/// How a key is called.
type NameOf = fn(&Keys) -> String;

/// Of each key that says something of all processes, what it is to be.
const TYPES: [(NameOf, &str); 11] = [
    (Keys::processes, "zset"),
    (Keys::lengths, "hash"),
    (Keys::tombs, "hash"),
    (Keys::tombs_until, "zset"),
    (Keys::epoch, "string"),
    (Keys::clocks, "hash"),
    (Keys::shards, "set"),
    (Keys::retired_seal, "string"),
    (Keys::shared_families, "hash"),
    (Keys::shared_sequences, "hash"),
    (Keys::shared_until, "zset"),
];

impl Inside {
    /// Looks at all of it.
    ///
    /// # Errors
    /// When Redis does not answer, or refuses what the numbers stand in. What single keys hold is no error, it is among
    /// the faults; nor is what one can do without, which is among the [refused](Inside::refused).
    pub fn read(link: &Link, keys: &Keys, deadline: Option<Instant>) -> Result<Inside, LinkError> {
        let mut inside = Inside::default();
        let (names, families) = inside.read_index(link, keys, deadline)?;
        inside.read_processes(link, keys, names, families, deadline)?;
        let mut pipeline = Pipeline::new();
        let told = link.run_each_by(pipeline.cmd("INFO").arg("memory"), deadline)?.into_iter().next();
        let told = inside.heed("INFO", told.unwrap_or(Value::Nil));
        inside.faults.extend(eviction(told).map(|policy| Fault {
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

    /// The names of all who are there, and the families of shared numbers.
    fn read_index(
        &mut self,
        link: &Link,
        keys: &Keys,
        deadline: Option<Instant>,
    ) -> Result<(Vec<String>, Vec<Family>), LinkError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME").cmd("GET").arg(keys.epoch()).cmd("HLEN").arg(keys.tombs());
        pipeline.cmd("ZRANGE").arg(keys.processes()).arg(0).arg(-1);
        pipeline.cmd("HGETALL").arg(keys.shared_families());
        for (key, _) in TYPES {
            pipeline.cmd("TYPE").arg(key(keys)).cmd("PTTL").arg(key(keys));
        }
        let mut answers = link.run_each_by(&pipeline, deadline)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let now = <(i64, i64)>::from_redis_value(self.heed("TIME", next())).ok();
        self.now = now.map(|(seconds, micros)| seconds.saturating_mul(1_000).saturating_add(micros / 1_000));
        self.epoch = text(self.heed("GET", next()));
        self.tombs = u64::from_redis_value(self.heed("HLEN", next())).ok();
        let (names, families) = (self.heed("ZRANGE", next()), self.heed("HGETALL", next()));
        for (key, wanted) in TYPES {
            let (found, ends) = (self.heed("TYPE", next()), self.heed("PTTL", next()));
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
        Ok((known, self.families(families, keys)))
    }

    /// The families that can be read; what is wrong with the others is said.
    fn families(&mut self, told: Value, keys: &Keys) -> Vec<Family> {
        let mut told = <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(told).unwrap_or_default();
        told.sort_unstable();
        let mut families = Vec::new();
        for (identifier, description) in told {
            let name = String::from_utf8_lossy(&identifier).into_owned();
            match redis_schema::shared::described(&description) {
                Ok(desc) => families.push((name, desc)),
                Err(why) => self.fault(FaultSort::Schema, keys.shared_families(), format!("{name:?}: {why}")),
            }
        }
        families
    }

    /// What each of them has. Whoever was retired since is left out.
    fn read_processes(
        &mut self,
        link: &Link,
        keys: &Keys,
        names: Vec<String>,
        families: Vec<Family>,
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
        pipeline.cmd("GET").arg(keys.retired_seal());
        for (identifier, _) in &families {
            let key = keys.shared_values(identifier);
            pipeline.cmd("HGETALL").arg(&key).cmd("PTTL").arg(&key);
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
        let seal = next();
        match &self.retired {
            Some(retired) => retired.check_seal(&keys.retired_seal(), &seal, &mut self.faults),
            None if matches!(seal, Value::BulkString(_)) => {
                self.fault(FaultSort::Seal, keys.retired(), "it is not there, and its seal is".to_owned());
            }
            None => {}
        }
        for (identifier, desc) in families {
            let key = keys.shared_values(&identifier);
            let (found, ends) = (next(), next());
            self.faults.extend(keeper::end_of_life(&key, &ends));
            self.shared.push(SharedFamily::of(desc, key, found, &mut self.faults));
        }
        Ok(())
    }

    /// The answer to this command, of which note is taken if it was refused.
    fn heed(&mut self, command: &str, answer: Value) -> Value {
        if let Some(refusal) = Refusal::of(command, &answer)
            && self.refused.iter().all(|known| known.command != command)
        {
            self.refused.push(refusal);
        }
        answer
    }

    fn fault(&mut self, sort: FaultSort, key: String, why: String) {
        self.faults.push(Fault { sort, key, offset: None, why });
    }
}

/// The shards of an application that have ever been used, with their numbers and the way to each; none
/// where there is nothing of it. On a cluster those of which the first one says that they are there.
///
/// # Errors
/// When Redis does not answer, or refuses to.
pub fn shards(
    address: &Address,
    timeouts: Timeouts,
    prefix: &str,
    deadline: Option<Instant>,
) -> Result<Vec<(usize, Keys, Link)>, LinkError> {
    let way = |keys: &Keys| Link::new(address.clone(), timeouts).for_key(keys.tag());
    let all: Vec<(usize, Keys)> =
        (0..Keys::MOST_SHARDS).filter_map(|shard| Some((shard, Keys::new(prefix, shard).ok()?))).collect();
    let Some((_, first)) = all.first() else { return Ok(Vec::new()) };
    let first_way = way(first);
    if !matches!(address.place, Place::Cluster { .. }) {
        let there = are_there(&first_way, &all, deadline)?;
        let there = all.into_iter().zip(there).filter(|(_, there)| *there);
        return Ok(there.map(|((shard, keys), _)| (shard, keys.clone(), way(&keys))).collect());
    }
    let mut pipeline = Pipeline::new();
    let told = match first_way.run_by(pipeline.cmd("SMEMBERS").arg(first.shards()), deadline) {
        Ok(told) => told.into_iter().next().unwrap_or(Value::Nil),
        // Somebody else's: that is found where its type is looked at.
        Err(error) if error.code() == Some("WRONGTYPE") => Value::Nil,
        Err(error) => return Err(error),
    };
    let count = index::shards_told(told).0.max(1);
    let mut found = Vec::new();
    for (shard, keys) in all.into_iter().take(count) {
        let way = way(&keys);
        if are_there(&way, &[(shard, keys.clone())], deadline)?.contains(&true) {
            found.push((shard, keys, way));
        }
    }
    Ok(found)
}

/// Whether anything of each is there.
fn are_there(link: &Link, all: &[(usize, Keys)], deadline: Option<Instant>) -> Result<Vec<bool>, LinkError> {
    let mut pipeline = Pipeline::new();
    for (_, keys) in all {
        // Any of them may be lost.
        pipeline
            .cmd("EXISTS")
            .arg(keys.epoch())
            .arg(keys.processes())
            .arg(keys.retired())
            .arg(keys.retired_seal());
    }
    let there = link.run_by(&pipeline, deadline)?;
    Ok(there.iter().map(|there| matches!(there, Value::Int(1..))).collect())
}

/// The policy by which the server may throw keys away that have no end of life, if it has one, by its `INFO`.
fn eviction(info: Value) -> Option<String> {
    let info = String::from_redis_value(info).ok()?;
    let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim);
    policy.filter(|policy| policy.starts_with("allkeys")).map(str::to_owned)
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
