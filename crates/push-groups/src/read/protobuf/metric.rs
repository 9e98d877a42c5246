//! One `Metric` message: labels, and the numbers of its family's type.

use std::borrow::Cow;

use metrics_core::Kind;

use super::wire::{Field, Message};
use crate::check::inconsistent;
use crate::read::labels::{Group, Labels};
use crate::read::{Exceeded, Inconsistent, Limit, ReadError, ReadLimits};
use crate::{Bucket, Exemplar, GroupKey, Metric, Value, is_label_name, quoted};

/// Reads the metrics of a body.
pub(super) struct MetricReader<'a, 'g> {
    key: &'g GroupKey,
    group: &'g Group<'g>,
    limits: &'g ReadLimits,
    /// How many more samples there may be.
    samples: usize,
    /// The labels of a metric, used again for the next.
    labels: Labels<'a>,
}

/// A metric as its message tells it.
pub(super) struct Read {
    pub(super) metric: Metric,
    /// Whether it has a time.
    pub(super) timestamp: bool,
    /// What no page can show of it.
    pub(super) inconsistent: Option<Inconsistent>,
}

/// The numbers of a message, of any type, and when counting began.
#[derive(Default)]
struct Numbers {
    value: Option<Value>,
    created: Option<f64>,
}

const FLOAT_COUNTS: &str = "has a histogram of float counts, which a gateway has no page for";

impl<'a, 'g> MetricReader<'a, 'g> {
    pub(super) fn new(
        key: &'g GroupKey,
        group: &'g Group<'g>,
        limits: &'g ReadLimits,
    ) -> MetricReader<'a, 'g> {
        MetricReader { key, group, limits, samples: limits.samples, labels: Labels::default() }
    }

    /// Reads a metric of a family of this name and type. What it says of other types is read, too, and forgotten.
    pub(super) fn metric(
        &mut self,
        family: &str,
        kind: Kind,
        mut message: Message<'a>,
    ) -> Result<Read, ReadError> {
        self.labels.clear();
        let (mut numbers, mut timestamp, mut wrong) = (Numbers::default(), false, None);
        while let Some(Field { number, value }) = message.field()? {
            let (its_kind, name) = match number {
                1 => {
                    let label = value.message("LabelPair").map(|label| self.label(label)).transpose()?;
                    wrong = wrong.or(label.flatten());
                    continue;
                }
                2 => (Kind::Gauge, "Gauge"),
                3 => (Kind::Counter, "Counter"),
                4 => (Kind::Summary, "Summary"),
                5 => (Kind::Unknown, "Untyped"),
                6 => {
                    timestamp |= value.varint().is_some();
                    continue;
                }
                7 => (Kind::Histogram, "Histogram"),
                _ => continue,
            };
            let Some(message) = value.message(name) else { continue };
            let mut others = Numbers::default();
            let into = if its_kind == kind { &mut numbers } else { &mut others };
            match its_kind {
                Kind::Summary => self.summary(message, into)?,
                Kind::Histogram if !self.histogram(message, into)? => {
                    return Err(super::wrong(family.as_bytes(), FLOAT_COUNTS));
                }
                Kind::Histogram => {}
                _ => self.number(its_kind, message, into)?,
            }
        }
        let Numbers { value, created } = numbers;
        if value.is_none() {
            wrong = wrong.or(Some(format!("is not a {}", word(kind))));
            self.take_samples(1)?;
        }
        let value = value.unwrap_or(Value::Number { value: 0.0, exemplar: None });
        let metric = Metric { labels: self.group.own(self.labels.sorted()), value, created };
        let inconsistent = wrong.map(|why| inconsistent(self.key, family, &metric, &why));
        Ok(Read { metric, timestamp, inconsistent })
    }

