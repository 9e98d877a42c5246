//! What a merged page should hold, and whether it does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use metrics_core::{Desc, Kind, Mode, Snapshot, number};

use crate::families::Series;
use crate::model::{Model, Numbers};

/// The lines of a page.
type Lines<T> = BTreeMap<Line, T>;

/// What a line is about: its name, its labels sorted by name without `pid`, and its bound.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    name: String,
    labels: Vec<(String, String)>,
    /// The upper bound of a bucket, as a number: `1` and `1.0` are one.
    le: Option<String>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.labels.iter().map(|(name, value)| format!("{name}={value:?}"));
        let le = self.le.iter().map(|le| format!("le={le:?}"));
        write!(f, "{}{{{}}}", self.name, pairs.chain(le).collect::<Vec<_>>().join(","))
    }
}

/// What a line may show.
struct Expected {
    rule: Rule,
    /// Whether there may be no such line.
    optional: bool,
}

enum Rule {
    /// Lines with these values, sorted, that differ in nothing but `pid`.
    Exactly(Vec<f64>),
    /// One line with one of these.
    AnyOf(Vec<f64>),
    /// One line with the mean of these, give or take what dividing earlier or later makes of it.
    MeanOf(Vec<f64>),
}

impl Rule {
    fn holds(&self, values: &[f64]) -> bool {
        match (self, values) {
            (Rule::Exactly(expected), values) => values == expected,
            (Rule::AnyOf(expected), [value]) => expected.contains(value),
            (Rule::MeanOf(expected), [value]) => {
                let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
                (value - mean(expected)).abs() <= 1e-12 * largest
            }
            (Rule::AnyOf(_) | Rule::MeanOf(_), _) => false,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Exactly(values) => write!(f, "{values:?}"),
            Rule::AnyOf(values) => write!(f, "one of {values:?}"),
            Rule::MeanOf(values) => write!(f, "[{:?}]", mean(values)),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Compares the page with what the model says that it should hold.
pub(crate) fn compare(page: &Snapshot, model: &Model, lazy: bool) -> Result<(), String> {
    let all = model.series();
    for family in &page.families {
        let Some(series) = all.iter().find(|series| series.desc.name() == &*family.name) else {
            return Err(format!("the page has a family {:?} that nobody asked for", family.name));
        };
        if family.kind != series.desc.kind() {
            return Err(format!("{} is a {} on the page", series.desc, family.kind));
        }
        if *family.help != *series.desc.help() {
            return Err(format!("{} has the help {:?} on the page", series.desc, family.help));
        }
    }
    let mut shown = shown(page, &all)?;
    for (line, expected) in expected(model, &all, lazy) {
        let mut values = shown.remove(&line).unwrap_or_default();
        values.sort_by(f64::total_cmp);
        let missing = values.is_empty() && expected.optional;
        if !missing && !expected.rule.holds(&values) {
            return Err(format!("the page has {line} {values:?}; expected {}", expected.rule));
        }
    }
    match shown.pop_first() {
        Some((line, values)) => Err(format!("the page has {line} {values:?} that nobody asked for")),
        None => Ok(()),
    }
}

/// The page's lines; several values where lines differ in nothing but `pid`.
fn shown(page: &Snapshot, all: &[&Series]) -> Result<Lines<Vec<f64>>, String> {
    let mut lines = Lines::new();
    for family in &page.families {
        let of_each = all
            .iter()
            .any(|series| series.desc.name() == &*family.name && series.desc.aggregation().mode == Mode::All);
        for sample in &family.samples {
            let (mut labels, mut le, mut pid) = (Vec::new(), None, false);
            for label in sample.series.labels.iter() {
                match &*label.name {
                    "pid" => pid = true,
                    "le" => le = Some(bound(&label.value_text())?),
                    name => labels.push((name.to_owned(), label.value_text().into_owned())),
                }
            }
            labels.sort();
            let line = Line { name: sample.series.name.to_string(), labels, le };
            if pid != of_each {
                let why = if pid { "has a label pid" } else { "has no label pid" };
                return Err(format!("{line} {why} on the page"));
            }
            lines.entry(line).or_insert_with(Vec::new).push(sample.value);
        }
    }
    Ok(lines)
}

fn printed(bound: f64) -> String {
    String::from_utf8_lossy(&number(bound)).into_owned()
}

fn bound(text: &str) -> Result<String, String> {
    match text.parse::<f64>() {
        Ok(bound) => Ok(printed(bound)),
        Err(_) => Err(format!("the page has a bucket whose bound is {text:?}")),
    }
}

/// What the page should hold.
fn expected(model: &Model, all: &[&Series], lazy: bool) -> Lines<Expected> {
    let mut lines = Lines::new();
    for series in all {
        let of_all = model.of(series);
        let sum = |number: &dyn Fn(&Numbers) -> f64| {
            Rule::Exactly(vec![of_all.iter().map(|numbers| number(numbers)).sum()])
        };
        let mut line = |suffix: &str, le: Option<f64>, rule: Rule, optional: bool| {
            let line = Line {
                name: format!("{}{suffix}", series.desc.name()),
                labels: label_pairs(&series.desc, &series.labels),
                le: le.map(printed),
            };
            lines.insert(line, Expected { rule, optional });
        };
        match series.desc.kind() {
            Kind::Counter => line("_total", None, sum(&|numbers| numbers.value), false),
            Kind::Gauge => {
                let mode = series.desc.aggregation().mode;
                // What nobody has set shows 0, or nothing, as in the Python client.
                let never_set = of_all.iter().all(|numbers| numbers.set_at == 0);
                line("", None, gauge(mode, &of_all), mode == Mode::MostRecent && never_set);
            }
            kind => {
                let optional = lazy && of_all.iter().all(|numbers| numbers.observed.is_empty());
                line("_sum", None, sum(&|numbers| numbers.sum), optional);
                line("_count", None, sum(&|numbers| numbers.observed.len() as f64), optional);
                let bounds = series.desc.buckets().bounds().iter().copied().chain([f64::INFINITY]);
                for (bucket, bound) in bounds.enumerate().take_while(|_| kind == Kind::Histogram) {
                    let up_to = |numbers: &Numbers| {
                        numbers.observed.iter().filter(|&&observed| observed <= bucket).count() as f64
                    };
                    line("_bucket", Some(bound), sum(&up_to), optional);
                }
            }
        }
    }
    lines
}

/// What the page should show of a gauge.
fn gauge(mode: Mode, of_all: &[&Numbers]) -> Rule {
    let mut values: Vec<f64> = of_all.iter().map(|numbers| numbers.value).collect();
    values.sort_by(f64::total_cmp);
    match mode {
        Mode::Sum => Rule::Exactly(vec![values.iter().sum()]),
        Mode::Min => Rule::Exactly(values[..1].to_vec()),
        Mode::Max => Rule::Exactly(values[values.len() - 1..].to_vec()),
        Mode::Average => Rule::MeanOf(values),
        Mode::MostRecent => {
            let last = of_all.iter().max_by_key(|numbers| numbers.set_at);
            Rule::Exactly(last.map(|numbers| numbers.value).into_iter().collect())
        }
        // Which process is first is the reader's order, of which we know nothing.
        Mode::First => Rule::AnyOf(values),
        // `All`; a mode that is younger than this model is not in the pool.
        _ => Rule::Exactly(values),
    }
}

fn label_pairs(desc: &Arc<Desc>, labels: &[String]) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> =
        desc.labels().iter().map(|name| name.to_string()).zip(labels.iter().cloned()).collect();
    pairs.sort();
    pairs
}
