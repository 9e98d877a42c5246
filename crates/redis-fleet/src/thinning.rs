//! What is kept of the dead is thinned out: gauges that have a line for each process do not pile up, and gauges of
//! processes that will not come back are merged.

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashSet};
use metrics_core::{Aggregation, Mode};
use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_link::{Link, LinkError, Script};
use redis_schema::{Keys, LabelSet, Schema, Seal, page, script, seal_sum};

use crate::fleet::Fleet;
use crate::kept::{Kept, base, speaker};
use crate::sealed::Found;

/// What becomes of gauges of mode `all` of dead processes: they have a line for each process, and cannot be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Of a family, those of so many dead processes are kept, the last to die. 256 where nothing is said.
    pub most: usize,
    /// For how long; for ever where nothing is said.
    pub age: Option<Duration>,
}

impl Default for Keeping {
    fn default() -> Keeping {
        Keeping { most: 256, age: None }
    }
}

/// Thins out what is kept of the dead in one place.
#[derive(Debug)]
pub(crate) struct Thinner {
    pub(crate) keeping: Keeping,
    script: Script,
    /// What version was looked at last, and when.
    looked: Option<(Vec<u8>, Instant)>,
}

/// So often it is looked whether somebody's gauges can be merged, or have become too old, where nobody has died.
const LOOKS_EVERY: Duration = Duration::from_secs(60);

impl Thinner {
    pub(crate) fn new(keeping: Keeping) -> Thinner {
        Thinner { keeping, script: Script::new(script::THIN), looked: None }
    }

    /// Thins out what the fleet has read, if there is something to do and nobody has changed it since: else the next time
    /// does.
    pub(crate) fn thin(&mut self, link: &Link, keys: &Keys, fleet: &Fleet) -> Result<(), LinkError> {
        let looked = self.looked.as_ref();
        if looked.is_some_and(|(version, at)| *version == fleet.version && at.elapsed() < LOOKS_EVERY) {
            return Ok(());
        }
        self.looked = Some((fleet.version.clone(), Instant::now()));
        if fleet.retired.schema.sets().iter().all(|set| set.process.is_empty()) {
            return Ok(());
        }
        let back = back(link, keys, fleet)?;
        let may_come_back = |process: &str| back.contains(speaker(process));
        let now = fleet.now as f64 / 1e3;
        let Some(content) = thinned(&fleet.retired, now, self.keeping, may_come_back) else { return Ok(()) };
        self.write(link, keys, &fleet.found, &content)?;
        Ok(())
    }

    /// Writes this in the place of what is kept of the dead, if they are as they were found: false where they are not.
    pub(crate) fn write(
        &self,
        link: &Link,
        keys: &Keys,
        found: &Found,
        content: &Content,
    ) -> Result<bool, LinkError> {
        let seal = Seal {
            version: RandomState::new().hash_one(&found.version).to_string(),
            hash: content.schema.hash(),
            sum: seal_sum(&content.values, &content.beside, content.dropped),
        };
        let mut arguments: Vec<Vec<u8>> = vec![
            found.version.clone(),
            found.seal.clone(),
            seal.to_string().into(),
            content.schema.bytes().to_vec(),
        ];
        arguments.extend(sealed(&seal, content.dropped));
        let pages = |numbers: &[f64], field: fn(usize) -> String| -> Vec<Vec<u8>> {
            let pages = numbers.chunks(page::LEN).enumerate();
            pages.flat_map(|(number, some)| [field(number).into_bytes(), page::write(some)]).collect()
        };
        arguments.extend(pages(&content.values, page::field));
        arguments.extend(pages(&content.beside, page::time_field));
        let keys = [keys.retired(), keys.retired_schema(), keys.retired_seal()];
        let told = link.script(&self.script, &keys, &arguments)?;
        Ok(matches!(i64::from_redis_value(told), Ok(1)))
    }
}

/// The fields of the retired that say what they must be, in their hash itself. All are always there: who counts them
/// notices a page that is not.
pub(crate) fn sealed(seal: &Seal, dropped: u64) -> [Vec<u8>; 8] {
    let Seal { version, hash, sum } = seal;
    [
        script::VERSION.into(),
        version.clone().into(),
        script::HASH.into(),
        hash.to_string().into(),
        script::SUM.into(),
        sum.to_string().into(),
        script::DROPPED.into(),
        dropped.to_string().into(),
    ]
}

/// Who is there, and who may come back: those that have a tomb.
fn back(link: &Link, keys: &Keys, fleet: &Fleet) -> Result<HashSet<String>, LinkError> {
    let mut pipeline = Pipeline::new();
    pipeline.cmd("ZRANGEBYSCORE").arg(keys.tombs_until()).arg(fleet.now).arg("+inf");
    let names = link.run(&pipeline)?.into_iter().next().unwrap_or(Value::Nil);
    let names = <Vec<Vec<u8>>>::from_redis_value(names).unwrap_or_default();
    let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
    let there = fleet.processes.iter().map(|kept| kept.base().to_owned());
    Ok(names.map(|name| base(&name).to_owned()).chain(there).collect())
}

