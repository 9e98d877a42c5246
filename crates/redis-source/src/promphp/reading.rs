//! Reads what PromPHP has written.
//!
//! Two round trips - the sets of keys, then the hashes - and for summaries two or three more. The adapter RedisNg keeps
//! lists of their keys; for the others, the keyspace must be walked.

use std::collections::BTreeMap;

use collector::{FamilyId, OriginId, SeriesId, Tally};
use foldhash::HashMap;
use metrics_core::{Kind, Label, Process};
use redis_link::redis::{Pipeline, Value};

use super::summary::{beginning, meta_key};
use super::{Family, LISTED, META, SummaryKey, encoded_labels, family, field, index, quantile, summary_key};
use crate::bad::Reason;
use crate::number::{number, shortest};
use crate::reading::{Asking, Trouble, fields, strings};
use crate::scan::{Walk, literally};

/// What is kept from scrape to scrape.
#[derive(Default)]
pub(crate) struct Kept {
    origin: Option<OriginId>,
    /// By key of the metric, or of the metadata of a summary.
    metrics: HashMap<Vec<u8>, Metric>,
    /// Where summaries are.
    walk: Walk,
}

/// A family, and its series as far as they are known.
struct Metric {
    meta: Vec<u8>,
    family: Family,
    number: FamilyId,
    /// By field, of hashes.
    fields: HashMap<Box<[u8]>, Result<SeriesId, String>>,
    /// Whether it was there in this scrape.
    seen: bool,
}

/// How many fields of a metric are known before all are forgotten.
const MOST_FIELDS: usize = 100_000;

/// What a database is read with.
pub(crate) struct Settings<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) labels: &'a [(String, String)],
}

/// Reads all numbers into the tally; how many keys there were.
pub(crate) fn read(
    asking: &Asking<'_>,
    settings: &Settings<'_>,
    kept: &mut Kept,
    tally: &mut Tally,
) -> Result<usize, Trouble> {
    let origin = *kept.origin.get_or_insert_with(|| {
        let process = Process { id: "redis".to_owned(), labels: settings.labels.to_vec() };
        tally.origin(&process, &asking.link.address().to_string())
    });
    tally.report(origin);
    kept.metrics.values_mut().for_each(|metric| metric.seen = false);
    let (listed, summaries) = lists(asking, settings.prefix)?;
    let mut keys = listed.len();
    let ask = |pipeline: &mut Pipeline, (_, key): &Listed| {
        pipeline.cmd("HGETALL").arg(key);
    };
    asking.for_each(&listed, ask, |(kind, key), answer| match answer {
        Value::ServerError(_) => asking.leave_out(key, Reason::WrongType, "it is no hash"),
        answer => read_hash(asking, *kind, key, fields(answer), kept, tally),
    })?;
    keys += read_summaries(asking, settings.prefix, summaries, kept, tally)?;
    kept.metrics.retain(|_, metric| metric.seen);
    Ok(keys)
}

/// A metric's kind and key.
pub(super) type Listed = (Kind, Vec<u8>);

/// The keys of metrics with their kinds, sorted; and those of summaries, where there is a list.
pub(super) fn lists(asking: &Asking<'_>, prefix: &str) -> Result<(Vec<Listed>, Vec<Vec<u8>>), Trouble> {
    let mut pipeline = Pipeline::new();
    let indices: Vec<String> = LISTED.iter().map(|&kind| index(prefix, kind)).collect();
    let summaries = format!("{}keys", beginning(prefix));
    for set in indices.iter().chain([&summaries]) {
        pipeline.cmd("SMEMBERS").arg(set);
    }
    let mut answers = asking.each(&pipeline)?.into_iter();
    let mut listed = Vec::new();
    for ((kind, set), answer) in LISTED.into_iter().zip(&indices).zip(&mut answers) {
        if let Value::ServerError(_) = answer {
            asking.leave_out(set.as_bytes(), Reason::WrongType, "it is no set");
        }
        let from = listed.len();
        listed.extend(strings(answer).map(|key| (kind, key)));
        listed[from..].sort_by(|(_, a), (_, b)| a.cmp(b));
    }
    let mut summaries: Vec<Vec<u8>> = answers.next().map(strings).into_iter().flatten().collect();
    summaries.sort_unstable();
    Ok((listed, summaries))
}

