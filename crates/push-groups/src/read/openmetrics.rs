//! An OpenMetrics page as a push: its samples put together to metrics.

use foldhash::fast::RandomState;
use metrics_core::{FamilySnapshot, Kind, Label, Sample};

use super::label_sets::LabelSets;
use super::labels::{Group, Labels};
use super::number::{count, number};
use super::{Body, Exceeded, Limit, ReadError, ReadLimits, text};
use crate::{Bucket, Exemplar, Family, GroupKey, Help, Metric, Value, is_metric_name, quoted};

pub(super) fn read(key: &GroupKey, body: &[u8], limits: &ReadLimits) -> Result<Body, ReadError> {
    let page = match exposition::parse(exposition::Syntax::OpenMetrics1, body) {
        Ok(page) => page,
        // The official gateway knows no OpenMetrics and reads it as text: what it takes is taken here, too.
        Err(why) => {
            let why = || ReadError::Parse(format!("OpenMetrics parsing error in {why}"));
            return text::read(key, body, limits).map_err(|error| match error {
                ReadError::Parse(_) => why(),
                other => other,
            });
        }
    };
    let samples = page.families.iter().map(|family| family.samples.len()).sum::<usize>();
    if samples > limits.samples {
        return Err(Exceeded { limit: Limit::Samples, allowed: limits.samples }.into());
    }
    let mut read = Body::default();
    let group = Group::new(key);
    for family in &page.families {
        read.timestamps |= family.samples.iter().any(|sample| sample.timestamp.is_some());
        read.families.extend(self::family(family, &group, limits)?);
    }
    Ok(read)
}

/// A family of the page; none where it has no samples.
fn family(
    family: &FamilySnapshot,
    group: &Group<'_>,
    limits: &ReadLimits,
) -> Result<Option<Family>, ReadError> {
    let wrong = |why: &str| Err(ReadError::Parse(format!("OpenMetrics family {:?} {why}", family.name)));
    if family.kind == Kind::GaugeHistogram {
        return wrong("is a gaugehistogram, which a gateway has no page for");
    }
    let (created, samples): (Vec<&Sample>, Vec<&Sample>) =
        family.samples.iter().partition(|sample| suffix(family, sample) == "_created");
    let Some(first) = samples.first() else { return Ok(None) };
    let has_parts = matches!(family.kind, Kind::Histogram | Kind::Summary);
    let name = if has_parts { &family.name } else { &first.series.name };
    if !is_metric_name(name) {
        return wrong("has a name that is not [a-zA-Z_:][a-zA-Z0-9_:]*");
    }

    let (hashes, mut sets, mut labels) = (RandomState::default(), LabelSets::default(), Labels::default());
    let mut metrics: Vec<Metric> = Vec::new();
    for sample in samples {
        let bound = take_labels(&mut labels, family, sample, limits)?;
        let labels = labels.sorted();
        let found = sets.find(labels, &hashes);
        let place = found.filter(|_| has_parts).unwrap_or(metrics.len());
        if place == metrics.len() {
            let value = new_value(family.kind);
            metrics.push(Metric { labels: group.own(labels), value, created: None });
        }
        if found.is_none() {
            sets.insert(labels, place, &hashes);
        }
        if let Some(metric) = metrics.get_mut(place) {
            let exemplar = sample.exemplar.as_deref().map(exemplar).transpose()?;
            add(&mut metric.value, suffix(family, sample), sample.value, bound, exemplar);
        }
    }
    for sample in created {
        take_labels(&mut labels, family, sample, limits)?;
        let place = sets.find(labels.sorted(), &hashes);
        if let Some(metric) = place.and_then(|place| metrics.get_mut(place)) {
            metric.created = Some(sample.value);
        }
    }
    Ok(Some(Family {
        name: (**name).into(),
        help: Help::from(&*family.help),
        kind: family.kind,
        unit: family.unit.as_deref().unwrap_or_default().into(),
        metrics,
    }))
}

/// What of a sample's name is not the family's.
fn suffix<'a>(family: &FamilySnapshot, sample: &'a Sample) -> &'a str {
    sample.series.name.strip_prefix(&*family.name).unwrap_or_default()
}

/// Puts the labels of a sample there; gives the bucket's bound or the quantile.
fn take_labels<'a>(
    labels: &mut Labels<'a>,
    family: &FamilySnapshot,
    sample: &'a Sample,
    limits: &ReadLimits,
) -> Result<Option<f64>, ReadError> {
    let mut bound = None;
    labels.clear();
    for label in sample.series.labels.iter() {
        if label.name.len() > limits.label_name {
            return Err(Exceeded { limit: Limit::LabelName, allowed: limits.label_name }.into());
        }
        if label.value.len() > limits.label_value {
            return Err(Exceeded { limit: Limit::LabelValue, allowed: limits.label_value }.into());
        }
        match (family.kind, &*label.name) {
            (Kind::Histogram, "le") | (Kind::Summary, "quantile") => bound = number(&label.value),
            _ => labels.push((&label.name, text(label)?.into())),
        }
    }
    Ok(bound)
}

fn text(label: &Label) -> Result<&str, ReadError> {
    std::str::from_utf8(&label.value).map_err(|_| {
        let value = quoted(&label.value);
        ReadError::Parse(format!("OpenMetrics label {:?} has a value that is not UTF-8: {value}", label.name))
    })
}

fn exemplar(exemplar: &metrics_core::Exemplar) -> Result<Box<Exemplar>, ReadError> {
    let label = |label: &Label| Ok((Box::from(&*label.name), Box::from(text(label)?)));
    Ok(Box::new(Exemplar {
        labels: exemplar.labels.iter().map(label).collect::<Result<_, ReadError>>()?,
        value: exemplar.value,
        timestamp: exemplar.timestamp,
    }))
}

fn new_value(kind: Kind) -> Value {
    match kind {
        Kind::Histogram => Value::Histogram { count: 0, sum: 0.0, buckets: Vec::new() },
        Kind::Summary => Value::Summary { count: 0, sum: 0.0, quantiles: Vec::new() },
        _ => Value::Number { value: 0.0, exemplar: None },
    }
}

/// Adds what a sample says to the numbers of its metric.
fn add(into: &mut Value, suffix: &str, number: f64, bound: Option<f64>, example: Option<Box<Exemplar>>) {
    match (into, suffix) {
        (Value::Number { value, exemplar }, _) => (*value, *exemplar) = (number, example),
        (Value::Histogram { sum, .. } | Value::Summary { sum, .. }, "_sum") => *sum = number,
        (Value::Histogram { count: all, .. } | Value::Summary { count: all, .. }, "_count") => {
            *all = count(number);
        }
        (Value::Histogram { buckets, .. }, _) => {
            buckets.extend(bound.map(|le| Bucket { le, count: count(number), exemplar: example }));
        }
        (Value::Summary { quantiles, .. }, _) => {
            quantiles.extend(bound.map(|quantile| (quantile, number)));
        }
    }
}

#[cfg(test)]
mod tests;
