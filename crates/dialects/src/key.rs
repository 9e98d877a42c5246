//! Keys: what a record's number is about, as text and taken apart.

use std::borrow::Cow;

use metrics_core::{Desc, Kind, Label, Mode, Part, number};

use crate::name::printed_name;
use crate::ruby_float::ruby_float;
use crate::{Damage, Dialect, Era, json, query};

/// A key, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The family; empty in Ruby's keys, whose file name has it.
    pub family: String,
    /// The sample name; empty in Ruby's keys.
    pub sample: String,
    /// The labels in the order of the key, no two of one name. Ruby: `le` and `quantile` hold `sum`, `count`
    /// and bounds.
    pub labels: Vec<Label>,
    /// Python from 0.16 on.
    pub help: Option<String>,
}

/// A key taken apart, its texts borrowed from it as far as nothing in them is escaped; of [`Key`]'s shape.
///
/// For readers that meet many keys and own little of each.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyText<'a> {
    /// The family; empty in Ruby's keys.
    pub family: Cow<'a, str>,
    /// The sample name; empty in Ruby's keys.
    pub sample: Cow<'a, str>,
    /// The labels in the order of the key, no two of one name.
    pub labels: Vec<LabelText<'a>>,
    /// Python from 0.16 on.
    pub help: Option<Cow<'a, str>>,
}

/// A label of a [`KeyText`].
#[derive(Clone, Debug, PartialEq)]
pub struct LabelText<'a> {
    /// The name.
    pub name: Cow<'a, str>,
    /// The value, unescaped.
    pub value: Cow<'a, [u8]>,
}

impl KeyText<'_> {
    /// The same key, owning its texts.
    pub fn into_key(self) -> Key {
        let own = |label: LabelText<'_>| Label { name: (*label.name).into(), value: (*label.value).into() };
        Key {
            family: self.family.into_owned(),
            sample: self.sample.into_owned(),
            labels: self.labels.into_iter().map(own).collect(),
            help: self.help.map(Cow::into_owned),
        }
    }
}

/// Decodes a key.
///
/// The Python and GitLab clients' keys are JSON; any of their four spellings is taken for any of these
/// dialects. Lone surrogates become U+FFFD; numbers and truth values, which GitLab's client keeps as such, their
/// text; null is empty. Ruby's are query strings, of which few are refused. Where a label stands twice, the
/// client's own reader decides: the last value in JSON, the first in a query string.
///
/// # Errors
/// Where the text is not what the dialect's client writes; offsets count from the key's first byte.
///
/// ```
/// use dialects::{Damage, Dialect, Key, decode_key};
/// use metrics_core::Label;
///
/// let key = br#"["jobs", "jobs_total", {"queue": "caf\u00e9"}, "Jobs done."]"#;
/// let decoded = Key {
///     family: "jobs".into(),
///     sample: "jobs_total".into(),
///     labels: vec![Label::new("queue", "café")],
///     help: Some("Jobs done.".into()),
/// };
/// assert_eq!(decode_key(Dialect::PYTHON, key), Ok(decoded));
///
/// let labels = decode_key(Dialect::Ruby, b"le=%2BInf&path=a+b").unwrap().labels;
/// assert_eq!(labels, [Label::new("le", "+Inf"), Label::new("path", "a b")]);
///
/// let broken = decode_key(Dialect::Gitlab, br#"["jobs","jobs",["queue"],[]]"#);
/// assert_eq!(broken, Err(Damage { at: 26, why: "fewer label values than names" }));
/// ```
pub fn decode_key(dialect: Dialect, key: &[u8]) -> Result<Key, Damage> {
    read_key(dialect, key).map(KeyText::into_key)
}

/// [`decode_key`] without owning what it reads: allocates only the list of labels, and texts that are escaped.
///
/// # Errors
/// As [`decode_key`].
///
/// ```
/// use std::borrow::Cow;
/// let key = dialects::read_key(dialects::Dialect::Ruby, b"code=200&path=%2F")?;
/// assert!(matches!(key.labels[0].value, Cow::Borrowed(b"200")));
/// assert_eq!(key.labels[1].value, Cow::Borrowed(b"/"));
/// # Ok::<(), dialects::Damage>(())
/// ```
pub fn read_key(dialect: Dialect, key: &[u8]) -> Result<KeyText<'_>, Damage> {
    match dialect {
        Dialect::Python(_) | Dialect::Gitlab => json::decode(key),
        Dialect::Ruby => query::decode(key),
    }
}

/// The text of a key, byte for byte as the dialect's client writes it; labels in the order given.
///
/// What the dialect has no place for is left out: help in all but Python from 0.16 on, names in Ruby. GitLab's
/// label values all become texts. Label values that are not UTF-8 survive in Ruby's keys; elsewhere the bytes
/// become U+FFFD.
///
/// ```
/// use dialects::{Dialect, decode_key, encode_key};
/// let text = br#"["jobs", "jobs_total", {"queue": "caf\u00e9"}, "Jobs done."]"#;
/// let key = decode_key(Dialect::PYTHON, text)?;
/// assert_eq!(encode_key(Dialect::PYTHON, &key), text);
/// assert_eq!(encode_key(Dialect::Ruby, &key), b"queue=caf%C3%A9");
/// # Ok::<(), dialects::Damage>(())
/// ```
pub fn encode_key(dialect: Dialect, key: &Key) -> Vec<u8> {
    match dialect {
        Dialect::Python(era) => json::encode_python(era, key),
        Dialect::Gitlab => json::encode_gitlab(key),
        Dialect::Ruby => query::encode(key),
    }
}