/// Reads a counter, a gauge or a histogram.
fn read_hash(
    asking: &Asking<'_>,
    kind: Kind,
    key: &[u8],
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    kept: &mut Kept,
    tally: &mut Tally,
) {
    // A set keeps the key of what was deleted.
    if fields.is_empty() {
        return;
    }
    let Some((_, meta)) = fields.iter().find(|(field, _)| field == META) else {
        return asking.leave_out(key, Reason::NoMetadata, "it has no field __meta");
    };
    let Some(metric) = metric(asking, kind, key, meta, kept, tally) else { return };
    tally.expect(metric.number);
    for (name, text) in fields.iter().filter(|(field, _)| field != META) {
        let place = || [key, b" ", name].concat();
        let number_of = metric.number;
        let known = match metric.fields.get(&name[..]) {
            Some(known) => known,
            None => {
                if metric.fields.len() >= MOST_FIELDS {
                    metric.fields.clear();
                }
                let series = field(&metric.family, name).and_then(|(sample, labels)| {
                    tally
                        .series(number_of, &sample, labels)
                        .ok_or_else(|| "its bound is no number".to_owned())
                });
                metric.fields.entry(name.clone().into()).or_insert(series)
            }
        };
        match (known, number(text)) {
            (Err(why), _) => asking.leave_out(&place(), Reason::Labels, why),
            (Ok(series), Some(value)) => tally.add(*series, value, 0.0),
            (Ok(_), None) => asking.leave_out(&place(), Reason::Number, "its value is no number"),
        }
    }
}

/// What is known of the metric under this key, made anew where its metadata have changed.
fn metric<'a>(
    asking: &Asking<'_>,
    kind: Kind,
    key: &[u8],
    meta: &[u8],
    kept: &'a mut Kept,
    tally: &mut Tally,
) -> Option<&'a mut Metric> {
    if kept.metrics.get(key).is_none_or(|metric| metric.meta != meta || metric.family.statement.kind != kind)
    {
        let family = match family(kind, meta) {
            Ok(family) => family,
            Err(why) => {
                asking.leave_out(key, Reason::Metadata, why);
                return None;
            }
        };
        let number = tally.family(&family.statement);
        let fields = HashMap::default();
        let metric = Metric { meta: meta.to_vec(), family, number, fields, seen: true };
        kept.metrics.insert(key.to_vec(), metric);
    }
    let metric = kept.metrics.get_mut(key)?;
    metric.seen = true;
    Some(metric)
}

/// Observations of a family: by label values the keys.
type Observations = BTreeMap<String, BTreeMap<Vec<u8>, Vec<Vec<u8>>>>;

