//! How the numbers of several processes become one.

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
mod tests;

/// How the numbers of several processes become one number of the page.
///
/// Written as the Python client writes its gauge modes (`multiprocess_mode`): `sum`, `livesum`, `all`, ...
/// Ruby's `most_recent` is read as `mostrecent`.
///
/// ```
/// use metrics_core::{Aggregation, Mode};
/// assert_eq!("livemax".parse(), Ok(Aggregation { mode: Mode::Max, live: true }));
/// assert_eq!("most_recent".parse::<Aggregation>().unwrap().to_string(), "mostrecent");
/// assert!("median".parse::<Aggregation>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aggregation {
    /// How two numbers become one.
    pub mode: Mode,
    /// Whether numbers of dead processes are left out.
    pub live: bool,
}

/// How two numbers become one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The sum, added up in the order of the files, from 0.
    Sum,
    /// The least; of equal ones the first.
    Min,
    /// The greatest; of equal ones the first.
    Max,
    /// One series for each process, told apart by the label `pid`.
    All,
    /// The one set last; of equal times the first.
    MostRecent,
    /// The arithmetic mean over the processes that have the series (Node's cluster has it).
    Average,
    /// That of the first process that has the series (Node's cluster has it).
    First,
}

impl Aggregation {
    /// `sum`, the mode of counters, histograms and summaries.
    pub const SUM: Aggregation = Aggregation { mode: Mode::Sum, live: false };
    /// `all`, the mode of gauges where none is given, as in the Python and Ruby clients.
    pub const ALL: Aggregation = Aggregation { mode: Mode::All, live: false };
    /// `min`.
    pub const MIN: Aggregation = Aggregation { mode: Mode::Min, live: false };
    /// `max`.
    pub const MAX: Aggregation = Aggregation { mode: Mode::Max, live: false };
    /// `mostrecent`.
    pub const MOST_RECENT: Aggregation = Aggregation { mode: Mode::MostRecent, live: false };

    /// The same mode over living processes only.
    ///
    /// ```
    /// use metrics_core::Aggregation;
    /// assert_eq!(Aggregation::SUM.live().to_string(), "livesum");
    /// ```
    pub const fn live(self) -> Aggregation {
        Aggregation { live: true, ..self }
    }

    /// Every aggregation's word, in the order of the documentation.
    pub const WORDS: [&'static str; 14] = [
        "sum",
        "livesum",
        "min",
        "livemin",
        "max",
        "livemax",
        "all",
        "liveall",
        "mostrecent",
        "livemostrecent",
        "average",
        "liveaverage",
        "first",
        "livefirst",
    ];

    /// The word for it, as it stands in a Python file name (`gauge_WORD_PID.db`).
    pub const fn as_str(self) -> &'static str {
        match (self.mode, self.live) {
            (Mode::Sum, false) => "sum",
            (Mode::Sum, true) => "livesum",
            (Mode::Min, false) => "min",
            (Mode::Min, true) => "livemin",
            (Mode::Max, false) => "max",
            (Mode::Max, true) => "livemax",
            (Mode::All, false) => "all",
            (Mode::All, true) => "liveall",
            (Mode::MostRecent, false) => "mostrecent",
            (Mode::MostRecent, true) => "livemostrecent",
            (Mode::Average, false) => "average",
            (Mode::Average, true) => "liveaverage",
            (Mode::First, false) => "first",
            (Mode::First, true) => "livefirst",
        }
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no aggregation; holds the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAggregation(pub String);

impl fmt::Display for UnknownAggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown aggregation {:?}; one of {}", self.0, Aggregation::WORDS.join(", "))
    }
}

impl std::error::Error for UnknownAggregation {}

impl FromStr for Aggregation {
    type Err = UnknownAggregation;

    fn from_str(word: &str) -> Result<Aggregation, UnknownAggregation> {
        let (live, mode) = match word.strip_prefix("live") {
            Some(rest) => (true, rest),
            None => (false, word),
        };
        let mode = match mode {
            "sum" => Mode::Sum,
            "min" => Mode::Min,
            "max" => Mode::Max,
            "all" => Mode::All,
            "mostrecent" | "most_recent" => Mode::MostRecent,
            "average" => Mode::Average,
            "first" => Mode::First,
            _ => return Err(UnknownAggregation(word.to_owned())),
        };
        Ok(Aggregation { mode, live })
    }
}
