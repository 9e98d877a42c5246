//! What one process keeps, or what is kept of the dead, as a page is made of it.

use std::borrow::Cow;
use std::fmt;

use foldhash::HashSet;
use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_link::{Link, LinkError};
use redis_schema::{Keys, LabelSet, Schema, page, script};

use crate::index::bytes;

/// What one process keeps.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) name: String,
    /// When it was last heard of, as Redis says it.
    pub(crate) heard: String,
    pub(crate) sequence: Vec<u8>,
    /// Whether it has said that it sends no more.
    pub(crate) ended: bool,
    /// Of the retired: how many label sets were dropped, ever.
    pub(crate) dropped: u64,
    pub(crate) schema: Schema,
    /// A schema that cannot be read on from where it is; nor is that tried again.
    pub(crate) broken: bool,
    /// How long its schema is said to be.
    pub(crate) length: usize,
    /// How many numbers a page of it has, if it has said so.
    pub(crate) page: Option<usize>,
    pub(crate) values: Vec<f64>,
    /// What stands beside each number: when it was set, and of a sum of the retired what rounding has left.
    pub(crate) beside: Vec<f64>,
}

/// What is taken for so where the server does not have it any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Remembers {
    Nothing,
    /// Pages of a process.
    #[default]
    Pages,
    /// The same; and all that was read of a process where the server knows less of it than it did.
    All,
}

/// Something that cannot be read as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) key: String,
    pub(crate) why: String,
    /// Whether it was there before, and pages go on with what was read then.
    pub(crate) lost: bool,
}

impl Kept {
    /// What is left of the retired, where a part of them was lost: as much as can be read.
    pub(crate) fn rest_of_retired(link: &Link, keys: &Keys) -> Result<Kept, LinkError> {
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        pipeline.cmd("HGETALL").arg(keys.retired()).cmd("GET").arg(keys.retired_schema());
        let mut answers = link.run_each_by(&pipeline, None)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let mut rest = Kept::default();
        rest.take(&keys.retired(), next(), Remembers::Nothing);
        rest.extend(&keys.retired_schema(), next());
        Ok(rest)
    }

    /// What it is called whatever its incarnation.
    pub(crate) fn base(&self) -> &str {
        base(&self.name)
    }

