//! A row of `io.prometheus.client.MetricFamily` messages, each behind its length.
//!
//! Source: `io/prometheus/client/metrics.proto` of Prometheus' client_model, and what the official gateway 1.5.1
//! answers.

mod metric;
mod wire;

use std::borrow::Cow;

use hashbrown::HashMap;
use metric::MetricReader;
use metrics_core::Kind;
use wire::{Field, Message, Why};

use super::labels::Group;
use super::{Body, Inconsistent, ReadError, ReadLimits};
use crate::{Family, GroupKey, is_metric_name, quoted};

pub(super) fn read(key: &GroupKey, body: &[u8], limits: &ReadLimits) -> Result<Body, ReadError> {
    let group = Group::new(key);
    let mut reader = MetricReader::new(key, &group, limits);
    let mut told: Vec<Told> = Vec::new();
    let mut places: HashMap<Box<str>, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut row = Message::new("MetricFamily", body);
    while row.left() > 0 {
        let family = family(length_delimited(&mut row)?, &mut reader)?;
        // The last family of a name is the one that counts, and what is wrong with those before is forgotten.
        match places.get(&family.family.name).and_then(|place| told.get_mut(*place)) {
            Some(before) => *before = family,
            None => {
                places.insert(family.family.name.clone(), told.len());
                told.push(family);
            }
        }
    }
    let timestamps = told.iter().any(|told| told.timestamps);
    let is_kept = |told: &&mut Told| !crate::PUSH_TIMES.contains(&&*told.family.name);
    if let Some(why) = told.iter_mut().filter(is_kept).find_map(|told| told.inconsistent.take()) {
        return Err(why.into());
    }
    Ok(Body { families: told.into_iter().map(|told| told.family).collect(), timestamps })
}

/// One message, with all that it says but the labels of its group.
pub(super) fn read_family(key: &GroupKey, message: &[u8]) -> Result<Family, ReadError> {
    let limits = ReadLimits { bytes: usize::MAX, samples: usize::MAX, ..ReadLimits::default() };
    let group = Group::new(key);
    family(Message::new("MetricFamily", message), &mut MetricReader::new(key, &group, &limits))
        .map(|told| told.family)
}

/// A family of the body.
struct Told {
    family: Family,
    /// Whether any of its metrics has a time.
    timestamps: bool,
    /// What no page can show of it.
    inconsistent: Option<Inconsistent>,
}

fn length_delimited<'a>(row: &mut Message<'a>) -> Result<Message<'a>, ReadError> {
    const LONGEST: usize = 5; // bytes of a length
    let mut after = *row;
    let length = after.varint();
    if row.left() - after.left() > LONGEST {
        return Err(ReadError::Parse("invalid varint32 encountered".to_owned()));
    }
    length?;
    Ok(Message::new("MetricFamily", row.delimited()?))
}

fn family<'a>(message: Message<'a>, reader: &mut MetricReader<'a, '_>) -> Result<Told, ReadError> {
    let (mut name, mut help, mut unit, mut kind) = (&[][..], &[][..], &[][..], 0);
    const FIRST: usize = 1024; // metrics that are believed before they are read
    let mut metrics = 0_usize;
    let mut fields = message;
    while let Some(Field { number, value }) = fields.field()? {
        match number {
            1 => name = value.bytes().unwrap_or(name),
            2 => help = value.bytes().unwrap_or(help),
            3 => kind = value.varint().unwrap_or(kind),
            4 => metrics += usize::from(value.bytes().is_some()),
            5 => unit = value.bytes().unwrap_or(unit),
            _ => {}
        }
    }
    let text = String::from_utf8_lossy;
    let mut told = Told {
        family: Family {
            name: text(name).into(),
            help: help.into(),
            kind: Kind::Unknown,
            unit: text(unit).into(),
            metrics: Vec::new(),
        },
        timestamps: false,
        inconsistent: None,
    };
    if metrics == 0 {
        return Ok(told);
    }
    told.family.metrics.reserve_exact(metrics.min(FIRST));
    if matches!(text(name), Cow::Owned(_)) || !is_metric_name(&told.family.name) {
        return Err(wrong(name, "has a name that is not [a-zA-Z_:][a-zA-Z0-9_:]*"));
    }
    told.family.kind = match kind {
        0 => Kind::Counter,
        1 => Kind::Gauge,
        2 => Kind::Summary,
        3 => Kind::Unknown,
        4 => Kind::Histogram,
        5 => return Err(wrong(name, "is a GAUGE_HISTOGRAM, which a gateway has no page for")),
        other => return Err(wrong(name, &format!("has the type {}, which is not known", other as i32))),
    };
    let mut fields = message;
    while let Some(Field { number, value }) = fields.field()? {
        if let (4, Some(metric)) = (number, value.message("Metric")) {
            let read = reader.metric(&told.family.name, told.family.kind, metric)?;
            told.timestamps |= read.timestamp;
            told.inconsistent = told.inconsistent.or(read.inconsistent);
            told.family.metrics.push(read.metric);
        }
    }
    Ok(told)
}

/// That the official gateway would take a family and could not show it.
fn wrong(name: &[u8], why: &str) -> ReadError {
    const LONGEST: usize = 200; // bytes
    let name = quoted(name.get(..LONGEST).unwrap_or(name));
    ReadError::Parse(format!("protobuf family {name} {why}"))
}

impl From<Why> for ReadError {
    fn from(why: Why) -> ReadError {
        ReadError::Parse(match why {
            Why::End => "unexpected EOF".to_owned(),
            Why::Is(why) => why,
        })
    }
}

#[cfg(test)]
mod tests;
