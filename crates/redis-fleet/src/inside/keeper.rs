//! What one process keeps, or what is kept of the dead, as it stands in Redis.

use std::time::Duration;

use metrics_core::{Aggregation, Kind};
use redis_link::redis::{FromRedisValue, Value};
use redis_schema::{LabelSet, Schema, SchemaError, Seal, page, script, seal_sum};

use super::{Fault, FaultSort, text};
use crate::source::samples;

/// What one process keeps, or what is kept of the dead, as it stands in Redis.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    /// The process; empty where these are the dead.
    pub name: String,
    /// The key of its numbers.
    pub key: String,
    /// When it was last heard of, in milliseconds since 1970 by the clock of Redis.
    pub heard: Option<f64>,
    /// Whether it has said that it sends no more.
    pub ended: bool,
    /// The number of its last frame.
    pub sequence: Option<u64>,
    /// What it says of itself: JSON, if it is one of ours.
    pub about: Option<Vec<u8>>,
    /// How much room schema and pages take, in bytes.
    pub bytes: usize,
    /// What its numbers are, as far as that can be read.
    pub schema: Schema,
    /// Its numbers, as far as pages have them.
    values: Vec<f64>,
    /// When they were set, or what rounding has left of them; as many, or none at all.
    beside: Vec<f64>,
    /// How many numbers a page has; none where it has not said so.
    page: Option<usize>,
    /// Of the dead: what they say of themselves.
    sealed: Sealed,
}

/// What the hash of the dead says of them.
#[derive(Clone, Debug, Default)]
struct Sealed {
    version: Vec<u8>,
    hash: Option<Vec<u8>>,
    sum: Option<Vec<u8>>,
    dropped: u64,
}

/// One number of a label set.
#[derive(Clone, Debug, PartialEq)]
pub struct Number<'a> {
    /// The label set.
    pub set: &'a LabelSet,
    /// The name of its sample.
    pub sample: String,
    /// The bound, where it is a bucket.
    pub le: Option<String>,
    /// Its field of the hash, and which one of that page it is.
    pub place: (String, usize),
    /// What it is; none where no page has it, or it is gone.
    pub value: Option<f64>,
    /// Whether it was there and is no more, as a gauge of a worker that has ended, for whom an exporter speaks. Pages leave
    /// it out.
    pub is_gone: bool,
    /// When it was set: seconds since 1970 by the clock of Redis. None where that does not matter. Of a gauge of mode `all`
    /// of the dead: when its process died.
    pub time: Option<f64>,
    /// What rounding has left of a sum of the dead.
    pub rest: f64,
}

/// Where it stands.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) values_key: String,
    pub(super) schema_key: String,
}

/// What was found there.
pub(super) struct Found {
    pub(super) values: Value,
    pub(super) schema: Value,
    /// How many milliseconds the two keys have left.
    pub(super) ends: [Value; 2],
    pub(super) heard: Option<f64>,
    /// Of a process how long its schema is said to be: none where it is not said, and then none where that is no
    /// number.
    pub(super) length: Option<Option<Option<usize>>>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        let no_fields = match &self.values {
            Value::Array(fields) => fields.is_empty(),
            Value::Nil => true,
            _ => false,
        };
        no_fields && matches!(self.schema, Value::Nil)
    }
}

