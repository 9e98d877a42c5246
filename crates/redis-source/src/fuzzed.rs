//! What stands in databases of other clients, without a database: for the fuzz targets.

use metrics_core::{Kind, Label};

use crate::meaning::fits;
use crate::{gunicorn, number, promphp, pytheus};

/// What the key of a number of gunicorn-prometheus-exporter says.
pub fn gunicorn_key(key: &[u8]) -> Option<KeyParts<'_>> {
    let (prefix, name) = gunicorn::split_key(key)?;
    Some((prefix, name.sort, name.process, name.hash))
}

/// What it begins with, kind and mode, the process, the hash.
pub type KeyParts<'a> = (&'a [u8], &'a [u8], &'a str, &'a [u8]);

/// Whether a key is one of this prefix.
pub fn is_gunicorn_key(prefix: &str, key: &[u8]) -> bool {
    gunicorn::value_key(prefix, key).is_some()
}

/// The key of its metadata.
pub fn gunicorn_twin(key: &[u8]) -> Option<Vec<u8>> {
    gunicorn::twin(key)
}

/// Kind, family, sample and labels of an original key under a key of this sort, or why there are none; whether the sample
/// is one of the family.
pub fn gunicorn_meaning(sort: &[u8], original: &[u8]) -> Option<Result<(Meaning, bool), String>> {
    let (kind, aggregation) = gunicorn::kind_of(sort)?;
    Some(gunicorn::meaning(kind, aggregation, original).map(|meaning| {
        let family = meaning.statement.name.to_string();
        let fits = fits(kind, &family, &meaning.sample);
        ((kind, family, meaning.sample, meaning.labels), fits)
    }))
}

/// Kind, family, sample, labels.
pub type Meaning = (Kind, String, String, Vec<Label>);

/// The labels in a field of pytheus.
pub fn pytheus_labels(field: &[u8]) -> Option<Vec<Label>> {
    pytheus::labels(field)
}

/// What metadata of PromPHP say: the family, the names of its labels, and the samples that fields of its hash stand for.
pub fn promphp(kind: Kind, meta: &[u8], field: &[u8]) -> Result<(String, Vec<String>, PromPhpField), String> {
    let family = promphp::family(kind, meta)?;
    let sample = promphp::field(&family, field);
    Ok((family.statement.name.to_string(), family.label_names, sample))
}

/// The sample and the labels of a field.
pub type PromPhpField = Result<(String, Vec<Label>), String>;

/// The labels in the key of a summary.
pub fn promphp_labels(names: &[String], encoded: &[u8]) -> Result<Vec<Label>, String> {
    promphp::encoded_labels(names, encoded)
}

/// A quantile of sorted numbers.
pub fn quantile(sorted: &[f64], of: f64) -> Option<f64> {
    promphp::quantile(sorted, of)
}

/// The family and the encoded labels in the key of a summary's observation.
pub fn promphp_summary(prefix: &str, key: &[u8]) -> Option<(String, Option<Vec<u8>>)> {
    promphp::summary_key(prefix, key).map(|key| match key {
        promphp::SummaryKey::Meta { family } => (family, None),
        promphp::SummaryKey::Observation { family, labels } => (family, Some(labels)),
    })
}

/// The number that a text spells.
pub fn number(text: &[u8]) -> Option<f64> {
    number::number(text)
}