    /// Whose a label set is that it keeps: its own, or that of somebody for whom it speaks.
    pub(crate) fn whose(&self, set: &LabelSet) -> Cow<'_, str> {
        match &*set.process {
            "" => Cow::Borrowed(self.base()),
            process => Cow::Owned(format!("{}/{process}", self.base())),
        }
    }

    /// When it was last heard of, in milliseconds since 1970 by the clock of Redis.
    pub(crate) fn heard_at(&self) -> f64 {
        self.heard.parse().unwrap_or_default()
    }

    /// Takes a hash of pages; if it `remembers`, what lacks now is as it was.
    pub(crate) fn take(&mut self, key: &str, hash: Value, remembers: Remembers) -> Option<Bad> {
        let is_known = !self.sequence.is_empty();
        let all = is_known && remembers == Remembers::All;
        match sequence_of(&hash) {
            None if all => {
                let why = "its numbers are there no more; it sends them again if it lives";
                return Some(Bad::lost(key, why));
            }
            Some(told) if all && number(&self.sequence).is_some_and(|known| told < known) => {
                return None;
            }
            _ => {}
        }
        let of_pages = is_known && remembers != Remembers::Nothing;
        let before = std::mem::take(&mut self.values);
        let beside_before = std::mem::take(&mut self.beside);
        self.sequence.clear();
        self.ended = false;
        let mut bad = refusal(key, &hash);
        let (mut values, mut beside) = (Vec::new(), Vec::new());
        let mut told_len = None;
        for (field, value) in <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(hash).unwrap_or_default() {
            match page::of_field(&field) {
                Some((number, false)) => values.push((number, value)),
                Some((number, true)) => beside.push((number, value)),
                None if field == script::SEQUENCE.as_bytes() => self.sequence = value,
                None if field == script::ENDED.as_bytes() => self.ended = true,
                None if field == script::PAGE.as_bytes() => told_len = Some(page::len(&value)),
                None if field == script::DROPPED.as_bytes() => {
                    self.dropped =
                        std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                }
                None => {}
            }
        }
        self.page = told_len.or(self.page.filter(|_| of_pages));
        let len = self.page.unwrap_or(page::LEN);
        if of_pages {
            let lacks = restore(&mut values, &before, len);
            // Of times only those that were there: not each page has them.
            restore(&mut beside, &beside_before, len);
            let why = "pages of it are there no more; they come again when a number of them changes";
            bad = bad.or(lacks.then(|| Bad::lost(key, why)));
        }
        // All pages are there, each behind the one before, or it is none of ours: so what is claimed takes no memory.
        values.sort_unstable_by_key(|(number, _)| *number);
        for (number, value) in values {
            if number.checked_mul(len) == Some(self.values.len()) {
                self.values.extend(page::read(&value).iter().take(len));
            }
        }
        self.beside.resize(if beside.is_empty() { 0 } else { self.values.len() }, 0.0);
        for (number, value) in beside {
            let from = number.saturating_mul(len);
            let place = self.beside.get_mut(from..).unwrap_or_default();
            place
                .iter_mut()
                .zip(page::read(&value).into_iter().take(len))
                .for_each(|(place, number)| *place = number);
        }
        bad
    }

    /// Whether all is there that it has ever sent, as far as can be told.
    pub(crate) fn is_whole(&self) -> bool {
        !self.sequence.is_empty()
            && !self.broken
            && self.schema.bytes().len() >= self.length
            && self.values.len() == self.schema.numbers()
    }

    /// A number, and what stands beside it.
    pub(crate) fn number(&self, at: usize) -> Option<(f64, f64)> {
        Some((*self.values.get(at)?, self.beside.get(at).copied().unwrap_or_default()))
    }

    pub(crate) fn extend(&mut self, key: &str, appended: Value) -> Option<Bad> {
        if self.broken {
            return None;
        }
        if let Some(bad) = refusal(key, &appended) {
            return Some(bad);
        }
        let error = self.schema.extend(&bytes(appended)).err()?;
        self.broken = true;
        Some(Bad::new(key, error.to_string()))
    }
}

/// Puts pages that were there before, and are not now, to those that are. Whether any were.
fn restore(pages: &mut Vec<(usize, Vec<u8>)>, before: &[f64], len: usize) -> bool {
    let there: HashSet<usize> = pages.iter().map(|(number, _)| *number).collect();
    let were = before.chunks(len).enumerate().filter(|(number, _)| !there.contains(number));
    let found = pages.len();
    pages.extend(were.map(|(number, numbers)| (number, page::write(numbers))));
    pages.len() > found
}

/// The sequence number that a hash of pages has.
fn sequence_of(hash: &Value) -> Option<u64> {
    let Value::Array(parts) = hash else { return None };
    let mut fields = parts.chunks_exact(2).filter_map(|field| match field {
        [Value::BulkString(name), Value::BulkString(value)] => Some((name, value)),
        _ => None,
    });
    let told = fields.find(|(name, _)| *name == script::SEQUENCE.as_bytes());
    told.and_then(|(_, value)| number(value))
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The error that a command was answered with.
pub(crate) fn refusal(key: &str, told: &Value) -> Option<Bad> {
    match told {
        Value::ServerError(error) => Some(Bad::new(key, format!("{error}"))),
        _ => None,
    }
}

/// What a process is called whatever its incarnation.
pub(crate) fn base(name: &str) -> &str {
    match name.rsplit_once('+') {
        Some((base, incarnation)) if incarnation.bytes().all(|byte| byte.is_ascii_digit()) => base,
        _ => name,
    }
}

/// The process that has sent what somebody has counted: itself, or who speaks for it.
pub(crate) fn speaker(whose: &str) -> &str {
    whose.split_once('/').map_or(whose, |(speaker, _)| speaker)
}

impl Bad {
    pub(crate) fn new(key: &str, why: impl Into<String>) -> Bad {
        Bad { key: key.to_owned(), why: why.into(), lost: false }
    }

    /// Something that was there before.
    pub(crate) fn lost(key: &str, why: impl Into<String>) -> Bad {
        Bad { lost: true, ..Bad::new(key, why) }
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}
