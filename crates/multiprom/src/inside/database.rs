//! What a database holds, for people, whoever writes it.

use std::collections::HashMap;
use std::time::Duration;

use collector::Ask;
use metrics_core::{Aggregation, Kind};
use redis_fleet::{Keeper, Refusal, SharedFamily, shards};
use redis_link::{Link, Timeouts};
use redis_schema::Keys;

use crate::database_argument::{Database, Writer};

/// What a database holds, and where it is.
pub(crate) struct Held {
    /// Its address, without a password.
    pub(crate) address: String,
    pub(crate) content: Content,
}

/// What a database holds.
pub(crate) enum Content {
    /// What stores of our own keep, shard by shard.
    Ours(Vec<Shard>),
    /// What another client keeps.
    Theirs(redis_source::Inside),
}

/// One shard of what stores of our own keep.
pub(crate) struct Shard {
    pub(crate) number: usize,
    pub(crate) keys: Keys,
    pub(crate) inside: redis_fleet::Inside,
}

/// One number of a database.
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) field: Option<Vec<u8>>,
    pub(crate) family: &'a str,
    pub(crate) help: &'a str,
    pub(crate) kind: Kind,
    /// How it is merged, where that is not told by the kind.
    pub(crate) mode: Option<Aggregation>,
    /// Whose it is, where each process has its own.
    pub(crate) process: Option<&'a str>,
    pub(crate) sample: &'a str,
    pub(crate) labels: Vec<(&'a str, &'a [u8])>,
    /// None where its page is too short, or it is gone.
    pub(crate) value: Option<f64>,
    /// Whether it was there and is no more.
    pub(crate) is_gone: bool,
    /// What rounding has left of it.
    pub(crate) rest: f64,
    pub(crate) time: Option<f64>,
    pub(crate) left: Option<Duration>,
    /// Whether pages have it.
    pub(crate) counts: bool,
}

/// Somebody looks: longer than a scrape may take.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(2), answer: Duration::from_secs(10) };

impl Held {
    /// Reads all of it. Where it is not said who writes the database, whoever is found there.
    ///
    /// # Errors
    /// When it cannot be read, or holds nothing of anybody.
    pub(crate) fn read(database: &Database) -> anyhow::Result<Held> {
        let address = database.foreign.address.to_string();
        if database.writer != Writer::Other {
            let place = &database.foreign.address;
            let mut used = shards(place, TIMEOUTS, database.prefix(), None)?;
            if used.is_empty() && database.writer == Writer::Multiprom {
                let keys = Keys::new(database.prefix(), 0)?;
                let link = Link::new(place.clone(), TIMEOUTS).for_key(keys.tag());
                used.push((0, keys, link));
            }
            if !used.is_empty() {
                let read = |(number, keys, link): (usize, Keys, Link)| {
                    let inside = redis_fleet::Inside::read(&link, &keys, None)?;
                    anyhow::Ok(Shard { number, keys, inside })
                };
                let shards = used.into_iter().map(read).collect::<anyhow::Result<_>>()?;
                return Ok(Held { address, content: Content::Ours(shards) });
            }
        }
        let inside = redis_source::Inside::read(database.foreign.clone(), &Ask::default())?;
        Ok(Held { address, content: Content::Theirs(inside) })
    }

    /// The word for who writes it.
    pub(crate) fn schema(&self) -> &'static str {
        match &self.content {
            Content::Ours(_) => "multiprom",
            Content::Theirs(inside) => inside.schema.as_str(),
        }
    }

    /// How many things are wrong with it.
    pub(crate) fn faults(&self) -> usize {
        match &self.content {
            Content::Ours(shards) => shards.iter().map(|shard| shard.inside.faults.len()).sum(),
            Content::Theirs(inside) => inside.faults.len(),
        }
    }

    /// What who looks may not ask, each command once.
    pub(crate) fn refused(&self) -> Vec<&Refusal> {
        let Content::Ours(shards) = &self.content else { return Vec::new() };
        let mut refused: Vec<&Refusal> = shards.iter().flat_map(|shard| &shard.inside.refused).collect();
        // Those of one shard are mostly those of all.
        refused.sort_by_key(|refusal| refusal.command);
        refused.dedup_by_key(|refusal| refusal.command);
        refused
    }

    /// Whether there is nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.content {
            Content::Ours(shards) => {
                let is_empty = |inside: &redis_fleet::Inside| {
                    inside.keepers().next().is_none() && inside.shared.is_empty()
                };
                shards.iter().all(|shard| is_empty(&shard.inside))
            }
            Content::Theirs(inside) => inside.numbers.is_empty(),
        }
    }

    /// Hands out every number.
    pub(crate) fn each_number(
        &self,
        mut met: impl FnMut(&Entry<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match &self.content {
            Content::Ours(shards) => shards.iter().try_for_each(|shard| {
                shard.inside.keepers().try_for_each(|keeper| each_of_ours(keeper, &mut met))?;
                shard.inside.shared.iter().try_for_each(|family| each_shared(family, &mut met))
            }),
            Content::Theirs(inside) => inside.numbers.iter().try_for_each(|number| met(&theirs(number))),
        }
    }
}

