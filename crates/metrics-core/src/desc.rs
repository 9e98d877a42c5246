//! What a family is.

use std::fmt;

use crate::{Aggregation, Buckets, DeclareError, Kind};

#[cfg(test)]
mod tests;

/// What a family is: name, help, unit, kind, label names, aggregation, buckets. Checked once, when made.
#[derive(Clone, Debug, PartialEq)]
pub struct Desc {
    name: Box<str>,
    help: Box<str>,
    unit: Option<Box<str>>,
    kind: Kind,
    labels: Box<[Box<str>]>,
    aggregation: Aggregation,
    buckets: Buckets,
}

/// What an application says of a family; [`Desc::new`] checks it.
#[derive(Clone, Debug)]
pub struct Declaration<'a> {
    /// The family's name; of a counter with or without `_total`.
    pub name: &'a str,
    /// The help text.
    pub help: &'a str,
    /// The unit that the name (of a counter: without `_total`) ends in, as `seconds`; none where empty.
    pub unit: &'a str,
    /// The kind: counter, gauge, histogram or summary.
    pub kind: Kind,
    /// The label names, in the order in which values will be given.
    pub labels: &'a [&'a str],
    /// How processes are merged; `all` for a gauge and `sum` for the rest where none is given.
    pub aggregation: Option<Aggregation>,
    /// The buckets of a histogram; the usual ones where none are given. Other kinds have none.
    pub buckets: Option<Buckets>,
}

impl<'a> Declaration<'a> {
    /// A family without unit and labels, aggregated as is usual for its kind.
    pub fn new(kind: Kind, name: &'a str, help: &'a str) -> Declaration<'a> {
        Declaration { name, help, unit: "", kind, labels: &[], aggregation: None, buckets: None }
    }
}

impl Desc {
    /// The family that `declared` describes.
    ///
    /// The name of a counter is kept without `_total`; counters, histograms and summaries are summed over
    /// processes, gauges take any [`Aggregation`]. Help may be empty.
    ///
    /// # Errors
    /// When a name is malformed, reserved or given twice, the name does not end in the unit, the kind is one
    /// that applications cannot declare, or it has no such aggregation.
    ///
    /// ```
    /// use metrics_core::{Declaration, Desc, Kind};
    ///
    /// let declaration = Declaration {
    ///     unit: "bytes",
    ///     labels: &["direction"],
    ///     ..Declaration::new(Kind::Counter, "traffic_bytes_total", "Bytes moved.")
    /// };
    /// assert_eq!(Desc::new(&declaration)?.to_string(), "counter traffic_bytes{direction} (sum)");
    ///
    /// let error = Desc::new(&Declaration { labels: &["pid"], ..declaration }).unwrap_err();
    /// assert_eq!(error.to_string(), r#"declare family "traffic_bytes": label "pid" is reserved"#);
    /// # Ok::<(), metrics_core::DeclareError>(())
    /// ```
    pub fn new(declared: &Declaration<'_>) -> Result<Desc, DeclareError> {
        let Declaration { name, help, unit, kind, labels, aggregation, ref buckets } = *declared;
        let family = match kind {
            Kind::Counter => name.strip_suffix("_total").unwrap_or(name),
            _ => name,
        };
        if !is_name(family, |byte| byte == b':') {
            return Err(DeclareError::Name(name.to_owned()));
        }
        for (at, label) in labels.iter().enumerate() {
            let why = if !is_name(label, |_| false) {
                "does not match [a-zA-Z_][a-zA-Z0-9_]*"
            } else if is_reserved(kind, label) {
                "is reserved"
            } else if labels[..at].contains(label) {
                "stands twice"
            } else {
                continue;
            };
            return Err(DeclareError::Label { family: family.to_owned(), label: (*label).to_owned(), why });
        }
        let has_unit = family.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_'));
        if !unit.is_empty() && !has_unit {
            return Err(DeclareError::Unit { family: family.to_owned(), unit: unit.to_owned() });
        }
        let usual = if kind == Kind::Gauge { Aggregation::ALL } else { Aggregation::SUM };
        let aggregation = aggregation.unwrap_or(usual);
        let supported = match kind {
            Kind::Gauge => true,
            Kind::Counter | Kind::Histogram | Kind::Summary => aggregation == Aggregation::SUM,
            Kind::Unknown | Kind::Info | Kind::StateSet | Kind::GaugeHistogram => false,
        };
        if !supported {
            return Err(DeclareError::Unsupported { family: family.to_owned(), kind, aggregation });
        }
        let buckets = match kind {
            Kind::Histogram => buckets.clone().unwrap_or_default(),
            _ => Buckets::none(),
        };
        Ok(Desc {
            name: family.into(),
            help: help.into(),
            unit: (!unit.is_empty()).then(|| unit.into()),
            kind,
            labels: labels.iter().map(|&label| label.into()).collect(),
            aggregation,
            buckets,
        })
    }

    /// The family's name as OpenMetrics has it: of a counter without `_total`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The help text; may be empty.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// The unit, as `seconds`.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The label names, in the order in which values are given.
    pub fn labels(&self) -> &[Box<str>] {
        &self.labels
    }

    /// How the numbers of several processes become one.
    pub fn aggregation(&self) -> Aggregation {
        self.aggregation
    }

    /// Whether a page could not hold both families: they have the name in common, or print samples of one name.
    pub(crate) fn collides_with(&self, other: &Desc) -> bool {
        let is = |a: (&str, &str), b: (&str, &str)| {
            a.0.bytes().chain(a.1.bytes()).eq(b.0.bytes().chain(b.1.bytes()))
        };
        self.names().any(|mine| other.names().any(|theirs| is(mine, theirs)))
    }

    /// The names that the family takes on a page, in two pieces: its own and those of its samples.
    fn names(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let suffixes: &[&str] = match self.kind {
            Kind::Counter => &["", "_total"],
            Kind::Histogram => &["", "_bucket", "_sum", "_count"],
            Kind::Summary => &["", "_sum", "_count"],
            _ => &[""],
        };
        suffixes.iter().map(|&suffix| (self.name(), suffix))
    }

    /// The bucket bounds; those of a histogram, else none.
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }
}

/// Whether `name` is a letter, `_` or what `more` allows, followed by any of these and digits.
fn is_name(name: &str, more: impl Fn(u8) -> bool) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || more(byte);
    name.bytes().all(part) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Whether families of this kind put a label of this name on their samples, or may: the merge of several
/// processes adds `pid`, and `__` is Prometheus's own.
fn is_reserved(kind: Kind, label: &str) -> bool {
    match label {
        "pid" => true,
        "le" => kind == Kind::Histogram,
        "quantile" => kind == Kind::Summary,
        _ => label.starts_with("__"),
    }
}

impl fmt::Display for Desc {
    /// `counter http_requests{method,code} (sum)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{{{}}} ({})", self.kind, self.name, self.labels.join(","), self.aggregation)
    }
}
