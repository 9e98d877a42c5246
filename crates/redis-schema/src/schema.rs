//! What the numbers of a process are: a text that only grows at its end.
//!
//! Families and label sets, one after the other, each with the length of its text before it:
//!
//! | entry | text |
//! |---|---|
//! | family | `1`, kind, aggregation, name, help, unit, number of labels, their names, number of bounds, the bounds |
//! | label set | `2`, number of the family, process, the label values |
//!
//! Strings have their length before them; lengths and numbers are 32 bits, little-endian, bounds 64. Families are
//! numbered from 0. A label set has as many numbers as its kind needs, behind those of the one before it: the value of
//! a counter or a gauge; the sum and the buckets of a histogram, not cumulative, the last for `+Inf`; the sum and the
//! count of a summary.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use metrics_core::{Aggregation, Buckets, Declaration, Desc, Kind};

/// What the numbers of a process are.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    bytes: Vec<u8>,
    families: Vec<Arc<Desc>>,
    sets: Vec<LabelSet>,
    numbers: usize,
}

/// A label set, and which numbers are its.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSet {
    /// The family.
    pub desc: Arc<Desc>,
    /// Whose it is; empty where it is that of the process itself, or everybody's. Among what is kept of the retired a
    /// process; of a process that sends what others have counted, as an exporter does, a name that it has for one of
    /// them.
    pub process: Box<str>,
    /// The values, in the order of the names.
    pub values: Box<[Box<str>]>,
    /// The first and past the last.
    pub numbers: Range<usize>,
}

/// Where a schema cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// The first byte of the entry.
    pub offset: usize,
    /// What is wrong with it.
    pub reason: String,
}

pub(crate) const FAMILY: u8 = 1;
const LABEL_SET: u8 = 2;

impl Schema {
    /// Appends a label set, and its family if that is new. Gives the numbers that are its.
    ///
    /// # Panics
    /// When there is another number of values than the family has labels.
    pub fn push(&mut self, desc: &Arc<Desc>, process: &str, values: &[&str]) -> Range<usize> {
        assert_eq!(values.len(), desc.labels().len(), "a value for each label of {desc}");
        let known = self.families.iter().rposition(|known| Arc::ptr_eq(known, desc) || known == desc);
        let family = known.unwrap_or_else(|| {
            entry(&mut self.bytes, |text| write_family(text, desc));
            self.families.push(Arc::clone(desc));
            self.families.len() - 1
        });
        entry(&mut self.bytes, |text| {
            text.push(LABEL_SET);
            write_number(text, family);
            write_string(text, process);
            values.iter().for_each(|value| write_string(text, value));
        });
        let values = values.iter().map(|&value| value.into()).collect();
        let desc = Arc::clone(&self.families[family]);
        self.take(LabelSet { numbers: self.next(&desc), desc, process: process.into(), values })
    }

    /// Reads what has been appended since.
    ///
    /// # Errors
    /// When an entry is none. Those before it are read; more will never be.
    pub fn extend(&mut self, appended: &[u8]) -> Result<(), SchemaError> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(appended);
        let mut rest = appended;
        while !rest.is_empty() {
            let offset = begin + appended.len() - rest.len();
            let entry = read_string(&mut rest).ok_or("it is cut off".to_owned());
            let read = entry.and_then(|entry| self.read(entry));
            if let Err(reason) = read {
                self.bytes.truncate(offset);
                return Err(SchemaError { offset, reason });
            }
        }
        Ok(())
    }

    /// All of it, as [`extend`](Schema::extend) reads it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A hash of all of it (64-bit FNV-1a): tells whether two that are as long are the same.
    pub fn hash(&self) -> u64 {
        fnv(self.bytes.iter().copied())
    }

    /// The hash of what this would be with these bytes at its end.
    pub fn hash_with(&self, appended: &[u8]) -> u64 {
        fnv(self.bytes.iter().chain(appended).copied())
    }

    /// The label sets, in the order of their numbers.
    pub fn sets(&self) -> &[LabelSet] {
        &self.sets
    }

    /// How many numbers there are.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    fn read(&mut self, mut text: &[u8]) -> Result<(), String> {
        let text = &mut text;
        match text.split_off_first() {
            Some(&FAMILY) => {
                let desc = read_family(text)?;
                check_end(text)?;
                self.families.push(Arc::new(desc));
            }
            Some(&LABEL_SET) => {
                let family = read_number(text).and_then(|family| self.families.get(family));
                let desc = Arc::clone(family.ok_or("it is of no family")?);
                let process = read_text(text)?;
                let values = desc.labels().iter().map(|_| read_text(text)).collect::<Result<_, _>>()?;
                check_end(text)?;
                self.take(LabelSet { numbers: self.next(&desc), desc, process, values });
            }
            _ => return Err("it is neither a family nor a label set".to_owned()),
        }
        Ok(())
    }

    fn take(&mut self, set: LabelSet) -> Range<usize> {
        self.numbers = set.numbers.end;
        let numbers = set.numbers.clone();
        self.sets.push(set);
        numbers
    }

    fn next(&self, desc: &Desc) -> Range<usize> {
        self.numbers..self.numbers.saturating_add(numbers_of(desc))
    }
}