/// How gauges of several processes are merged; nothing of what is only added up.
pub(crate) fn mode_of(kind: Kind, aggregation: Aggregation) -> Option<Aggregation> {
    (kind == Kind::Gauge || aggregation != Aggregation::SUM).then_some(aggregation)
}

fn each_of_ours(
    keeper: &Keeper,
    met: &mut impl FnMut(&Entry<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for number in keeper.numbers() {
        let desc = &number.set.desc;
        let labels = desc.labels().iter().zip(&number.set.values);
        let le = number.le.as_deref().map(|le| ("le", le.as_bytes()));
        let (page, at) = &number.place;
        let whose = if keeper.name.is_empty() { &*number.set.process } else { &*keeper.name };
        met(&Entry {
            key: keeper.key.as_bytes(),
            field: Some(format!("{page}[{at}]").into_bytes()),
            family: desc.name(),
            help: desc.help(),
            kind: desc.kind(),
            mode: mode_of(desc.kind(), desc.aggregation()),
            process: Some(whose).filter(|whose| !whose.is_empty()),
            sample: &number.sample,
            labels: labels.map(|(name, value)| (&**name, value.as_bytes())).chain(le).collect(),
            value: number.value,
            is_gone: number.is_gone,
            rest: number.rest,
            time: number.time,
            left: None,
            counts: number.value.is_some(),
        })?;
    }
    Ok(())
}

fn each_shared(
    family: &SharedFamily,
    met: &mut impl FnMut(&Entry<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let desc = &family.desc;
    for number in &family.numbers {
        let labels = desc.labels().iter().zip(&number.labels);
        let le = number.le.as_deref().map(|le| ("le", le.as_bytes()));
        met(&Entry {
            key: family.key.as_bytes(),
            field: Some(number.field.clone().into_bytes()),
            family: desc.name(),
            help: desc.help(),
            kind: desc.kind(),
            mode: mode_of(desc.kind(), desc.aggregation()),
            process: None,
            sample: &number.sample,
            labels: labels.map(|(name, value)| (&**name, value.as_bytes())).chain(le).collect(),
            value: Some(number.value),
            is_gone: false,
            rest: 0.0,
            time: None,
            left: None,
            counts: true,
        })?;
    }
    Ok(())
}

fn theirs(number: &redis_source::Number) -> Entry<'_> {
    let statement = &number.statement;
    Entry {
        key: &number.key,
        field: number.field.clone(),
        family: &statement.name,
        help: &statement.help,
        kind: statement.kind,
        // Numbers that all processes share are merged by nobody.
        mode: number.process.as_ref().and_then(|_| mode_of(statement.kind, statement.aggregation)),
        process: number.process.as_deref(),
        sample: &number.sample,
        labels: number.labels.iter().map(|label| (&*label.name, &*label.value)).collect(),
        value: Some(number.value),
        is_gone: false,
        rest: 0.0,
        time: number.time,
        left: number.left,
        counts: number.counts,
    }
}

/// By key, what is wrong there first, and how many things are.
pub(crate) fn faults_by_key(shard: &Shard) -> HashMap<&str, (&redis_fleet::Fault, usize)> {
    let mut by_key: HashMap<&str, (&redis_fleet::Fault, usize)> = HashMap::new();
    for fault in &shard.inside.faults {
        by_key.entry(&fault.key).and_modify(|(_, count)| *count += 1).or_insert((fault, 1));
    }
    by_key
}