/// Reads all summaries; how many keys there were.
fn read_summaries(
    asking: &Asking<'_>,
    prefix: &str,
    listed: Vec<Vec<u8>>,
    kept: &mut Kept,
    tally: &mut Tally,
) -> Result<usize, Trouble> {
    let mut observations = Observations::new();
    let keys = if listed.is_empty() {
        let pattern = [literally(beginning(prefix).as_bytes()), b"*".to_vec()].concat();
        kept.walk.renew(asking, &pattern)?;
        kept.walk.keys.clone()
    } else {
        observed(asking, &listed)?
    };
    let count = keys.len();
    for key in keys {
        if let Some(SummaryKey::Observation { family, labels }) = summary_key(prefix, &key) {
            observations.entry(family).or_default().entry(labels).or_default().push(key);
        }
    }
    let families: Vec<String> = observations.keys().map(|family| meta_key(prefix, family)).collect();
    let mut metas = Vec::with_capacity(families.len());
    let ask = |pipeline: &mut Pipeline, key: &String| {
        pipeline.cmd("GET").arg(key);
    };
    asking.for_each(&families, ask, |_, answer| metas.push(answer))?;
    let mut numbers = numbers(asking, &observations)?.into_iter();
    for ((key, meta), by_labels) in families.iter().zip(metas).zip(observations.values()) {
        let numbers = numbers.by_ref().take(by_labels.len());
        let Value::BulkString(meta) = meta else {
            numbers.for_each(drop);
            asking.leave_out(key.as_bytes(), Reason::NoMetadata, "there are observations, but no metadata");
            continue;
        };
        let metric = metric(asking, Kind::Summary, key.as_bytes(), &meta, kept, tally);
        for (labels, numbers) in by_labels.keys().zip(numbers) {
            let Some(metric) = &metric else { continue };
            match encoded_labels(&metric.family.label_names, labels) {
                Ok(labels) => add_summary(tally, metric, &labels, numbers),
                Err(why) => asking.leave_out(&[key.as_bytes(), b" ", labels].concat(), Reason::Labels, why),
            }
        }
    }
    Ok(count)
}

/// The keys of observations of the families that RedisNg has listed. Its lists keep those that have expired.
pub(super) fn observed(asking: &Asking<'_>, listed: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Trouble> {
    let mut keys = Vec::new();
    let ask = |pipeline: &mut Pipeline, family: &Vec<u8>| {
        pipeline.cmd("SMEMBERS").arg([&family[..], b":value:keys"].concat());
    };
    asking.for_each(listed, ask, |_, answer| keys.extend(strings(answer)))?;
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// By label set, in order, the numbers that have not expired, sorted.
fn numbers(asking: &Asking<'_>, observations: &Observations) -> Result<Vec<Vec<f64>>, Trouble> {
    const AT_ONCE: usize = 1000;
    let by_set = observations.values().flat_map(BTreeMap::values);
    let some = by_set.enumerate().flat_map(|(set, keys)| keys.chunks(AT_ONCE).map(move |some| (set, some)));
    let some: Vec<(usize, &[Vec<u8>])> = some.collect();
    let mut numbers = vec![Vec::new(); some.last().map_or(0, |(last, _)| last + 1)];
    let ask = |pipeline: &mut Pipeline, (_, some): &(usize, &[Vec<u8>])| {
        pipeline.cmd("MGET").arg(*some);
    };
    asking.for_each(&some, ask, |(set, some), answer| {
        let Value::Array(values) = answer else { return };
        for (key, value) in some.iter().zip(values) {
            let Value::BulkString(text) = value else { continue };
            match number(&text) {
                Some(value) => numbers[*set].push(value),
                None => asking.leave_out(key, Reason::Number, "it is no number"),
            }
        }
    })?;
    numbers.iter_mut().for_each(|numbers| numbers.sort_by(f64::total_cmp));
    Ok(numbers)
}

/// Adds what is shown of the observations of one label set.
fn add_summary(tally: &mut Tally, metric: &Metric, labels: &[Label], sorted: Vec<f64>) {
    if sorted.is_empty() {
        return;
    }
    let name = &metric.family.statement.name;
    let mut add = |sample: &str, labels: Vec<Label>, value: f64| {
        if let Some(series) = tally.series(metric.number, sample, labels) {
            tally.add(series, value, 0.0);
        }
    };
    for &of in &metric.family.quantiles {
        let mut labels = labels.to_vec();
        labels.push(Label::new("quantile", &shortest(of)));
        add(name, labels, quantile(&sorted, of).unwrap_or(f64::NAN));
    }
    add(&format!("{name}_sum"), labels.to_vec(), sorted.iter().sum());
    add(&format!("{name}_count"), labels.to_vec(), sorted.len() as f64);
}