/// The keys of a child's records in the order in which the client writes them, each with the number it holds.
///
/// Python: a counter's value; a summary's count, sum; a histogram's sum, then every bucket. Ruby's client
/// writes a record when it is first touched; the order is that of `init_label_set`: a histogram's buckets, then
/// its sum; a summary's count, sum. GitLab: a summary's sum, count; a histogram's too, then the bucket `+Inf` and the
/// others; its buckets are cumulative on disk, so that a writer of that dialect counts an observation in all buckets
/// from its own on.
///
/// `labels` are the values of [`Desc::labels`], in that order. Where `desc` is aggregated by `all`, Ruby's keys
/// hold `process` in a label `pid`; the other clients keep it in the file name alone.
///
/// ```
/// use dialects::{Dialect, keys};
/// use metrics_core::{Declaration, Desc, Kind, Part};
///
/// let declared = Declaration { labels: &["path"], ..Declaration::new(Kind::Summary, "size", "Size.") };
/// let size = Desc::new(&declared)?;
/// let [(count, key), (sum, _)] = &keys(Dialect::PYTHON, &size, &["/"], "4711")[..] else { panic!() };
/// assert_eq!((*count, *sum), (Part::Count, Part::Sum));
/// assert_eq!(key, br#"["size", "size_count", {"path": "/"}, "Size."]"#);
///
/// assert_eq!(keys(Dialect::Ruby, &size, &["/"], "4711")[1], (Part::Sum, b"path=%2F&quantile=sum".to_vec()));
/// # Ok::<(), metrics_core::DeclareError>(())
/// ```
pub fn keys(dialect: Dialect, desc: &Desc, labels: &[&str], process: &str) -> Vec<(Part, Vec<u8>)> {
    // Python before 0.4 knew no difference between a family and its sample.
    let family = match dialect {
        Dialect::Python(Era::F0) | Dialect::Gitlab => printed_name(desc).into_owned(),
        Dialect::Python(_) => desc.name().to_owned(),
        Dialect::Ruby => String::new(),
    };
    let mut common: Vec<Label> =
        desc.labels().iter().zip(labels).map(|(name, value)| Label::new(name, value)).collect();
    if dialect == Dialect::Ruby && desc.aggregation().mode == Mode::All {
        common.push(Label::new("pid", process));
    }
    // By name; bytes of UTF-8 sort as code points. Only Python before 0.4 kept the order of the declaration.
    let sorted = dialect != Dialect::Python(Era::F0);
    if sorted {
        common.sort_unstable();
    }

    let key = |suffix: &str, special: Option<Label>| {
        let mut labels = common.clone();
        if let Some(special) = special {
            let at =
                if sorted { labels.partition_point(|label| label.name < special.name) } else { labels.len() };
            labels.insert(at, special);
        }
        let sample = match (dialect, suffix) {
            (Dialect::Ruby, _) => String::new(),
            (_, "") => printed_name(desc).into_owned(),
            _ => format!("{}{suffix}", desc.name()),
        };
        encode_key(
            dialect,
            &Key { family: family.clone(), sample, labels, help: Some(desc.help().to_owned()) },
        )
    };
    parts(dialect, desc)
        .into_iter()
        .map(|part| {
            let text = match (dialect, part) {
                (_, Part::Bucket(index)) => {
                    key("_bucket", Some(Label::new("le", &bound(dialect, desc, index))))
                }
                (Dialect::Ruby, Part::Sum) if desc.kind() == Kind::Histogram => {
                    key("", Some(Label::new("le", "sum")))
                }
                (Dialect::Ruby, Part::Sum) => key("", Some(Label::new("quantile", "sum"))),
                (Dialect::Ruby, Part::Count) => key("", Some(Label::new("quantile", "count"))),
                (_, Part::Sum) => key("_sum", None),
                (_, Part::Count) => key("_count", None),
                _ => key("", None),
            };
            (part, text)
        })
        .collect()
}

/// The numbers that a dialect keeps of a child, in the order of its records.
fn parts(dialect: Dialect, desc: &Desc) -> Vec<Part> {
    let last = desc.buckets().bounds().len();
    let buckets = (0..=last).map(Part::Bucket);
    match (desc.kind(), dialect) {
        (Kind::Histogram, Dialect::Gitlab) => {
            [Part::Sum, Part::Count, Part::Bucket(last)].into_iter().chain(buckets.take(last)).collect()
        }
        (Kind::Histogram, Dialect::Python(_)) => [Part::Sum].into_iter().chain(buckets).collect(),
        (Kind::Histogram, Dialect::Ruby) => buckets.chain([Part::Sum]).collect(),
        (Kind::Summary, Dialect::Gitlab) => vec![Part::Sum, Part::Count],
        (Kind::Summary, _) => vec![Part::Count, Part::Sum],
        _ => vec![Part::Value],
    }
}

/// The text of a bucket's upper bound.
fn bound(dialect: Dialect, desc: &Desc, index: usize) -> String {
    match desc.buckets().bounds().get(index) {
        None => "+Inf".to_owned(),
        Some(&bound) if matches!(dialect, Dialect::Ruby | Dialect::Gitlab) => ruby_float(bound),
        Some(&bound) => String::from_utf8_lossy(&number(bound)).into_owned(),
    }
}

#[cfg(test)]
mod tests;
