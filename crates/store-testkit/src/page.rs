//! What a merged page should hold, and whether it does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use metrics_core::{Desc, Kind, Mode, Snapshot};

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
#[derive(Debug)]
struct Expected {
    /// The values of all lines that differ in nothing but `pid`, sorted; of `any` one of them.
    values: Vec<f64>,
    any: bool,
    /// Whether there may be no such line.
    optional: bool,
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
        let as_expected = match (expected.any, &*values) {
            (_, []) if expected.optional => true,
            (true, [value]) => expected.values.contains(value),
            (true, _) => false,
            (false, values) => *values == expected.values,
        };
        if !as_expected {
            let (any, expected) = (if expected.any { "any of " } else { "" }, expected.values);
            return Err(format!("the page has {line} {values:?}; expected {any}{expected:?}"));
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
            for label in &sample.series.labels {
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

fn bound(text: &str) -> Result<String, String> {
    match text.parse::<f64>() {
        Ok(bound) => Ok(bound.to_string()),
        Err(_) => Err(format!("the page has a bucket whose bound is {text:?}")),
    }
}

/// What the page should hold.
fn expected(model: &Model, all: &[&Series], lazy: bool) -> Lines<Expected> {
    let mut lines = Lines::new();
    for series in all {
        let of_all = model.of(series);
        let sum =
            |number: &dyn Fn(&Numbers) -> f64| of_all.iter().map(|numbers| number(numbers)).sum::<f64>();
        let untouched = of_all.iter().all(|numbers| numbers.observed.is_empty());
        let mut line = |suffix: &str, le: Option<f64>, values: Vec<f64>, any: bool, optional: bool| {
            let line = Line {
                name: format!("{}{suffix}", series.desc.name()),
                labels: label_pairs(&series.desc, &series.labels),
                le: le.map(|bound| bound.to_string()),
            };
            lines.insert(line, Expected { values, any, optional });
        };
        match series.desc.kind() {
            Kind::Counter => line("_total", None, vec![sum(&|numbers| numbers.value)], false, false),
            Kind::Gauge => {
                let (values, any, optional) = gauge(series.desc.aggregation().mode, &of_all);
                line("", None, values, any, optional);
            }
            kind => {
                let optional = lazy && untouched;
                line("_sum", None, vec![sum(&|numbers| numbers.sum)], false, optional);
                let count = sum(&|numbers| numbers.observed.len() as f64);
                line("_count", None, vec![count], false, optional);
                let bounds = series.desc.buckets().bounds().iter().copied().chain([f64::INFINITY]);
                for (bucket, bound) in bounds.enumerate().take_while(|_| kind == Kind::Histogram) {
                    let up_to = |numbers: &Numbers| {
                        numbers.observed.iter().filter(|&&observed| observed <= bucket).count() as f64
                    };
                    line("_bucket", Some(bound), vec![sum(&up_to)], false, optional);
                }
            }
        }
    }
    lines
}

/// The merged values of a gauge, whether any one of them will do, and whether it may be missing.
fn gauge(mode: Mode, of_all: &[&Numbers]) -> (Vec<f64>, bool, bool) {
    let mut values: Vec<f64> = of_all.iter().map(|numbers| numbers.value).collect();
    values.sort_by(f64::total_cmp);
    let sum: f64 = values.iter().sum();
    match mode {
        Mode::Sum => (vec![sum], false, false),
        Mode::Min => (values[..1].to_vec(), false, false),
        Mode::Max => (values[values.len() - 1..].to_vec(), false, false),
        Mode::Average => (vec![sum / values.len() as f64], false, false),
        Mode::MostRecent => match of_all.iter().max_by_key(|numbers| numbers.set_at) {
            Some(last) if last.set_at > 0 => (vec![last.value], false, false),
            // Nobody has set it: 0, or nothing, as in the Python client.
            _ => (vec![0.0], false, true),
        },
        // Which process is first is the reader's order, of which we know nothing.
        Mode::First => (values, true, false),
        // `All`; a mode that is younger than this model is not in the pool.
        _ => (values, false, false),
    }
}

fn label_pairs(desc: &Arc<Desc>, labels: &[String]) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> =
        desc.labels().iter().map(|name| name.to_string()).zip(labels.iter().cloned()).collect();
    pairs.sort();
    pairs
}
