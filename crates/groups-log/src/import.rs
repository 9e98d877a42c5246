//! Reads the file in which the official push gateway keeps its groups (`--persistence.file`).
//!
//! It is one value in Go's gob encoding, `map[string]MetricGroup`, behind the definitions of its types: each group has
//! its labels, and for each family a time and a protobuf message. Who calls says how such a message is read.
//!
//! Sources: `storage/diskmetricstore.go` of the official push gateway; the documentation of Go's `encoding/gob` and of
//! `time.Time.MarshalBinary`; files that 1.5.1 has written.

mod gob;

use std::collections::BTreeMap;
use std::fmt;

use push_groups::{Family, GroupKey, Held, PUSH_TIMES, Value};

use self::gob::{Damaged, Reader, Type, Types};

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// Groups, by their keys.
    pub groups: Vec<Group>,
    /// Groups that no page could show: where they begin in the file, and why they are left out. The official gateway
    /// took them, and failed at every scrape.
    pub left_out: Vec<ImportError>,
}

/// A group as the official push gateway had it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub key: GroupKey,
    /// Its families by name, each with the time of the push that brought it; without the two push times.
    pub families: Vec<Held>,
    /// When a push to it last succeeded, Unix nanoseconds; 0 for never.
    pub pushed: u64,
    /// When one last failed, Unix nanoseconds; 0 for never.
    pub failed: u64,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// Offset in the file.
    pub at: usize,
    /// What is wrong there.
    pub why: String,
}

/// Reads a file; `decode` reads one protobuf `MetricFamily`.
///
/// The file has no checksums: damage is found where it leaves something that cannot be, not in the midst of a text.
///
/// # Errors
/// Where the file is cut off, damaged, or of another shape than the official push gateway writes.
pub fn read(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<Family, String>) -> Result<Imported, ImportError> {
    let mut reader = Reader::new(bytes);
    let mut types = Types::default();
    let (value, at) = loop {
        if let Some(value) = types.read_message(&mut reader)? {
            break value;
        }
    };
    let shape = Shape::of(&types, value, at)?;
    let imported = shape.groups(&mut reader, &decode)?;
    match reader.rest() {
        0 => Ok(imported),
        _ => Err(reader.damaged("something stands behind the groups").into()),
    }
}

/// Where in its structs the file has what is wanted.
struct Shape {
    /// Fields of a group: its labels, its families.
    labels: u64,
    metrics: u64,
    /// Fields of a family: its time, its message.
    timestamp: u64,
    message: u64,
}

/// The built-in type of texts.
const STRING: i64 = 6;

impl Shape {
    /// Finds it in the types that the file defines.
    fn of(types: &Types, value: i64, at: usize) -> Result<Shape, ImportError> {
        Shape::find(types, value).ok_or_else(|| {
            let why = "the file does not hold what the official push gateway keeps".to_owned();
            ImportError { at, why }
        })
    }

    fn find(types: &Types, value: i64) -> Option<Shape> {
        let group = types.map_of(value)?;
        let (labels, labels_type) = types.field(group, "Labels")?;
        let (metrics, metrics_type) = types.field(group, "Metrics")?;
        let family = types.map_of(metrics_type)?;
        let (timestamp, timestamp_type) = types.field(family, "Timestamp")?;
        let (message, message_type) = types.field(family, "GobbableMetricFamily")?;
        let opaque = |its| matches!(types.get(its), Some(Type::Opaque));
        let fits = types.map_of(labels_type)? == STRING && opaque(timestamp_type) && opaque(message_type);
        fits.then_some(Shape { labels, metrics, timestamp, message })
    }

    fn groups(
        &self,
        reader: &mut Reader<'_>,
        decode: &impl Fn(&[u8]) -> Result<Family, String>,
    ) -> Result<Imported, ImportError> {
        let mut groups = BTreeMap::new();
        let mut left_out = Vec::new();
        for _ in 0..reader.unsigned("the number of groups")? {
            let at = reader.at();
            let name = reader.bytes("the name of a group")?;
            let (labels, filed) = self.group(reader)?;
            let named: Vec<&[u8]> = labels.iter().flat_map(|(name, value)| [*name, *value]).collect();
            if named.join(&0xFF) != name {
                return Err(damaged(at, "the name of a group is not made of its labels"));
            }
            let key = match key(&labels) {
                Ok(key) => key,
                Err(why) => {
                    left_out.push(ImportError { at, why });
                    continue;
                }
            };
            let mut families = families(&key, &filed, decode)?;
            let [pushed, failed] = PUSH_TIMES.map(|name| families.remove(name).map_or(0, |held| time(&held)));
            let families = families.into_values().collect();
            if groups.insert(key.clone(), Group { key, families, pushed, failed }).is_some() {
                return Err(damaged(at, "a group is there twice"));
            }
        }
        Ok(Imported { groups: groups.into_values().collect(), left_out })
    }