    /// Reads a label; gives what is wrong with it.
    fn label(&mut self, message: Message<'a>) -> Result<Option<String>, ReadError> {
        let (name, value) = label_pair(message)?;
        if name.len() > self.limits.label_name {
            return Err(Exceeded { limit: Limit::LabelName, allowed: self.limits.label_name }.into());
        }
        if value.len() > self.limits.label_value {
            return Err(Exceeded { limit: Limit::LabelValue, allowed: self.limits.label_value }.into());
        }
        let Some(legal) = std::str::from_utf8(name).ok().filter(|name| is_label_name(name)) else {
            let name = String::from_utf8_lossy(name);
            return Ok(Some(format!("has a label with an invalid name: {name}")));
        };
        let name = legal;
        if self.labels.has(name) {
            return Ok(Some(format!("has two or more labels with the same name: {name}")));
        }
        // What the group overwrites may be anything.
        match std::str::from_utf8(value) {
            _ if self.group.says(name) => self.labels.push((name, Cow::Borrowed(""))),
            Ok(value) => self.labels.push((name, value.into())),
            Err(_) => {
                let value = quoted(value.get(..100).unwrap_or(value));
                return Ok(Some(format!("has a label named {name:?} whose value is not utf8: {value}")));
            }
        }
        Ok(None)
    }

