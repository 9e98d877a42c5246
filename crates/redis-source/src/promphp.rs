//! Keys and values of PromPHP's adapters Redis, RedisNg and Predis.
//!
//! Counters, gauges and histograms are hashes, listed in a set for each kind. The field `__meta` says what the family is;
//! the other fields are label values as JSON, of histograms with a bucket, whose numbers are not cumulative. Of summaries
//! each observation is a key of its own, which expires; what is shown are those that are left.
//!
//! Source: prometheus_client_php, `Storage/AbstractRedis.php`, `RedisNg.php`, `Math.php`; recorded databases.

mod base64;
pub(crate) mod inside;
pub(crate) mod reading;
mod summary;
#[cfg(test)]
mod tests;

use collector::{Rules, Statement};
use metrics_core::{Aggregation, Kind, Label};
use serde_json::Value;

use crate::number::{number, shortest};

pub(crate) use summary::{SUMMARIES, SummaryKey, quantile, summary_key};

/// The field that says what a family is.
pub(crate) const META: &[u8] = b"__meta";

/// What a family's metadata say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) statement: Statement,
    pub(crate) label_names: Vec<String>,
    /// Of summaries.
    pub(crate) quantiles: Vec<f64>,
}

/// The kinds that are listed in sets.
pub(crate) const LISTED: [Kind; 3] = [Kind::Counter, Kind::Gauge, Kind::Histogram];

/// The set of the keys of a kind.
pub(crate) fn index(prefix: &str, kind: Kind) -> String {
    format!("{prefix}{kind}_METRIC_KEYS")
}

/// What metadata say, or why nobody can say it.
pub(crate) fn family(kind: Kind, meta: &[u8]) -> Result<Family, String> {
    let meta: Value = serde_json::from_slice(meta).map_err(|error| error.to_string())?;
    let text = |name: &str| meta.get(name).and_then(Value::as_str);
    let list = |name: &str| meta.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let name = text("name").filter(|name| !name.is_empty()).ok_or("its metadata have no name")?;
    if let Some(other) = text("type")
        && other != kind.as_str()
    {
        return Err(format!("it is listed as a {kind}, and its metadata say {other:?}"));
    }
    let label_names: Option<Vec<String>> =
        list("labelNames").iter().map(|name| name.as_str().map(str::to_owned)).collect();
    let bounds = list("buckets").iter().filter_map(|bound| shown(bound)?.parse().ok());
    let statement = Statement {
        name: name.into(),
        help: text("help").unwrap_or_default().into(),
        unit: None,
        kind,
        // One number for all processes: there is nothing to merge, unless one label set is spelled in two ways.
        aggregation: Aggregation::SUM,
        // Buckets each with its own count, those that were never touched lacking. A summary lacks nothing.
        rules: if kind == Kind::Summary { Rules::Python } else { Rules::Ruby },
        bounds: bounds.map(|bound: f64| shortest(bound).into()).collect(),
    };
    let quantiles = list("quantiles").iter().filter_map(Value::as_f64).collect();
    let label_names = label_names.ok_or("its metadata have a label name that is no text")?;
    Ok(Family { statement, label_names, quantiles })
}

/// The sample and the labels that a field of a family's hash stands for, or why nobody can say.
pub(crate) fn field(family: &Family, field: &[u8]) -> Result<(String, Vec<Label>), String> {
    let name = &family.statement.name;
    let json: Value =
        serde_json::from_slice(field).map_err(|error| format!("its field is no JSON: {error}"))?;
    if family.statement.kind != Kind::Histogram {
        return Ok((name.to_string(), labels(&family.label_names, &json)?));
    }
    let values = json.get("labelValues").ok_or("its field has no labelValues")?;
    let mut labels = labels(&family.label_names, values)?;
    let bucket = json.get("b").and_then(shown).ok_or("its field has no bucket")?;
    if bucket == "sum" {
        return Ok((format!("{name}_sum"), labels));
    }
    let bound = number(bucket.as_bytes()).ok_or_else(|| format!("the bucket {bucket:?} is no number"))?;
    labels.push(Label::new("le", &shortest(bound)));
    Ok((format!("{name}_bucket"), labels))
}

/// The labels that a list of values gives these names.
pub(crate) fn labels(names: &[String], values: &Value) -> Result<Vec<Label>, String> {
    let values = values.as_array().ok_or("its label values are no list")?;
    if values.len() != names.len() {
        return Err(format!("it has {} label values for {} names", values.len(), names.len()));
    }
    let label = |(name, value): (&String, &Value)| Some(Label::new(name, &shown(value)?));
    let labels: Option<Vec<Label>> = names.iter().zip(values).map(label).collect();
    labels.ok_or_else(|| "a label value is no text".to_owned())
}

/// The labels that stand in a summary's keys.
pub(crate) fn encoded_labels(names: &[String], encoded: &[u8]) -> Result<Vec<Label>, String> {
    let text = base64::decoded(encoded).ok_or("its labels are no base64")?;
    let values: Value =
        serde_json::from_slice(&text).map_err(|error| format!("its labels are no JSON: {error}"))?;
    labels(names, &values)
}

/// A value as PHP prints it; none for what is no single value.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => shortest(number.as_f64()?),
        }),
        Value::Bool(true) => Some("1".to_owned()),
        Value::Bool(false) | Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