/// How many numbers a label set of the family has.
///
/// ```
/// use metrics_core::{Declaration, Desc, Kind};
///
/// let latency = Desc::new(&Declaration::new(Kind::Histogram, "latency", ""))?;
/// // The sum, eleven buckets and that for +Inf.
/// assert_eq!(redis_schema::numbers_of(&latency), 13);
/// # Ok::<(), metrics_core::DeclareError>(())
/// ```
pub fn numbers_of(desc: &Desc) -> usize {
    match desc.kind() {
        Kind::Histogram => 2 + desc.buckets().bounds().len(),
        Kind::Summary => 2,
        _ => 1,
    }
}

/// The 64-bit FNV-1a hash.
pub(crate) fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
    const BEGIN: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    bytes.into_iter().fold(BEGIN, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

fn entry(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut text = Vec::new();
    write(&mut text);
    write_number(bytes, text.len());
    bytes.extend_from_slice(&text);
}

pub(crate) fn write_family(text: &mut Vec<u8>, desc: &Desc) {
    text.push(FAMILY);
    let words = [desc.kind().as_str(), desc.aggregation().as_str(), desc.name(), desc.help()];
    words.iter().for_each(|word| write_string(text, word));
    write_string(text, desc.unit().unwrap_or_default());
    write_number(text, desc.labels().len());
    desc.labels().iter().for_each(|label| write_string(text, label));
    write_number(text, desc.buckets().bounds().len());
    desc.buckets().bounds().iter().for_each(|bound| text.extend_from_slice(&bound.to_le_bytes()));
}

pub(crate) fn read_family(text: &mut &[u8]) -> Result<Desc, String> {
    let kind = read_text(text)?;
    let kind = Kind::from_word(&kind).ok_or_else(|| format!("there is no kind {kind:?}"))?;
    let aggregation: Aggregation = read_text(text)?.parse().map_err(|error| format!("{error}"))?;
    let [name, help, unit] = [read_text(text)?, read_text(text)?, read_text(text)?];
    let cut = || "it is cut off".to_owned();
    let count = read_number(text).ok_or_else(cut)?;
    // Not more than there are bytes for, whatever is claimed.
    let labels: Vec<_> = (0..count).map(|_| read_text(text)).collect::<Result<_, _>>()?;
    let count = read_number(text).ok_or_else(cut)?;
    let bounds = count.checked_mul(8).and_then(|bytes| text.split_off(..bytes)).ok_or_else(cut)?;
    let bounds = bounds.as_chunks().0.iter().map(|&bound| f64::from_le_bytes(bound));
    let declared = Declaration {
        unit: &unit,
        labels: &labels.iter().map(|label| &**label).collect::<Vec<_>>(),
        aggregation: Some(aggregation),
        buckets: Some(Buckets::new(bounds).map_err(|error| error.to_string())?),
        ..Declaration::new(kind, &name, &help)
    };
    Desc::new(&declared).map_err(|error| error.to_string())
}

fn check_end(text: &[u8]) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { Err(format!("{} bytes stand behind its end", text.len())) }
}

fn write_number(text: &mut Vec<u8>, number: usize) {
    let number = u32::try_from(number).expect("nothing of a schema is 4 GiB long");
    text.extend_from_slice(&number.to_le_bytes());
}

fn write_string(text: &mut Vec<u8>, string: &str) {
    write_number(text, string.len());
    text.extend_from_slice(string.as_bytes());
}

fn read_number(text: &mut &[u8]) -> Option<usize> {
    let (number, rest) = text.split_first_chunk()?;
    *text = rest;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

fn read_string<'a>(text: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = read_number(text)?;
    text.split_off(..len)
}

fn read_text(text: &mut &[u8]) -> Result<Box<str>, String> {
    let string = read_string(text).ok_or("it is cut off")?;
    Ok(std::str::from_utf8(string).map_err(|error| error.to_string())?.into())
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the entry at byte {} cannot be read: {}", self.offset, self.reason)
    }
}

impl std::error::Error for SchemaError {}

#[cfg(test)]
mod tests;
