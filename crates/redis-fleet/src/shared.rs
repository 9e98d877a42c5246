//! The numbers that processes share: those of nobody, added up by Redis.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use metrics_core::Desc;
use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_schema::{Keys, LabelSet, shared};

use crate::kept::{Bad, Kept, refusal};

/// The numbers that processes share. Kept from one reading to the next: what a field means is read once.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// As of a process without a name.
    pub(crate) kept: Kept,
    /// By their identifiers.
    families: HashMap<String, Family>,
    /// Of the families that are there now.
    identifiers: Vec<String>,
    /// Which of the numbers were there, last time.
    there: Vec<bool>,
}

#[derive(Debug)]
struct Family {
    description: Vec<u8>,
    desc: Result<Arc<Desc>, String>,
    /// Which number each field has.
    places: HashMap<Vec<u8>, usize>,
    /// The first number of each label set.
    sets: HashMap<Box<[Box<str>]>, usize>,
}

/// So many numbers may be known that are there no more, before all are forgotten.
const MOST_GONE: usize = 10_000;

impl Shared {
    /// Takes which families there are: identifiers and descriptions.
    pub(crate) fn index(&mut self, told: Vec<(Vec<u8>, Vec<u8>)>) {
        self.identifiers.clear();
        for (identifier, description) in told {
            // Those that are no UTF-8 are none of ours.
            let Ok(identifier) = String::from_utf8(identifier) else { continue };
            let known = self.families.get(&identifier);
            if known.is_none_or(|known| known.description != description) {
                let desc = shared::described(&description).map(Arc::new);
                let family =
                    Family { description, desc, places: HashMap::default(), sets: HashMap::default() };
                self.families.insert(identifier.clone(), family);
            }
            self.identifiers.push(identifier);
        }
        self.identifiers.sort_unstable();
    }

    /// Asks for the numbers of all families.
    pub(crate) fn ask(&self, pipeline: &mut Pipeline, keys: &Keys) {
        for identifier in &self.identifiers {
            pipeline.cmd("HGETALL").arg(keys.shared_values(identifier));
        }
    }

    /// Takes the answers, in the same order. What cannot be read is left out, and named.
    pub(crate) fn take(&mut self, keys: &Keys, mut next: impl FnMut() -> Value, bad: &mut Vec<Bad>) {
        let Shared { kept, families, identifiers, there } = self;
        kept.values.fill(0.0);
        there.fill(false);
        for identifier in identifiers {
            let told = next();
            let Some(family) = families.get_mut(identifier) else { continue };
            let key = || keys.shared_values(identifier);
            let desc = match &family.desc {
                Ok(desc) => Arc::clone(desc),
                Err(why) => {
                    let key = format!("{} {identifier}", keys.shared_families());
                    bad.push(Bad::new(&key, why.clone()));
                    continue;
                }
            };
            bad.extend(refusal(&key(), &told));
            let mut first_bad = None;
            let mut fields = <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(told).unwrap_or_default();
            // Redis has no order of its own that stays.
            fields.sort_unstable();
            for (field, value) in fields {
                let read = match shared::value(&value) {
                    Some(value) => place(family, &desc, kept, &field).map(|place| (place, value)),
                    None => Err("its value is no number"),
                };
                match read {
                    Ok((place, value)) => {
                        there.resize(kept.values.len(), false);
                        (kept.values[place], there[place]) = (value, true);
                    }
                    Err(why) => first_bad = first_bad.or(Some((field, why))),
                }
            }
            if let Some((field, why)) = first_bad {
                let why = format!("field {:?}: {why}", String::from_utf8_lossy(&field));
                bad.push(Bad::new(&key(), why));
            }
        }
    }

    /// The label sets that are there.
    pub(crate) fn sets(&self) -> impl Iterator<Item = &LabelSet> {
        let is_there =
            |set: &&LabelSet| self.there.get(set.numbers.clone()).is_some_and(|there| there.contains(&true));
        self.kept.schema.sets().iter().filter(is_there)
    }

    /// Whether something that is known is there no more, so that all is better forgotten: of families whether any lacks
    /// in this index, of numbers whether many lacked last time.
    pub(crate) fn is_stale(&self, told: &[(Vec<u8>, Vec<u8>)]) -> bool {
        let gone = self.there.iter().filter(|there| !**there).count();
        let there: HashSet<&[u8]> = told.iter().map(|(identifier, _)| &identifier[..]).collect();
        !self.families.keys().all(|identifier| there.contains(identifier.as_bytes()))
            || gone > self.there.len() / 2 + MOST_GONE
    }
}

/// The number that a field has; of a label set that was not seen before, a new one.
fn place(
    family: &mut Family,
    desc: &Arc<Desc>,
    kept: &mut Kept,
    field: &[u8],
) -> Result<usize, &'static str> {
    if let Some(place) = family.places.get(field) {
        return Ok(*place);
    }
    let (number, values) = shared::number_of(field, desc)?;
    let first = match family.sets.get(&values) {
        Some(first) => *first,
        None => {
            let texts: Vec<&str> = values.iter().map(|value| &**value).collect();
            let numbers = kept.schema.push(desc, "", &texts);
            // A number of it that is not there is 0.
            kept.values.resize(numbers.end, 0.0);
            family.sets.insert(values, numbers.start);
            numbers.start
        }
    };
    family.places.insert(field.to_vec(), first + number);
    Ok(first + number)
}