    /// Adds a `Gauge`, `Counter` or `Untyped`.
    fn number(&mut self, kind: Kind, mut message: Message<'_>, into: &mut Numbers) -> Result<(), ReadError> {
        if into.value.is_none() {
            self.take_samples(1)?;
        }
        let empty = Value::Number { value: 0.0, exemplar: None };
        let Value::Number { value: number, exemplar: example } = into.value.get_or_insert(empty) else {
            return Ok(());
        };
        while let Some(Field { number: field, value }) = message.field()? {
            match (kind, field) {
                (_, 1) => *number = value.double().unwrap_or(*number),
                (Kind::Counter, 2) => {
                    *example = value.message("Exemplar").map(exemplar).transpose()?.flatten()
                }
                (Kind::Counter, 3) => into.created = value.message("Timestamp").map(seconds).transpose()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds a `Summary`.
    fn summary(&mut self, mut message: Message<'_>, into: &mut Numbers) -> Result<(), ReadError> {
        if into.value.is_none() {
            self.take_samples(2)?;
        }
        let empty = Value::Summary { count: 0, sum: 0.0, quantiles: Vec::new() };
        let Value::Summary { count, sum, quantiles } = into.value.get_or_insert(empty) else { return Ok(()) };
        while let Some(Field { number, value }) = message.field()? {
            match number {
                1 => *count = value.varint().unwrap_or(*count),
                2 => *sum = value.double().unwrap_or(*sum),
                3 => {
                    let Some(mut message) = value.message("Quantile") else { continue };
                    self.take_samples(1)?;
                    let mut quantile = (0.0, 0.0);
                    while let Some(Field { number, value }) = message.field()? {
                        match number {
                            1 => quantile.0 = value.double().unwrap_or(quantile.0),
                            2 => quantile.1 = value.double().unwrap_or(quantile.1),
                            _ => {}
                        }
                    }
                    quantiles.push(quantile);
                }
                4 => into.created = value.message("Timestamp").map(seconds).transpose()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds the classic part of a `Histogram`; false where its counts are floats, which has no place in ours.
    fn histogram(&mut self, mut message: Message<'_>, into: &mut Numbers) -> Result<bool, ReadError> {
        if into.value.is_none() {
            self.take_samples(2)?;
        }
        let empty = Value::Histogram { count: 0, sum: 0.0, buckets: Vec::new() };
        let Value::Histogram { count, sum, buckets } = into.value.get_or_insert(empty) else {
            return Ok(true);
        };
        let is_set = |float: Option<f64>| float.is_some_and(|float| float > 0.0);
        while let Some(Field { number, value }) = message.field()? {
            match number {
                1 => *count = value.varint().unwrap_or(*count),
                2 => *sum = value.double().unwrap_or(*sum),
                3 => {
                    let Some(mut message) = value.message("Bucket") else { continue };
                    self.take_samples(1)?;
                    let mut bucket = Bucket { le: 0.0, count: 0, exemplar: None };
                    while let Some(Field { number, value }) = message.field()? {
                        match number {
                            1 => bucket.count = value.varint().unwrap_or(bucket.count),
                            2 => bucket.le = value.double().unwrap_or(bucket.le),
                            3 => {
                                bucket.exemplar =
                                    value.message("Exemplar").map(exemplar).transpose()?.flatten()
                            }
                            4 if is_set(value.double()) => return Ok(false),
                            _ => {}
                        }
                    }
                    buckets.push(bucket);
                }
                4 if is_set(value.double()) => return Ok(false),
                15 => into.created = value.message("Timestamp").map(seconds).transpose()?,
                _ => {}
            }
        }
        Ok(true)
    }

    fn take_samples(&mut self, samples: usize) -> Result<(), ReadError> {
        let left = self.samples.checked_sub(samples);
        self.samples = left.ok_or(Exceeded { limit: Limit::Samples, allowed: self.limits.samples })?;
        Ok(())
    }
}

fn label_pair<'a>(mut message: Message<'a>) -> Result<(&'a [u8], &'a [u8]), ReadError> {
    let (mut name, mut text) = (&[][..], &[][..]);
    while let Some(Field { number, value }) = message.field()? {
        match number {
            1 => name = value.bytes().unwrap_or(name),
            2 => text = value.bytes().unwrap_or(text),
            _ => {}
        }
    }
    Ok((name, text))
}

/// Reads an exemplar. One that OpenMetrics has no form for is none: it is an example, not a number.
fn exemplar(mut message: Message<'_>) -> Result<Option<Box<Exemplar>>, ReadError> {
    const MOST_CHARACTERS: usize = 128; // of names and values together: OpenMetrics 1.0.0
    let (mut labels, mut number, mut timestamp) = (Vec::new(), 0.0, None);
    let (mut is_good, mut left) = (true, MOST_CHARACTERS);
    while let Some(Field { number: field, value }) = message.field()? {
        match field {
            1 => {
                let Some(message) = value.message("LabelPair") else { continue };
                let (name, value) = label_pair(message)?;
                let texts = std::str::from_utf8(name).ok().zip(std::str::from_utf8(value).ok());
                let Some((name, value)) = texts.filter(|(name, _)| is_label_name(name)) else {
                    is_good = false;
                    continue;
                };
                let again = labels.iter().any(|(its, _): &(Box<str>, _)| **its == *name);
                match left.checked_sub(name.chars().count() + value.chars().count()) {
                    Some(rest) if !again => {
                        left = rest;
                        labels.push((name.into(), value.into()));
                    }
                    _ => is_good = false,
                }
            }
            2 => number = value.double().unwrap_or(number),
            3 => timestamp = value.message("Timestamp").map(seconds).transpose()?,
            _ => {}
        }
    }
    Ok(is_good.then(|| Box::new(Exemplar { labels, value: number, timestamp })))
}

/// Reads a `google.protobuf.Timestamp`: Unix seconds.
fn seconds(mut message: Message<'_>) -> Result<f64, ReadError> {
    let (mut seconds, mut nanoseconds) = (0, 0);
    while let Some(Field { number, value }) = message.field()? {
        match number {
            1 => seconds = value.varint().unwrap_or(seconds),
            2 => nanoseconds = value.varint().unwrap_or(nanoseconds),
            _ => {}
        }
    }
    // Negative ones stand there modulo 2^64.
    Ok(seconds as i64 as f64 + f64::from(nanoseconds as i32) / 1e9)
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "COUNTER",
        Kind::Gauge => "GAUGE",
        Kind::Summary => "SUMMARY",
        Kind::Histogram => "HISTOGRAM",
        _ => "UNTYPED",
    }
}
