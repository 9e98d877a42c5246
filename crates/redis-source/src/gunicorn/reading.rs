//! Reads what gunicorn-prometheus-exporter has written.
//!
//! Two kinds of round trips: a walk through the keyspace, a thousand places of its table at a time, as the client keeps
//! no list of its keys (where most are other people's, not at every scrape); and one for every ten thousand numbers. What a key means is kept, so that twins are asked for
//! when a hash is seen first.

use std::sync::Arc;

use collector::{OriginId, SeriesId, Tally};
use foldhash::{HashMap, HashMapExt};
use metrics_core::{Kind, Mode, Process};
use redis_link::redis::{Pipeline, Value};

use super::{ValueKey, is_phantom, kind_of, meaning, pattern, twin, value_key};
use crate::bad::Reason;
use crate::number::number;
use crate::reading::{Asking, Trouble};
use crate::scan::{Renewed, Walk};

/// What is kept from scrape to scrape.
#[derive(Default)]
pub(crate) struct Kept {
    walk: Walk,
    /// Those of them that are read, in the order in which they count.
    known: Vec<Known>,
    /// Those of them that nobody had an original key of: the client writes it a moment after the number.
    lacking: Vec<Vec<u8>>,
    /// By hash, what the original keys are.
    originals: HashMap<Box<[u8]>, Arc<[u8]>>,
}

/// A key whose number is read.
struct Known {
    key: Vec<u8>,
    series: SeriesId,
    origin: OriginId,
    /// The pid, where it matters whether it lives.
    live: Option<Box<str>>,
    /// Whether the time at which it was set counts.
    timed: bool,
    /// Whether it had no number the last time: a key may go away between a walk and the question.
    missed: bool,
}

/// What a database is read with.
pub(crate) struct Settings<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) labels: &'a [(String, String)],
    pub(crate) pids_are_local: bool,
}

/// Reads all numbers into the tally; how many keys there were.
pub(crate) fn read(
    asking: &Asking<'_>,
    settings: &Settings<'_>,
    kept: &mut Kept,
    tally: &mut Tally,
) -> Result<usize, Trouble> {
    let renewed = kept.walk.renew(asking, &pattern(settings.prefix))?;
    if renewed == Renewed::Changed || is_there_now(asking, &kept.lacking)? {
        // Where that fails, the walk is one that was not made.
        let walk = std::mem::take(&mut kept.walk);
        learn(asking, settings, kept, &walk.keys, tally)?;
        kept.walk = walk;
    }
    let mut numbers = Vec::with_capacity(kept.known.len());
    let ask = |pipeline: &mut Pipeline, known: &Known| {
        if known.timed {
            pipeline.cmd("HMGET").arg(&known.key).arg("value").arg("timestamp");
        } else {
            pipeline.cmd("HGET").arg(&known.key).arg("value");
        }
    };
    asking.for_each(&kept.known, ask, |_, answer| numbers.push(answer))?;
    let mut reporting = None;
    for (known, answer) in kept.known.iter_mut().zip(numbers) {
        let Some((value, time)) = told(asking, known, answer, renewed) else { continue };
        let is_dead = |pid: &str| !std::path::Path::new("/proc").join(pid).exists();
        if settings.pids_are_local && known.live.as_deref().is_some_and(is_dead) {
            continue;
        }
        if reporting != Some(known.origin) {
            tally.report(known.origin);
            reporting = Some(known.origin);
        }
        tally.add(known.series, value, time);
    }
    Ok(kept.walk.keys.len())
}

/// Value and time of an answer, if it has them.
fn told(asking: &Asking<'_>, known: &mut Known, answer: Value, renewed: Renewed) -> Option<(f64, f64)> {
    let (value, time) = match answer {
        Value::Array(parts) => {
            let mut parts = parts.into_iter();
            (parts.next().unwrap_or(Value::Nil), parts.next().unwrap_or(Value::Nil))
        }
        value => (value, Value::Nil),
    };
    let missed = std::mem::replace(&mut known.missed, false);
    match value {
        Value::BulkString(text) => {
            let Some(value) = number(&text) else {
                asking.leave_out(&known.key, Reason::Number, "its value is no number");
                return None;
            };
            let time = match time {
                Value::BulkString(time) => number(&time).unwrap_or(0.0),
                _ => 0.0,
            };
            Some((value, time))
        }
        Value::ServerError(_) => {
            asking.leave_out(&known.key, Reason::WrongType, "it is no hash");
            None
        }
        _ => {
            // Without a walk nobody knows whether the key is there at all.
            known.missed = renewed != Renewed::Unseen;
            if missed && known.missed {
                asking.leave_out(&known.key, Reason::Number, "it has no value");
            }
            None
        }
    }
}

/// A key, what its name says, and its original key.
type Found<'a> = (&'a [u8], ValueKey<'a>, Arc<[u8]>);