impl Keeper {
    /// Takes what was found, and says what is wrong with it.
    pub(super) fn of(place: Place, found: Found, faults: &mut Vec<Fault>) -> Keeper {
        let Place { name, values_key, schema_key } = place;
        let mut told = Faults { key: schema_key, all: faults };
        let mut keeper = Keeper { name, heard: found.heard, ..Keeper::default() };
        let schema = match found.schema {
            Value::ServerError(error) => {
                told.add(FaultSort::WrongType, error.to_string());
                Vec::new()
            }
            schema => text(schema).unwrap_or_default(),
        };
        if let Err(SchemaError { offset, reason }) = keeper.schema.extend(&schema) {
            told.all.push(Fault {
                sort: FaultSort::Schema,
                key: told.key.clone(),
                offset: Some(offset),
                why: reason,
            });
        }
        if let Some(length) = found.length {
            match length {
                // It has sent no number yet.
                None if schema.is_empty() => {}
                None => told.add(FaultSort::SchemaDiffers, "how long it is stands nowhere".to_owned()),
                Some(None) => told.add(FaultSort::SchemaDiffers, "its length is no number".to_owned()),
                Some(Some(length)) if length != schema.len() => {
                    let why = format!("it has {} bytes, and is said to have {length}", schema.len());
                    told.add(FaultSort::SchemaDiffers, why);
                }
                Some(Some(_)) => {}
            }
        }
        told.all.extend(end_of_life(&told.key, &found.ends[1]));
        keeper.bytes = schema.len();

        told.key = values_key;
        keeper.take(found.values, &mut told);
        if let Some(hash) = &keeper.sealed.hash
            && keeper.schema.bytes().len() == schema.len()
            && *hash != keeper.schema.hash().to_string().into_bytes()
        {
            let why =
                "its #hash is not that of the schema beside it: the server has lost a change of one of them";
            told.add(FaultSort::SchemaDiffers, why.to_owned());
        }
        told.all.extend(end_of_life(&told.key, &found.ends[0]));
        keeper.check_numbers(&mut told);
        keeper.key = told.key;
        keeper
    }

    /// Takes a hash of pages, as pages are made of it.
    fn take(&mut self, hash: Value, told: &mut Faults<'_>) {
        let fields = match hash {
            Value::ServerError(error) => {
                told.add(FaultSort::WrongType, error.to_string());
                return;
            }
            hash => <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(hash).unwrap_or_default(),
        };
        if fields.is_empty() {
            let listed =
                if self.name.is_empty() { "the schema beside it is" } else { "its process is listed" };
            told.add(FaultSort::Missing, format!("it is not there, and {listed}"));
            return;
        }
        let (mut values, mut beside) = (Vec::new(), Vec::new());
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
        for (field, value) in fields {
            match (page::of_field(&field), &field[..]) {
                (Some((number, of_times)), _) => {
                    self.bytes += value.len();
                    let pages = if of_times { &mut beside } else { &mut values };
                    pages.push((number, value));
                }
                (None, b"#seq") => self.sequence = number(&value),
                (None, b"#page") => self.page = Some(page::len(&value)),
                (None, b"#version") => self.sealed.version = value,
                (None, b"#sum") => self.sealed.sum = Some(value),
                (None, b"#dropped") => self.sealed.dropped = number(&value).unwrap_or_default(),
                (None, b"#ended") => self.ended = true,
                (None, b"#about") => self.about = Some(value),
                (None, b"#hash") => self.sealed.hash = Some(value),
                (None, _) => {}
            }
        }
        if self.sequence.is_none() && !self.name.is_empty() {
            let why = format!("its {} is not there, or no number", script::SEQUENCE);
            told.add(FaultSort::Sequence, why);
        }
        values.sort_unstable();
        beside.sort_unstable();
        let len = self.page_len();
        for (number, value) in &values {
            told.check_page(&page::field(*number), value, len);
            if number.checked_mul(len) == Some(self.values.len()) {
                self.values.extend(page::read(value).iter().take(len));
            } else {
                let why =
                    format!("{} counts nowhere: a page before it lacks or is short", page::field(*number));
                told.add(FaultSort::Page, why);
            }
        }
        self.beside.resize(if beside.is_empty() { 0 } else { self.values.len() }, 0.0);
        for (number, value) in &beside {
            told.check_page(&page::time_field(*number), value, len);
            let place = self.beside.get_mut(number.saturating_mul(len)..).unwrap_or_default();
            place
                .iter_mut()
                .zip(page::read(value).into_iter().take(len))
                .for_each(|(place, number)| *place = number);
        }
    }

    fn page_len(&self) -> usize {
        self.page.unwrap_or(page::LEN)
    }

