//! What a record is about, as a line of a page would say it.

use dialects::{Dialect, KeyText};

use super::nature::Nature;
use super::text::{push_quoted, visible};

/// The name of a record's sample. Ruby's keys have none: there it is the metric, which the file's name tells.
pub(crate) fn sample_name<'a>(nature: &'a Nature, key: &'a KeyText<'_>) -> &'a str {
    match nature.dialect {
        Some(Dialect::Ruby) => nature.metric.as_deref().unwrap_or_default(),
        _ => &key.sample,
    }
}

/// The name of a record's family.
pub(crate) fn family_name<'a>(nature: &'a Nature, key: &'a KeyText<'_>) -> &'a str {
    match nature.dialect {
        Some(Dialect::Ruby) => nature.metric.as_deref().unwrap_or_default(),
        _ => &key.family,
    }
}

/// `name{label="value"}`, escaped for a terminal.
pub(crate) fn series_text<'a>(name: &str, labels: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut out = visible(name.as_bytes());
    let mut before = '{';
    for (name, value) in labels {
        out.push(before);
        out.push_str(&visible(name.as_bytes()));
        out.push('=');
        push_quoted(&mut out, value);
        before = ',';
    }
    if before == ',' {
        out.push('}');
    }
    out
}

/// The labels of a key.
pub(crate) fn labels_of<'a>(key: &'a KeyText<'_>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    key.labels.iter().map(|label| (&*label.name, &*label.value))
}