    /// The labels and the families of one group.
    fn group<'a>(&self, reader: &mut Reader<'a>) -> Result<(Labels<'a>, Vec<Filed<'a>>), ImportError> {
        let (mut labels, mut families) = (Labels::new(), Vec::new());
        reader.fields(|reader, field| {
            if field == self.labels {
                for _ in 0..reader.unsigned("the number of labels")? {
                    let at = reader.at();
                    let (name, value) = (reader.bytes("a label's name")?, reader.bytes("a label's value")?);
                    if labels.insert(name, value).is_some() {
                        return Err(damaged(at, "a label is there twice"));
                    }
                }
            } else if field == self.metrics {
                for _ in 0..reader.unsigned("the number of families")? {
                    families.push(self.family(reader)?);
                }
            } else {
                return Err(damaged(reader.at(), "a group has another field than those two"));
            }
            Ok(())
        })?;
        Ok((labels, families))
    }

    fn family<'a>(&self, reader: &mut Reader<'a>) -> Result<Filed<'a>, ImportError> {
        let at = reader.at();
        let name = reader.bytes("the name of a family")?;
        let (mut time, mut message) = (None, None);
        reader.fields(|reader, field| {
            let length_at = reader.at();
            if field == self.timestamp {
                let read = gob::unix_nanoseconds(reader.bytes("a time")?);
                time = Some(read.ok_or_else(|| damaged(length_at, "bytes that are no time"))?);
            } else if field == self.message {
                let bytes = reader.bytes("a family")?;
                message = Some((bytes, reader.at() - bytes.len()));
            } else {
                return Err(damaged(reader.at(), "a family has another field than those two"));
            }
            Ok(())
        })?;
        match (time, message) {
            (Some(time), Some((message, message_at))) => Ok(Filed { at, name, time, message, message_at }),
            _ => Err(damaged(at, "a family without a time or a message")),
        }
    }
}

/// Labels as they stand in the file.
type Labels<'a> = BTreeMap<&'a [u8], &'a [u8]>;

/// A family as it stands in the file.
struct Filed<'a> {
    at: usize,
    name: &'a [u8],
    time: u64,
    message: &'a [u8],
    message_at: usize,
}

/// The families of a group by name.
fn families(
    key: &GroupKey,
    filed: &[Filed<'_>],
    decode: &impl Fn(&[u8]) -> Result<Family, String>,
) -> Result<BTreeMap<Box<str>, Held>, ImportError> {
    let mut families = BTreeMap::new();
    for Filed { at, name, time, message, message_at } in filed {
        let mut family = decode(message).map_err(|why| damaged(*message_at, &why))?;
        if family.name.as_bytes() != *name {
            return Err(damaged(*at, "a family has another name than it is filed under"));
        }
        for metric in &mut family.metrics {
            // The official gateway stores what it shows: with the labels of the group.
            let of_group = |name: &str, value: &str| {
                key.label(name).is_some() || (name == "instance" && value.is_empty())
            };
            metric.labels.retain(|(name, value)| !of_group(name, value));
        }
        if families.insert(family.name.clone(), Held { family, time: *time }).is_some() {
            return Err(damaged(*at, "a family is there twice"));
        }
    }
    Ok(families)
}

/// The key of a group of these labels, or why there is none.
fn key(labels: &Labels<'_>) -> Result<GroupKey, String> {
    let mut texts = Vec::new();
    for (name, value) in labels {
        match (std::str::from_utf8(name), std::str::from_utf8(value)) {
            (Ok(name), Ok(value)) => texts.push((name, value)),
            _ => {
                let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
                return Err(format!("the group with {name}={value:?} is left out: no UTF-8"));
            }
        }
    }
    GroupKey::new(texts).map_err(|error| format!("a group is left out: {error}"))
}

/// The value of a push time in nanoseconds, to the last bit of what its page showed.
fn time(held: &Held) -> u64 {
    match held.family.metrics.first().map(|metric| &metric.value) {
        Some(Value::Number { value, .. }) if *value > 0.0 && *value < 1.8e10 => {
            // Seconds and their fraction apart: together they have more digits than a double.
            let (seconds, fraction) = (value.trunc(), value.fract());
            seconds as u64 * 1_000_000_000 + (fraction * 1e9).round() as u64
        }
        _ => 0,
    }
}

fn damaged(at: usize, why: &str) -> ImportError {
    ImportError { at, why: why.to_owned() }
}

impl From<Damaged> for ImportError {
    fn from(damaged: Damaged) -> ImportError {
        ImportError { at: damaged.at, why: damaged.why }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.why, self.at)
    }
}

impl std::error::Error for ImportError {}

#[cfg(test)]
mod tests;
