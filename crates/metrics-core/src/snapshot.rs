//! Finished families, ready to encode.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use crate::Kind;

/// Finished families, sorted or in the order of their source, ready to encode.
///
/// Plain data. Series are shared, so that whoever makes a snapshot after a snapshot keeps them and writes
/// only the values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The families, no two of one name.
    pub families: Vec<FamilySnapshot>,
}

/// One family of a [`Snapshot`].
#[derive(Clone, Debug, PartialEq)]
pub struct FamilySnapshot {
    /// The OpenMetrics name: of a counter without `_total`, of an info without `_info`.
    pub name: Arc<str>,
    /// The help text; may be empty.
    pub help: Arc<str>,
    /// The unit, where it is known.
    pub unit: Option<Arc<str>>,
    /// The type.
    pub kind: Kind,
    /// Of a counter without samples: whether they would have the family's name, as of clients that do not insist
    /// on `_total`. Where there are samples, the first one tells.
    pub bare: bool,
    /// The samples; those of one label set stand together.
    pub samples: Vec<Sample>,
}

impl FamilySnapshot {
    /// A family of single numbers, each with its labels: those of a counter end in `_total`, all others have the
    /// family's name.
    ///
    /// ```
    /// use metrics_core::{FamilySnapshot, Kind, Label};
    ///
    /// let numbers = [(vec![Label::new("code", "200")], 7.0)];
    /// let family = FamilySnapshot::of_numbers(Kind::Counter, "served", "Requests served.", numbers);
    /// assert_eq!((&*family.name, &*family.samples[0].series.name), ("served", "served_total"));
    /// ```
    pub fn of_numbers<L: Into<Arc<[Label]>>>(
        kind: Kind,
        name: &str,
        help: &str,
        numbers: impl IntoIterator<Item = (L, f64)>,
    ) -> FamilySnapshot {
        let of_sample = if kind == Kind::Counter { format!("{name}_total") } else { name.to_owned() };
        let of_sample: Arc<str> = of_sample.into();
        let sample =
            |(labels, value): (L, f64)| Sample::new(Arc::new(Series::new(of_sample.clone(), labels)), value);
        let samples = numbers.into_iter().map(sample).collect();
        FamilySnapshot { name: name.into(), help: help.into(), unit: None, kind, bare: false, samples }
    }
}

/// One line of a page: a series and its value.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What the line is about.
    pub series: Arc<Series>,
    /// The number.
    pub value: f64,
    /// Unix seconds, where the line carries a time.
    pub timestamp: Option<f64>,
    /// An example of what was counted (OpenMetrics only).
    pub exemplar: Option<Box<Exemplar>>,
}

impl Sample {
    /// A sample without time and exemplar.
    pub fn new(series: Arc<Series>, value: f64) -> Sample {
        Sample { series, value, timestamp: None, exemplar: None }
    }
}

/// What identifies a line of a page: the whole sample name and the labels.
///
/// Its texts are shared, since the lines of a page have most of them in common: those of a histogram all labels but
/// one, those of a family their names.
#[derive(Debug)]
pub struct Series {
    /// The sample's name with its suffix: `http_requests_total`, `latency_seconds_bucket`. A counter of a
    /// client that does not insist on `_total` has the name of its family.
    pub name: Arc<str>,
    /// The labels in the order of the page, `le` and `pid` among them.
    pub labels: Arc<[Label]>,
    /// Room for an encoder to keep this series' text, made at its first scrape.
    pub rendered: OnceLock<Box<[u8]>>,
}

impl Series {
    /// A series that no encoder has seen.
    pub fn new(name: impl Into<Arc<str>>, labels: impl Into<Arc<[Label]>>) -> Series {
        Series { name: name.into(), labels: labels.into(), rendered: OnceLock::new() }
    }

    /// The value of the label `name`.
    pub fn label(&self, name: &str) -> Option<&[u8]> {
        self.labels.iter().find(|label| &*label.name == name).map(|label| &*label.value)
    }
}

impl PartialEq for Series {
    /// Equal names and labels; what an encoder keeps does not count.
    fn eq(&self, other: &Series) -> bool {
        self.name == other.name && self.labels == other.labels
    }
}

/// A label of a series.
///
/// The value is bytes: files of the Ruby client can hold values that are not UTF-8, and it prints them as
/// they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// The name.
    pub name: Arc<str>,
    /// The value, unescaped.
    pub value: Arc<[u8]>,
}

impl Label {
    /// The label `name` with a text as its value.
    pub fn new(name: &str, value: &str) -> Label {
        Label { name: name.into(), value: value.as_bytes().into() }
    }

    /// The value as text; bytes that are not UTF-8 become U+FFFD.
    pub fn value_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }
}

/// An example of what a bucket or counter has counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// What identifies the example, often a trace.
    pub labels: Box<[Label]>,
    /// Its value.
    pub value: f64,
    /// Unix seconds.
    pub timestamp: Option<f64>,
}
