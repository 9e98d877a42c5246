//! A group at rest: its families as bytes, for a log, a database, and for memory.
//!
//! ```text
//! content   1 (version), flags (bit 0: checked), count, families
//! family    name, help, unit, kind (a letter), time (8 bytes, little endian; nanoseconds, 0: that of the entry),
//!           count, metrics
//! metric    count, labels (name, value), flags (bit 0: created), [created], value
//! value     histogram: count, sum, count, buckets (le, count, exemplar)
//!           summary:   count, sum, count, quantiles (quantile, value)
//!           others:    number, exemplar
//! exemplar  0, or 1 + count of labels, labels, value, flags (bit 0: time), [time]
//! ```
//!
//! Texts are their length and their bytes; counts and lengths are LEB128; numbers are doubles, little endian.

use std::fmt;

use metrics_core::Kind;

use crate::{Bucket, Exemplar, Family, Label, Metric, Value};

/// What a group holds, besides its labels and times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// Whether what it shows was checked against all other groups, and so is in the index.
    pub checked: bool,
    /// Its families, no two of one name.
    pub families: Vec<Held>,
}

/// A family that a group holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// What was pushed.
    pub family: Family,
    /// When, in Unix nanoseconds; 0 for the last push of the group.
    pub time: u64,
}

/// Bytes that are no content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentError {
    /// Offset of what fits nothing.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

const VERSION: u8 = 1;
const CHECKED: u8 = 1;
const PRESENT: u8 = 1;

impl Content {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&[VERSION, if self.checked { CHECKED } else { 0 }]);
        push_length(&mut out, self.families.len());
        for held in &self.families {
            push_held(&mut out, held);
        }
        out
    }

    /// Reads what [`encode`](Content::encode) wrote.
    ///
    /// # Errors
    /// Where any byte is not as it writes it. Lengths are believed as far as there are bytes.
    pub fn decode(bytes: &[u8]) -> Result<Content, ContentError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.byte("a version")? != VERSION {
            return Err(ContentError { at: 0, expected: "version 1" });
        }
        let checked = reader.flag("flags of a group", CHECKED)?;
        let families = reader.list("families", Reader::held)?;
        match reader.at == bytes.len() {
            true => Ok(Content { checked, families }),
            false => Err(ContentError { at: reader.at, expected: "the end" }),
        }
    }
}

fn push_held(out: &mut Vec<u8>, Held { family, time }: &Held) {
    push_text(out, &family.name);
    push_length(out, family.help.as_bytes().len());
    out.extend_from_slice(family.help.as_bytes());
    push_text(out, &family.unit);
    out.push(letter(family.kind));
    out.extend_from_slice(&time.to_le_bytes());
    push_length(out, family.metrics.len());
    for metric in &family.metrics {
        push_labels(out, &metric.labels);
        push_optional(out, metric.created);
        match &metric.value {
            Value::Number { value, exemplar } => {
                push_number(out, *value);
                push_exemplar(out, exemplar.as_deref());
            }
            Value::Histogram { count, sum, buckets } => {
                push_count(out, *count);
                push_number(out, *sum);
                push_length(out, buckets.len());
                for bucket in buckets {
                    push_number(out, bucket.le);
                    push_count(out, bucket.count);
                    push_exemplar(out, bucket.exemplar.as_deref());
                }
            }
            Value::Summary { count, sum, quantiles } => {
                push_count(out, *count);
                push_number(out, *sum);
                push_length(out, quantiles.len());
                for (quantile, value) in quantiles {
                    push_number(out, *quantile);
                    push_number(out, *value);
                }
            }
        }
    }
}

fn push_exemplar(out: &mut Vec<u8>, exemplar: Option<&Exemplar>) {
    let Some(exemplar) = exemplar else { return out.push(0) };
    push_length(out, 1 + exemplar.labels.len());
    for (name, value) in &exemplar.labels {
        push_text(out, name);
        push_text(out, value);
    }
    push_number(out, exemplar.value);
    push_optional(out, exemplar.timestamp);
}

fn push_labels(out: &mut Vec<u8>, labels: &[Label]) {
    push_length(out, labels.len());
    for (name, value) in labels {
        push_text(out, name);
        push_text(out, value);
    }
}

fn push_optional(out: &mut Vec<u8>, number: Option<f64>) {
    out.push(if number.is_some() { PRESENT } else { 0 });
    if let Some(number) = number {
        push_number(out, number);
    }
}

fn push_number(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(&number.to_bits().to_le_bytes());
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    push_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    push_count(out, length as u64);
}

fn push_count(out: &mut Vec<u8>, mut count: u64) {
    while count >= 0x80 {
        out.push(count as u8 | 0x80);
        count >>= 7;
    }
    out.push(count as u8);
}

