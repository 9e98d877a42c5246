//! A metrics file as folding sees it: its dialect, its records, where they go.

use std::collections::HashMap;

use dialects::{Damage, Dialect, HEADER_LEN, parse_file_name, read_key, recognise, records};
use metrics_core::{Aggregation, Kind, Mode};

use crate::sheet::Merging;

/// What can be done with a file whose writer is dead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    /// Its numbers go into this archive.
    Fold { archive: String, dialect: Dialect, merging: Merging },
    /// It has no numbers that anybody will see again.
    Drop,
    /// It has a line for each process; the user says what becomes of it.
    All,
    /// It stays, for this reason.
    Keep(String),
}

/// How the numbers of Ruby's metrics are merged, by name: their files do not tell.
pub type Aggregations = HashMap<String, Aggregation>;

/// What becomes of a dead writer's file of this name with these bytes in use.
pub(crate) fn fate(name: &str, bytes: &[u8], known: &Aggregations) -> Fate {
    if bytes.len() <= HEADER_LEN {
        return Fate::Drop;
    }
    let Some(dialect) = recognise(name, bytes) else {
        return Fate::Keep("its first record is not whole".to_owned());
    };
    let Some(file) = parse_file_name(dialect, name) else {
        return Fate::Keep("its name tells no kind of metric".to_owned());
    };
    let found = match all_records(dialect, bytes) {
        Ok(found) => found,
        Err(damage) => return Fate::Keep(format!("damaged {damage}")),
    };
    let aggregation = match (dialect, file.kind) {
        (Dialect::Ruby, _) => match ruby_aggregation(file.metric.unwrap_or_default(), &found, known) {
            Some(aggregation) => aggregation,
            None => {
                return Fate::Keep(
                    "how its numbers are merged is not known; a catalog would tell".to_owned(),
                );
            }
        },
        (_, Some(Kind::Gauge)) => file.aggregation.unwrap_or(Aggregation::ALL),
        (_, Some(_)) => Aggregation::SUM,
        (_, None) => return Fate::Keep("its name tells no kind of metric".to_owned()),
    };
    if aggregation.live {
        return Fate::Drop;
    }
    let counts = dialect != Dialect::Ruby && file.kind != Some(Kind::Gauge)
        || dialect == Dialect::Ruby && is_counted(file.metric.unwrap_or_default(), &found);
    let merging = match aggregation.mode {
        Mode::Sum => Merging::Sum { counts },
        Mode::Min => Merging::Least,
        Mode::Max => Merging::Greatest,
        Mode::MostRecent => Merging::Latest,
        Mode::All => return Fate::All,
        _ => return Fate::Keep(format!("gauges merged by {aggregation} cannot be folded")),
    };
    if matches!(merging, Merging::Least | Merging::Greatest)
        && found.iter().any(|(_, value, _)| value.is_nan())
    {
        return Fate::Keep("it has a NaN, which is merged by the order of the files".to_owned());
    }
    match dialects::archive_name(dialect, &file) {
        Some(archive) => Fate::Fold { archive, dialect, merging },
        None => Fate::Keep("there is no archive for its kind".to_owned()),
    }
}

/// Key, number and time of a record.
pub(crate) type Entry<'a> = (&'a [u8], f64, f64);

/// All records of a sound file; of equal keys in Ruby's the last one, as its reader has it.
///
/// # Errors
/// Where a record or a key cannot be read.
pub(crate) fn all_records(dialect: Dialect, bytes: &[u8]) -> Result<Vec<Entry<'_>>, Damage> {
    let mut found = Vec::new();
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    for record in records(dialect, bytes, HEADER_LEN) {
        let record = record?;
        read_key(dialect, record.key).map_err(|damage| Damage { at: record.at, ..damage })?;
        let entry = (record.key, record.value, record.timestamp);
        if dialect == Dialect::Ruby
            && let Some(before) = places.insert(record.key, found.len())
        {
            places.insert(record.key, before);
            found[before] = entry;
        } else {
            found.push(entry);
        }
    }
    Ok(found)
}

/// How the numbers of a Ruby metric are merged: as somebody said, or as what can only be counted is.
fn ruby_aggregation(metric: &str, found: &[Entry<'_>], known: &Aggregations) -> Option<Aggregation> {
    known.get(metric).copied().or_else(|| is_counted(metric, found).then_some(Aggregation::SUM))
}

/// Whether a Ruby metric is a counter, a histogram or a summary, for sure.
fn is_counted(metric: &str, found: &[Entry<'_>]) -> bool {
    let has_bound = |key: &[u8]| {
        read_key(Dialect::Ruby, key)
            .is_ok_and(|key| key.labels.iter().any(|label| matches!(&*label.name, "le" | "quantile")))
    };
    metric.ends_with("_total") || !found.is_empty() && found.iter().all(|(key, ..)| has_bound(key))
}
