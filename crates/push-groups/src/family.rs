//! What a push holds: families, each with its metrics.

use std::borrow::Cow;
use std::fmt;

use metrics_core::Kind;

/// One pushed family.
///
/// Its name is that of the text format 0.0.4: a counter keeps its `_total`, an info its `_info`.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The name on a text page.
    pub name: Box<str>,
    /// The help text; may be empty.
    pub help: Help,
    /// The type. [`Kind::GaugeHistogram`] is never pushed: no page could show it.
    pub kind: Kind,
    /// The unit, where an OpenMetrics body told it; else empty.
    pub unit: Box<str>,
    /// Its label sets, in the order of the body.
    pub metrics: Vec<Metric>,
}

/// A help text. Mostly it is UTF-8; but the official text reader lets any bytes through, and a page of text shows them
/// as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Help(Box<[u8]>);

/// One label set of a family, with all its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Names and values, names ascending, without those that the group has (`instance` only if it was pushed):
    /// [`series_labels`] puts them together.
    pub labels: Labels,
    /// The numbers; of the family's kind.
    pub value: Value,
    /// When counting began, in Unix seconds, where an OpenMetrics body told it.
    pub created: Option<f64>,
}

/// A name and a value.
pub type Label = (Box<str>, Box<str>);

/// The labels of a metric.
pub type Labels = Vec<Label>;

/// The numbers of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter, a gauge, an untyped one, an info, a state.
    Number {
        /// The number.
        value: f64,
        /// An example of what was counted (OpenMetrics, protobuf).
        exemplar: Option<Box<Exemplar>>,
    },
    /// Of a histogram.
    Histogram {
        /// How many were observed.
        count: u64,
        /// Their sum.
        sum: f64,
        /// In the order of the body. The last, `+Inf`, may be missing: a page shows `count` there.
        buckets: Vec<Bucket>,
    },
    /// Of a summary.
    Summary {
        /// How many were observed.
        count: u64,
        /// Their sum.
        sum: f64,
        /// Quantile (0 to 1) and value, in the order of the body.
        quantiles: Vec<(f64, f64)>,
    },
}

/// A bucket of a pushed histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Its upper bound.
    pub le: f64,
    /// How many observations are at most that: those of lower buckets among them.
    pub count: u64,
    /// One of them.
    pub exemplar: Option<Box<Exemplar>>,
}

/// An example of what was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// What identifies it, often a trace.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// Unix seconds.
    pub timestamp: Option<f64>,
}

impl Help {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text; bytes that are not UTF-8 become U+FFFD.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Help {
    fn from(text: &str) -> Help {
        Help(text.as_bytes().into())
    }
}

impl From<&[u8]> for Help {
    fn from(bytes: &[u8]) -> Help {
        Help(bytes.into())
    }
}

impl From<Vec<u8>> for Help {
    fn from(bytes: Vec<u8>) -> Help {
        Help(bytes.into())
    }
}

impl From<String> for Help {
    fn from(text: String) -> Help {
        Help(text.into_bytes().into())
    }
}

impl fmt::Display for Help {
    /// As [text](Help::to_text).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl From<Box<str>> for Help {
    fn from(text: Box<str>) -> Help {
        Help(text.into())
    }
}

/// The labels of a metric on the page, names ascending: the group's, over its own of the same name, and `instance=""`
/// where neither has an `instance`.
///
/// Source: the official push gateway (`sanitizeLabels` in `storage/diskmetricstore.go`).
pub fn series_labels<'a>(
    group: impl Iterator<Item = (&'a str, &'a str)>,
    own: &'a [Label],
) -> Vec<(&'a str, &'a str)> {
    let mut labels: Vec<(&str, &str)> = group.collect();
    let of_group = labels.len();
    for (name, value) in own {
        if !labels[..of_group].iter().any(|(its, _)| *its == &**name) {
            labels.push((name, value));
        }
    }
    if !labels.iter().any(|(name, _)| *name == "instance") {
        labels.push(("instance", ""));
    }
    labels.sort_unstable();
    labels
}
