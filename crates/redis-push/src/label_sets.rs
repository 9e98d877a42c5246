//! The label sets that a family of a page shows: which samples are whose, and what they are to a schema.

use std::sync::Arc;

use metrics_core::{
    Aggregation, Buckets, Declaration, Desc, FamilySnapshot, Kind, Label, Mode, Sample, Series,
};
use redis_schema::LabelSet;

/// A label set that a family of a page shows.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) aggregation: Aggregation,
    /// In order of their names; without those that tell its samples apart.
    pub(crate) labels: Vec<(Box<str>, Box<str>)>,
    /// Whose it is, where there is one for each process.
    pub(crate) process: Box<str>,
    /// Of a histogram, without `+Inf`.
    pub(crate) bounds: Vec<f64>,
    /// Samples of the family that are numbers of it: which is which.
    pub(crate) numbers: Vec<(usize, usize)>,
}

/// The label sets of a family, in its order; of one that cannot be sent, why.
pub(crate) fn shown(
    family: &FamilySnapshot,
    aggregation: Aggregation,
) -> impl Iterator<Item = Result<Shown, String>> {
    let apart = match (family.kind, aggregation.mode) {
        (Kind::Histogram, _) => "le",
        (Kind::Summary, _) => "quantile",
        (Kind::Gauge, Mode::All) => "pid",
        _ => "",
    };
    // Of gauges of mode `all` each sample is a label set.
    let together = move |one: &Sample, other: &Sample| {
        matches!(family.kind, Kind::Histogram | Kind::Summary)
            && without(&one.series, apart).eq(without(&other.series, apart))
    };
    let mut begin = 0;
    family.samples.chunk_by(together).map(move |samples| {
        let first = begin;
        begin += samples.len();
        one(family, aggregation, apart, first, samples)
    })
}

fn one(
    family: &FamilySnapshot,
    aggregation: Aggregation,
    apart: &str,
    first: usize,
    samples: &[Sample],
) -> Result<Shown, String> {
    let series = &samples[0].series;
    let mut labels = without(series, apart)
        .map(|label| Ok((Box::from(&*label.name), text(&label.value)?.into())))
        .collect::<Result<Vec<_>, String>>()?;
    labels.sort_unstable();
    let mut shown =
        Shown { aggregation, labels, process: "".into(), bounds: Vec::new(), numbers: Vec::new() };
    let is = |sample: &Sample, suffix: &str| sample.series.name.strip_prefix(&*family.name) == Some(suffix);
    match family.kind {
        Kind::Counter | Kind::Gauge => {
            if apart == "pid" {
                shown.process = text(series.label(apart).unwrap_or_default())?.into();
            }
            shown.numbers.push((first, 0));
        }
        Kind::Summary => {
            for (at, sample) in samples.iter().enumerate() {
                if is(sample, "_sum") {
                    shown.numbers.push((first + at, 0));
                } else if is(sample, "_count") {
                    shown.numbers.push((first + at, 1));
                }
            }
        }
        Kind::Histogram => {
            let mut buckets = Vec::new();
            let (mut sum, mut count) = (None, None);
            for (at, sample) in samples.iter().enumerate() {
                match sample.series.label("le") {
                    Some(bound) => {
                        let bound = text(bound)?.parse::<f64>().ok().filter(|bound| !bound.is_nan());
                        buckets.push((bound.ok_or("a bound is no number")?, first + at));
                    }
                    None if is(sample, "_sum") => sum = Some(first + at),
                    None if is(sample, "_count") => count = Some(first + at),
                    None => {}
                }
            }
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            let infinite = buckets.pop_if(|(bound, _)| *bound == f64::INFINITY).map(|(_, sample)| sample);
            shown.numbers.extend(sum.map(|sample| (sample, 0)));
            shown.numbers.extend(buckets.iter().enumerate().map(|(at, &(_, sample))| (sample, 1 + at)));
            shown.numbers.extend(infinite.or(count).map(|sample| (sample, 1 + buckets.len())));
            shown.bounds = buckets.into_iter().map(|(bound, _)| bound).collect();
        }
        kind => return Err(format!("there is no way to add a family of kind {kind} up with others")),
    }
    Ok(shown)
}

impl Shown {
    /// The name that its family goes by in a schema.
    pub(crate) fn desc_name<'a>(&self, family: &'a FamilySnapshot) -> &'a str {
        match family.kind {
            Kind::Counter => family.name.strip_suffix("_total").unwrap_or(&family.name),
            _ => &family.name,
        }
    }

    /// Whether it is what this says, but for help and unit.
    pub(crate) fn is_as(&self, kind: Kind, desc: &Desc) -> bool {
        desc.kind() == kind
            && desc.aggregation() == self.aggregation
            && desc.labels().iter().eq(self.labels.iter().map(|(name, _)| name))
            && desc.buckets().bounds() == self.bounds
    }

    /// What it is to a schema: what one of these is, or something new.
    pub(crate) fn desc(&self, family: &FamilySnapshot, known: &[LabelSet]) -> Result<Arc<Desc>, String> {
        let name = self.desc_name(family);
        // Those of one family mostly come one after the other.
        let last = known.iter().rev().take(64).find(|set| {
            set.desc.name() == name && set.desc.help() == &*family.help && self.is_as(family.kind, &set.desc)
        });
        if let Some(set) = last {
            return Ok(Arc::clone(&set.desc));
        }
        let labels: Vec<&str> = self.labels.iter().map(|(name, _)| &**name).collect();
        let declared = |unit| {
            let buckets = match family.kind {
                Kind::Histogram => Some(Buckets::new(self.bounds.iter().copied())),
                _ => None,
            };
            let declared = Declaration {
                unit,
                labels: &labels,
                aggregation: Some(self.aggregation),
                buckets: buckets.transpose().map_err(|error| error.to_string())?,
                ..Declaration::new(family.kind, name, &family.help)
            };
            Desc::new(&declared).map_err(|error| error.to_string())
        };
        // A unit that the name does not end in is none to us.
        let desc = declared(family.unit.as_deref().unwrap_or_default()).or_else(|_| declared(""))?;
        Ok(Arc::new(desc))
    }
}

/// The labels of a series but one.
fn without<'a>(series: &'a Series, apart: &'a str) -> impl Iterator<Item = &'a Label> {
    series.labels.iter().filter(move |label| &*label.name != apart)
}

fn text(value: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(value).map_err(|_| "a label has a value that is no UTF-8".to_owned())
}
