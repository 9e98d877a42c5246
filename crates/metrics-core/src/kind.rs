//! What a family is, in the words of the exposition formats.

/// The type of a family.
///
/// Applications declare the first four; the others occur on pages and in files of other clients.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number that only grows, from 0.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Observations counted in buckets, with their sum.
    Histogram,
    /// Observations counted, with their sum; no quantiles.
    Summary,
    /// `untyped` in the text format, `unknown` in OpenMetrics.
    Unknown,
    /// A constant 1 whose labels are the information.
    Info,
    /// One 0 or 1 for each state, in a label named as the family.
    StateSet,
    /// A histogram whose buckets may go down.
    GaugeHistogram,
}

impl Kind {
    /// The OpenMetrics word: `counter`, `gauge`, `histogram`, `summary`, `unknown`, `info`, `stateset`,
    /// `gaugehistogram`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::Unknown => "unknown",
            Kind::Info => "info",
            Kind::StateSet => "stateset",
            Kind::GaugeHistogram => "gaugehistogram",
        }
    }

    /// The kind that `word` names: the OpenMetrics words, and the text format's `untyped`.
    ///
    /// ```
    /// use metrics_core::Kind;
    /// assert_eq!(Kind::from_word("untyped"), Some(Kind::Unknown));
    /// assert_eq!(Kind::from_word("timer"), None);
    /// ```
    pub fn from_word(word: &str) -> Option<Kind> {
        Some(match word {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            "histogram" => Kind::Histogram,
            "summary" => Kind::Summary,
            "unknown" | "untyped" => Kind::Unknown,
            "info" => Kind::Info,
            "stateset" => Kind::StateSet,
            "gaugehistogram" => Kind::GaugeHistogram,
            _ => return None,
        })
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