/// What is to be kept of the dead, whatever was.
#[derive(Debug, Default)]
pub(crate) struct Content {
    schema: Schema,
    values: Vec<f64>,
    beside: Vec<f64>,
    /// How many label sets were dropped, not merged, ever.
    dropped: u64,
}

impl Content {
    /// What was read of them: label sets whose numbers are all there.
    pub(crate) fn of(kept: &Kept) -> Content {
        let mut content = Content { dropped: kept.dropped, ..Content::default() };
        for set in kept.schema.sets().iter().filter(|set| set.numbers.end <= kept.values.len()) {
            let values: Vec<&str> = set.values.iter().map(|value| &**value).collect();
            content.schema.push(&set.desc, &set.process, &values);
            for (value, beside) in set.numbers.clone().filter_map(|number| kept.number(number)) {
                content.values.push(value);
                content.beside.push(beside);
            }
        }
        content
    }
}

/// A family by name, and label values.
type Place<'a> = (&'a str, &'a [Box<str>]);

/// What is left, where something is to be dropped or merged; `now` is in seconds.
fn thinned(kept: &Kept, now: f64, keeping: Keeping, may_come_back: impl Fn(&str) -> bool) -> Option<Content> {
    let whole = kept.schema.sets().iter().filter(|set| set.numbers.end <= kept.values.len());
    // A gauge that has gone is shown nowhere, and must not win against one that has not.
    let has_gone =
        |set: &&LabelSet| kept.values.get(set.numbers.start).is_some_and(|&value| page::is_gone(value));
    let (gone, sets): (Vec<&LabelSet>, Vec<&LabelSet>) = whole.partition(has_gone);
    let dropped = dropped(kept, &sets, now, keeping);
    let mut thinned = Content { dropped: kept.dropped, ..Content::default() };
    let mut merged = 0;
    // The first number of what was merged.
    let mut places: HashMap<Place<'_>, (&LabelSet, usize)> = HashMap::default();
    for (at, set) in sets.iter().enumerate() {
        if dropped.contains(&at) {
            thinned.dropped += 1;
            continue;
        }
        let merges = !set.process.is_empty() && is_merged(set) && !may_come_back(&set.process);
        merged += usize::from(merges);
        let process = if merges { "" } else { &*set.process };
        let place = (set.desc.name(), &*set.values);
        if process.is_empty()
            && is_merged(set)
            && let Some(&(known, first)) = places.get(&place)
            && known.desc == set.desc
            && let Some((value, beside)) = kept.number(set.numbers.start)
        {
            merge(set.desc.aggregation(), &mut thinned, first, value, beside);
            continue;
        }
        let values: Vec<&str> = set.values.iter().map(|value| &**value).collect();
        let numbers = thinned.schema.push(&set.desc, process, &values);
        if process.is_empty() && is_merged(set) {
            places.entry(place).or_insert((set, numbers.start));
        }
        for (value, beside) in set.numbers.clone().filter_map(|number| kept.number(number)) {
            thinned.values.push(value);
            thinned.beside.push(beside);
        }
    }
    (thinned.dropped > kept.dropped || merged > 0 || !gone.is_empty()).then_some(thinned)
}

/// Whether several processes' numbers of it become one, and not by adding up.
fn is_merged(set: &LabelSet) -> bool {
    matches!(set.desc.aggregation().mode, Mode::Min | Mode::Max | Mode::MostRecent)
}

/// As a page merges them: what is not less, or greater, or later, changes nothing.
fn merge(how: Aggregation, thinned: &mut Content, at: usize, value: f64, beside: f64) {
    let (known, time) = (thinned.values[at], thinned.beside[at]);
    let takes = match how.mode {
        Mode::Min => value < known,
        Mode::Max => value > known,
        _ => beside > time,
    };
    if takes {
        (thinned.values[at], thinned.beside[at]) = (value, beside);
    }
}

/// Which label sets are dropped: of mode `all`, of who has been dead for too long, or before so many others.
fn dropped(kept: &Kept, sets: &[&LabelSet], now: f64, keeping: Keeping) -> HashSet<usize> {
    // By family and process, when that one died.
    let mut families: HashMap<&str, HashMap<&str, f64>> = HashMap::default();
    let all = || sets.iter().enumerate().filter(|(_, set)| set.desc.aggregation().mode == Mode::All);
    for (_, set) in all() {
        let died = kept.number(set.numbers.start).map_or(0.0, |(_, died)| died);
        let known = families.entry(set.desc.name()).or_default().entry(&set.process).or_insert(died);
        *known = known.max(died);
    }
    let mut stays: HashSet<(&str, &str)> = HashSet::default();
    for (family, processes) in families {
        let mut processes: Vec<(&str, f64)> = processes.into_iter().collect();
        // The last to die first; a clock that is not to be trusted makes nobody younger than now.
        processes.sort_by(|(one, a), (other, b)| b.total_cmp(a).then(one.cmp(other)));
        let young = |died: f64| keeping.age.is_none_or(|age| now - died <= age.as_secs_f64());
        let kept = processes.into_iter().take(keeping.most).filter(|(_, died)| young(*died));
        stays.extend(kept.map(|(process, _)| (family, process)));
    }
    all().filter(|(_, set)| !stays.contains(&(set.desc.name(), &*set.process))).map(|(at, _)| at).collect()
}