fn letter(kind: Kind) -> u8 {
    match kind {
        Kind::Counter => b'c',
        Kind::Gauge => b'g',
        Kind::Histogram | Kind::GaugeHistogram => b'h',
        Kind::Summary => b's',
        Kind::Info => b'i',
        Kind::StateSet => b't',
        _ => b'u',
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn held(&mut self) -> Result<Held, ContentError> {
        let name = self.text("a family's name")?;
        let help = self.bytes("a help text")?.into();
        let unit = self.text("a unit")?;
        let kind = self.kind()?;
        let time = u64::from_le_bytes(self.eight("a time")?);
        let metrics = self.list("metrics", |reader| reader.metric(kind))?;
        Ok(Held { family: Family { name, help, unit, kind, metrics }, time })
    }

    fn metric(&mut self, kind: Kind) -> Result<Metric, ContentError> {
        let labels = self.list("labels", Reader::label)?;
        let created = self.optional("a created time")?;
        let value = match kind {
            Kind::Histogram => Value::Histogram {
                count: self.count("a count")?,
                sum: self.number("a sum")?,
                buckets: self.list("buckets", |reader| {
                    let le = reader.number("a bound")?;
                    Ok(Bucket { le, count: reader.count("a bucket's count")?, exemplar: reader.exemplar()? })
                })?,
            },
            Kind::Summary => Value::Summary {
                count: self.count("a count")?,
                sum: self.number("a sum")?,
                quantiles: self.list("quantiles", |reader| {
                    Ok((reader.number("a quantile")?, reader.number("a quantile's value")?))
                })?,
            },
            _ => Value::Number { value: self.number("a number")?, exemplar: self.exemplar()? },
        };
        Ok(Metric { labels, created, value })
    }

    fn exemplar(&mut self) -> Result<Option<Box<Exemplar>>, ContentError> {
        let Some(count) = self.length("an exemplar")?.checked_sub(1) else { return Ok(None) };
        let labels = self.times(count, Reader::label)?;
        let value = self.number("an exemplar's value")?;
        let timestamp = self.optional("an exemplar's time")?;
        Ok(Some(Box::new(Exemplar { labels, value, timestamp })))
    }

    fn label(&mut self) -> Result<Label, ContentError> {
        Ok((self.text("a label's name")?, self.text("a label's value")?))
    }

    fn kind(&mut self) -> Result<Kind, ContentError> {
        let at = self.at;
        Ok(match self.byte("a kind")? {
            b'c' => Kind::Counter,
            b'g' => Kind::Gauge,
            b'h' => Kind::Histogram,
            b's' => Kind::Summary,
            b'i' => Kind::Info,
            b't' => Kind::StateSet,
            b'u' => Kind::Unknown,
            _ => return Err(ContentError { at, expected: "a kind" }),
        })
    }

    fn list<T>(
        &mut self,
        expected: &'static str,
        one: impl FnMut(&mut Self) -> Result<T, ContentError>,
    ) -> Result<Vec<T>, ContentError> {
        let count = self.length(expected)?;
        self.times(count, one)
    }

    /// Each takes a byte at least, so there are no more than there are bytes.
    fn times<T>(
        &mut self,
        count: usize,
        mut one: impl FnMut(&mut Self) -> Result<T, ContentError>,
    ) -> Result<Vec<T>, ContentError> {
        const FIRST: usize = 64; // believed before any of them was read
        let mut all = Vec::with_capacity(count.min(FIRST));
        for _ in 0..count {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn optional(&mut self, expected: &'static str) -> Result<Option<f64>, ContentError> {
        match self.flag(expected, PRESENT)? {
            true => Ok(Some(self.number(expected)?)),
            false => Ok(None),
        }
    }

    fn flag(&mut self, expected: &'static str, flag: u8) -> Result<bool, ContentError> {
        let at = self.at;
        match self.byte(expected)? {
            0 => Ok(false),
            set if set == flag => Ok(true),
            _ => Err(ContentError { at, expected }),
        }
    }

    fn text(&mut self, expected: &'static str) -> Result<Box<str>, ContentError> {
        let bytes = self.bytes(expected)?;
        let at = self.at - bytes.len();
        std::str::from_utf8(bytes).map(Into::into).map_err(|_| ContentError { at, expected })
    }

    fn bytes(&mut self, expected: &'static str) -> Result<&'a [u8], ContentError> {
        let length = self.length(expected)?;
        let at = self.at;
        let bytes = self.bytes.get(at..).and_then(|rest| rest.get(..length));
        let bytes = bytes.ok_or(ContentError { at, expected })?;
        self.at += length;
        Ok(bytes)
    }

    fn number(&mut self, expected: &'static str) -> Result<f64, ContentError> {
        Ok(f64::from_bits(u64::from_le_bytes(self.eight(expected)?)))
    }

    fn eight(&mut self, expected: &'static str) -> Result<[u8; 8], ContentError> {
        let at = self.at;
        let bytes = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        self.at += 8;
        bytes.copied().ok_or(ContentError { at, expected })
    }

    fn length(&mut self, expected: &'static str) -> Result<usize, ContentError> {
        let at = self.at;
        let length = self.count(expected)?;
        usize::try_from(length).map_err(|_| ContentError { at, expected })
    }

    fn count(&mut self, expected: &'static str) -> Result<u64, ContentError> {
        let at = self.at;
        let mut count = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(expected)?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            count |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(count);
            }
        }
        Err(ContentError { at, expected })
    }

    fn byte(&mut self, expected: &'static str) -> Result<u8, ContentError> {
        let byte = self.bytes.get(self.at).copied();
        let byte = byte.ok_or(ContentError { at: self.at, expected })?;
        self.at += 1;
        Ok(byte)
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a group's content: expected {} at byte {}", self.expected, self.at)
    }
}

impl std::error::Error for ContentError {}

#[cfg(test)]
mod tests;