/// Finds out what the keys of a walk mean.
fn learn(
    asking: &Asking<'_>,
    settings: &Settings<'_>,
    kept: &mut Kept,
    keys: &[Vec<u8>],
    tally: &mut Tally,
) -> Result<(), Trouble> {
    let parsed = keys.iter().filter_map(|key| Some((&key[..], value_key(settings.prefix, key)?)));
    let parsed: Vec<(&[u8], ValueKey<'_>)> = parsed.filter(|(_, name)| !is_phantom(name.sort)).collect();
    learn_originals(asking, &mut kept.originals, &parsed)?;
    let mut found: Vec<Found<'_>> = Vec::with_capacity(parsed.len());
    let mut lacking = Vec::new();
    for (key, name) in parsed {
        match kept.originals.get(name.hash) {
            Some(original) => found.push((key, name, Arc::clone(original))),
            None => lacking.push(key.to_vec()),
        }
    }
    // Both lists are in the order of the walk.
    let lacked = |key: &&Vec<u8>| kept.lacking.binary_search(key).is_ok();
    lacking.iter().filter(lacked).for_each(|key| leave_out_lacking(asking, key));
    kept.lacking = lacking;
    // As Python's collector has it: file by file, in the order of their names. The order within one is ours.
    found.sort_by(|(_, a, original_a), (_, b, original_b)| {
        (a.sort, a.process, original_a).cmp(&(b.sort, b.process, original_b))
    });
    let mut series: HashMap<(&[u8], &[u8]), Option<SeriesId>> = HashMap::with_capacity(found.len());
    let place = format!("{} {}", asking.link.address(), settings.prefix);
    let mut origins: HashMap<&str, OriginId> = HashMap::new();
    kept.known.clear();
    for (key, name, original) in &found {
        let Some((kind, aggregation)) = kind_of(name.sort) else {
            asking.leave_out(key, Reason::Metadata, "its name tells a kind of metric that there is not");
            continue;
        };
        let series = series.entry((name.sort, name.hash)).or_insert_with(|| {
            let series = meaning(kind, aggregation, original).and_then(|meaning| {
                meaning.series(tally).ok_or_else(|| "the bound of its bucket is no number".to_owned())
            });
            series.map_err(|why| asking.leave_out(key, Reason::Metadata, why)).ok()
        });
        let Some(series) = *series else { continue };
        let origin = *origins.entry(name.process).or_insert_with(|| {
            let process = Process { id: name.process.to_owned(), labels: settings.labels.to_vec() };
            tally.origin(&process, &place)
        });
        let pid = || !name.process.is_empty() && name.process.bytes().all(|byte| byte.is_ascii_digit());
        kept.known.push(Known {
            key: key.to_vec(),
            series,
            origin,
            live: (aggregation.live && pid()).then(|| name.process.into()),
            timed: kind == Kind::Gauge && aggregation.mode == Mode::MostRecent,
            missed: false,
        });
    }
    Ok(())
}

/// Whether an original key that was lacking is there now.
fn is_there_now(asking: &Asking<'_>, lacking: &[Vec<u8>]) -> Result<bool, Trouble> {
    let mut there = false;
    asking.for_each(
        lacking,
        |pipeline, key| ask_for_original(pipeline, key),
        |key, answer| match answer {
            Value::BulkString(_) => there = true,
            _ => leave_out_lacking(asking, key),
        },
    )?;
    Ok(there)
}

fn leave_out_lacking(asking: &Asking<'_>, key: &[u8]) {
    asking.leave_out(key, Reason::NoMetadata, "there is no original key of it");
}

fn ask_for_original(pipeline: &mut Pipeline, key: &[u8]) {
    pipeline.cmd("HGET").arg(twin(key).unwrap_or_default()).arg("original_key");
}

/// Asks for the original keys of hashes that are new, and forgets those that are not there any more.
fn learn_originals(
    asking: &Asking<'_>,
    originals: &mut HashMap<Box<[u8]>, Arc<[u8]>>,
    parsed: &[(&[u8], ValueKey<'_>)],
) -> Result<(), Trouble> {
    let mut all: HashMap<Box<[u8]>, Arc<[u8]>> = HashMap::with_capacity(originals.len());
    let mut asked: HashMap<&[u8], ()> = HashMap::new();
    let mut first = Vec::new();
    let mut others = Vec::new();
    for &(key, name) in parsed {
        if let Some((hash, original)) = originals.get_key_value(name.hash) {
            all.entry(hash.clone()).or_insert_with(|| Arc::clone(original));
        } else if asked.insert(name.hash, ()).is_none() {
            first.push((key, name.hash));
        } else {
            others.push((key, name.hash));
        }
    }
    // One twin of each hash is enough. Where it is missing, perhaps another process has it.
    for round in [&mut first, &mut others] {
        round.retain(|(_, hash)| !all.contains_key(*hash));
        let ask = |pipeline: &mut Pipeline, (key, _): &(&[u8], &[u8])| ask_for_original(pipeline, key);
        asking.for_each(round, ask, |(key, hash), answer| match answer {
            Value::BulkString(original) => {
                all.insert((*hash).into(), original.into());
            }
            Value::ServerError(_) => asking.leave_out(key, Reason::WrongType, "its twin is no hash"),
            _ => {}
        })?;
    }
    *originals = all;
    Ok(())
}
