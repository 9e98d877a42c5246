//! Reads what pytheus has written: one round trip, for each metric of the catalog.

use collector::{Catalog, FamilyId, OriginId, SeriesId, Tally};
use foldhash::HashMap;
use metrics_core::{Kind, Label, Process};
use redis_link::redis::{Pipeline, Value};

use super::{MetricKey, keys, labels, stated};
use crate::bad::Reason;
use crate::number::number;
use crate::reading::{Asking, Trouble, fields};

/// What is kept from scrape to scrape.
#[derive(Default)]
pub(crate) struct Kept {
    metrics: Option<Metrics>,
}

struct Metrics {
    origin: OriginId,
    families: Vec<FamilyId>,
    keys: Vec<Known>,
}

/// A key that is read.
struct Known {
    key: MetricKey,
    family: FamilyId,
    /// The series of a string.
    alone: Option<SeriesId>,
    /// By field, the series of a hash.
    fields: HashMap<Box<[u8]>, Option<SeriesId>>,
}

/// How many fields of a key are known before all are forgotten: those of label sets that are gone are of no use.
const MOST_FIELDS: usize = 100_000;

/// What a database is read with.
pub(crate) struct Settings<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) labels: &'a [(String, String)],
    pub(crate) catalog: &'a Catalog,
}

/// Reads all numbers into the tally; how many keys there were.
pub(crate) fn read(
    asking: &Asking<'_>,
    settings: &Settings<'_>,
    kept: &mut Kept,
    tally: &mut Tally,
) -> Result<usize, Trouble> {
    let metrics = match &mut kept.metrics {
        Some(metrics) => metrics,
        none => none.insert(learn(asking, settings, tally)?),
    };
    // Which of the two it is shows by which is an error: a string or a hash. As it may change, both are asked.
    let both = metrics.keys.iter().flat_map(|known| [(known, false), (known, true)]);
    let both: Vec<(&Known, bool)> = both.collect();
    let mut answers = Vec::with_capacity(both.len());
    let ask = |pipeline: &mut Pipeline, (known, is_hash): &(&Known, bool)| {
        pipeline.cmd(if *is_hash { "HGETALL" } else { "GET" }).arg(&known.key.key);
    };
    asking.for_each(&both, ask, |_, answer| answers.push(answer))?;
    for &family in &metrics.families {
        tally.expect(family);
    }
    tally.report(metrics.origin);
    let mut answers = answers.into_iter();
    let mut there = 0;
    for known in &mut metrics.keys {
        let (Some(string), Some(hash)) = (answers.next(), answers.next()) else { break };
        match (string, hash) {
            (Value::BulkString(text), _) => {
                there += 1;
                let alone = known.alone.or_else(|| series(tally, known, Vec::new()));
                known.alone = alone;
                add(asking, tally, alone, &text, &known.key.key);
            }
            (Value::ServerError(_), Value::ServerError(_)) => {
                asking.leave_out(&known.key.key, Reason::WrongType, "it is neither a string nor a hash");
            }
            (_, hash) => {
                let fields = fields(hash);
                there += usize::from(!fields.is_empty());
                for (field, text) in fields {
                    let place = || [&known.key.key[..], b" ", &field].concat();
                    let series = match known.fields.get(&field[..]) {
                        Some(series) => *series,
                        None => {
                            let series = labels(&field).and_then(|labels| series(tally, known, labels));
                            if known.fields.len() >= MOST_FIELDS {
                                known.fields.clear();
                            }
                            known.fields.insert(field.clone().into(), series);
                            series
                        }
                    };
                    if series.is_none() {
                        asking.leave_out(&place(), Reason::Labels, "its field holds no labels");
                    }
                    add(asking, tally, series, &text, &place());
                }
            }
        }
    }
    Ok(there)
}

fn add(asking: &Asking<'_>, tally: &mut Tally, series: Option<SeriesId>, text: &[u8], place: &[u8]) {
    match (series, number(text)) {
        (None, _) => {}
        (Some(series), Some(value)) => tally.add(series, value, 0.0),
        (Some(_), None) => asking.leave_out(place, Reason::Number, "its value is no number"),
    }
}

/// The series of a key with these labels.
fn series(tally: &mut Tally, known: &Known, mut labels: Vec<Label>) -> Option<SeriesId> {
    if let Some(le) = &known.key.le {
        labels.retain(|label| &*label.name != "le");
        labels.push(Label::new("le", le));
    }
    tally.series(known.family, &known.key.sample, labels)
}

fn learn(asking: &Asking<'_>, settings: &Settings<'_>, tally: &mut Tally) -> Result<Metrics, Trouble> {
    let process = Process { id: "redis".to_owned(), labels: settings.labels.to_vec() };
    let origin = tally.origin(&process, &asking.link.address().to_string());
    let mut metrics = Metrics { origin, families: Vec::new(), keys: Vec::new() };
    for catalogued in settings.catalog.statements() {
        if catalogued.kind == Kind::Histogram && catalogued.bounds.is_empty() {
            let name = &catalogued.name;
            tracing::warn!(
                "the catalog has no bounds of {name}: its buckets are left out; add a line such as \
                 `{name}_bucket{{le=\"0.5\"}} 0` for each"
            );
        }
        let keys = keys(settings.prefix, &catalogued);
        let family = tally.family(&stated(catalogued));
        metrics.families.push(family);
        let known = |key| Known { key, family, alone: None, fields: HashMap::default() };
        metrics.keys.extend(keys.into_iter().map(known));
    }
    if metrics.keys.is_empty() {
        return Err(Trouble::of(
            "pytheus keeps neither kinds nor help nor bounds in Redis: a catalog must say them (a saved page of the \
             application)"
                .to_owned(),
        ));
    }
    Ok(metrics)
}
