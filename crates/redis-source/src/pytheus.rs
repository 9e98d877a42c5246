//! Keys and values of pytheus, of its Python and its Rust backend.
//!
//! A metric is a string `NAME` or, with labels, a hash `NAME` whose fields are labels as JSON; a histogram and a summary
//! are several, `NAME:0.1`, `NAME:+Inf`, `NAME:count`, `NAME:sum`, buckets cumulative. Nothing in Redis says what a metric
//! is: that is in a catalog.
//!
//! Source: pytheus 0.6.1, `backend/redis.py`; pytheus-backend-rs 0.0.9; recorded databases.

pub(crate) mod inside;
pub(crate) mod reading;
#[cfg(test)]
mod tests;

use collector::{Rules, Statement};
use metrics_core::{Kind, Label};
use serde_json::Value;

use crate::number::{as_python, number, shortest};

/// A key of a metric, and what its numbers are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetricKey {
    pub(crate) key: Vec<u8>,
    pub(crate) sample: String,
    /// The bound, where it is a bucket.
    pub(crate) le: Option<Box<str>>,
}

/// The statement of a family of the catalog, as pytheus' numbers are to be merged: they are already.
pub(crate) fn stated(catalogued: Statement) -> Statement {
    // Buckets as GitLab's, cumulative and beside a count.
    Statement { rules: Rules::Gitlab, bounds: std::sync::Arc::from([]), ..catalogued }
}

/// The keys that a family of the catalog has.
///
/// The Rust backend spells a bound otherwise than it looks for it: both spellings are asked for.
pub(crate) fn keys(prefix: &str, family: &Statement) -> Vec<MetricKey> {
    let name = &family.name;
    // As its configuration `key_prefix` makes it.
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}-") };
    let key = |suffix: &str, sample: String, le: Option<&str>| MetricKey {
        key: format!("{prefix}{name}{suffix}").into_bytes(),
        sample,
        le: le.map(Box::from),
    };
    let part = |part: &str| key(&format!(":{part}"), format!("{name}_{part}"), None);
    match family.kind {
        Kind::Histogram => {
            let mut keys = Vec::new();
            for bound in family.bounds.iter().map(|bound| &**bound).chain(["+Inf"]) {
                for spelling in spellings(bound) {
                    keys.push(key(&format!(":{spelling}"), format!("{name}_bucket"), Some(bound)));
                }
            }
            keys.extend([part("count"), part("sum")]);
            keys
        }
        Kind::Summary => vec![part("count"), part("sum")],
        _ => vec![key("", name.to_string(), None)],
    }
}

/// How a bound may be spelled, its own spelling first.
fn spellings(bound: &str) -> Vec<String> {
    let mut spellings = vec![bound.to_owned()];
    if let Some(number) = number(bound.as_bytes()) {
        for other in [shortest(number), as_python(number)] {
            if !spellings.contains(&other) {
                spellings.push(other);
            }
        }
    }
    spellings
}

/// The labels in the field of a hash, sorted by name: processes write them in any order. None where it is no JSON object
/// of texts.
pub(crate) fn labels(field: &[u8]) -> Option<Vec<Label>> {
    let Value::Object(object) = serde_json::from_slice(field).ok()? else { return None };
    let mut labels = Vec::with_capacity(object.len());
    for (name, value) in object {
        labels.push(Label::new(&name, &text(value)?));
    }
    labels.sort();
    Some(labels)
}

/// A label's value as Python prints it.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null => Some("None".to_owned()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