    /// What is wrong with the dead, by the key that says what they must be.
    pub(super) fn check_seal(&self, seal_key: &str, seal: &Value, faults: &mut Vec<Fault>) {
        let mut fault = |key: &str, why: &str| {
            faults.push(Fault {
                sort: FaultSort::Seal,
                key: key.to_owned(),
                offset: None,
                why: why.to_owned(),
            });
        };
        let text = match seal {
            Value::BulkString(text) => text,
            // Written by nobody of ours, or before there were seals.
            _ if self.sealed.sum.is_none() => return,
            _ => {
                return fault(
                    seal_key,
                    "it is not there; what it says of the dead stands beside them as well, and it is written \
                                        again when the next one dies",
                );
            }
        };
        let Some(seal) = Seal::read(text) else { return fault(seal_key, "it is no seal") };
        let numbers = self.schema.numbers();
        let sum = self.values.get(..numbers).map(|values| {
            let mut beside = self.beside.clone();
            beside.resize(numbers, 0.0);
            seal_sum(values, &beside, self.sealed.dropped)
        });
        if self.sealed.version != seal.version.as_bytes() {
            fault(&self.key, "it is not the version that its seal says");
        } else if self.schema.hash() != seal.hash {
            fault(&self.key, "the schema beside it is not the one that its seal says");
        } else if sum != Some(seal.sum) {
            fault(&self.key, "its numbers are not those that its seal says");
        }
    }

    fn check_numbers(&self, told: &mut Faults<'_>) {
        if self.values.len() < self.schema.numbers() {
            let why =
                format!("its pages have {} numbers, its schema {}", self.values.len(), self.schema.numbers());
            told.add(FaultSort::Page, why);
        }
        const MOST_TOLD: usize = 10;
        let odd = self.numbers().filter(|number| {
            // What adds up and only grows. A sum of observations may be anything but is no NaN by itself.
            let grows = match number.set.desc.kind() {
                Kind::Counter => true,
                Kind::Histogram | Kind::Summary => number.le.is_some() || number.sample.ends_with("_count"),
                _ => false,
            };
            grows && (number.is_gone || number.value.is_some_and(|value| value.is_nan() || value < 0.0))
        });
        for number in odd.take(MOST_TOLD) {
            let (field, at) = &number.place;
            let value = number.value.map_or("gone".to_owned(), |value| value.to_string());
            told.add(FaultSort::Number, format!("{field}[{at}], of {}, is {value}", number.sample));
        }
    }

    /// All its numbers, label set by label set.
    pub fn numbers(&self) -> impl Iterator<Item = Number<'_>> {
        self.schema.sets().iter().flat_map(move |set| {
            samples(&set.desc).zip(set.numbers.clone()).map(move |((sample, le), at)| {
                let stored = self.values.get(at).copied();
                let beside = self.beside.get(at).copied();
                let is_gone = stored.is_some_and(page::is_gone);
                let is_sum = set.desc.aggregation() == Aggregation::SUM;
                Number {
                    set,
                    sample,
                    le,
                    place: (page::field(at / self.page_len()), at % self.page_len()),
                    value: stored.filter(|_| !is_gone),
                    is_gone,
                    time: beside.filter(|_| !is_sum),
                    rest: beside.filter(|_| is_sum).unwrap_or_default(),
                }
            })
        })
    }

    /// How many label sets it has whose numbers are there, and not gone.
    pub fn series(&self) -> usize {
        let is_there = |set: &&LabelSet| {
            let values = self.values.get(set.numbers.clone());
            values.is_some_and(|values| !values.iter().copied().any(page::is_gone))
        };
        self.schema.sets().iter().filter(is_there).count()
    }
}

/// What is wrong with one key.
struct Faults<'a> {
    key: String,
    all: &'a mut Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, sort: FaultSort, why: String) {
        self.all.push(Fault { sort, key: self.key.clone(), offset: None, why });
    }

    fn check_page(&mut self, field: &str, page: &[u8], len: usize) {
        if !page.len().is_multiple_of(8) {
            let why = format!("{field} has {} bytes, which are no whole numbers of 8", page.len());
            self.add(FaultSort::Page, why);
        }
        if page.len() > len * 8 {
            let why = format!("{field} has {} bytes, and no page of it more than {}", page.len(), len * 8);
            self.add(FaultSort::Page, why);
        }
    }
}

/// That a key goes away, if it does: told by the answer to `PTTL`.
pub(super) fn end_of_life(key: &str, left: &Value) -> Option<Fault> {
    let Value::Int(left @ 0..) = *left else { return None };
    let left = Duration::from_millis(left.unsigned_abs());
    Some(Fault {
        sort: FaultSort::EndOfLife,
        key: key.to_owned(),
        offset: None,
        why: format!("it goes away by itself in {} s", left.as_secs()),
    })
}
