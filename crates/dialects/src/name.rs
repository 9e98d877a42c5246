//! File names: which ones count, what they tell, and how they are made.

use std::borrow::Cow;

use metrics_core::{Aggregation, Desc, Kind, Mode};

use crate::Dialect;

/// What a file's name tells.
#[derive(Clone, Debug, PartialEq)]
pub struct FileName<'a> {
    /// Python, GitLab: from the first word, none where it names no kind. Ruby's names do not tell.
    pub kind: Option<Kind>,
    /// Python, GitLab: from a gauge's second word (unknown words count as `all`).
    pub aggregation: Option<Aggregation>,
    /// Ruby: the metric.
    pub metric: Option<&'a str>,
    /// Who wrote it, as the `pid` label shows it.
    pub process: Cow<'a, str>,
}

/// Whether any of the clients would read a file of this name: `*.db`, `metric_*___*.bin`, no dot-files.
///
/// Ruby's reader takes every ending; we take `.bin` alone, so that a backup beside a file does not count twice.
/// `exemplar_*.db`, written by a fork of GitLab's client, holds no numbers and is left out.
///
/// ```
/// use dialects::is_metrics_file;
/// assert!(is_metrics_file("gauge_livesum_4711.db"));
/// assert!(is_metrics_file("metric_http_requests_total___4711.bin"));
/// assert!(!is_metrics_file("metric_http_requests_total___4711.bin.bak"));
/// assert!(!is_metrics_file(".multiprom_4711.db"));
/// ```
pub fn is_metrics_file(name: &str) -> bool {
    !name.starts_with('.')
        && if name.ends_with(".db") { !name.starts_with(EXEMPLARS) } else { ruby_parts(name).is_some() }
}

/// Takes a file's name apart. None: not a name that this dialect's client would read.
///
/// ```
/// use dialects::{Dialect, FileName, parse_file_name};
/// use metrics_core::{Aggregation, Kind};
///
/// let gauge = parse_file_name(Dialect::PYTHON, "gauge_livemax_worker_1.db");
/// assert_eq!(
///     gauge,
///     Some(FileName {
///         kind: Some(Kind::Gauge),
///         aggregation: Some("livemax".parse::<Aggregation>().unwrap()),
///         metric: None,
///         process: "worker_1".into(),
///     })
/// );
/// let process = |name| parse_file_name(Dialect::Gitlab, name).unwrap().process;
/// assert_eq!(process("gauge_all_worker_id_0-3.db"), "worker_id_0");
/// let metric = |name| parse_file_name(Dialect::Ruby, name).unwrap().metric.unwrap();
/// assert_eq!(metric("metric_foo___bar___12.bin"), "foo___bar");
/// ```
pub fn parse_file_name(dialect: Dialect, name: &str) -> Option<FileName<'_>> {
    if !is_metrics_file(name) {
        return None;
    }
    match dialect {
        Dialect::Python(_) => python_parts(name),
        Dialect::Gitlab => gitlab_parts(name),
        Dialect::Ruby => ruby_parts(name).map(|(metric, process)| FileName {
            kind: None,
            aggregation: None,
            metric: Some(metric),
            process: process.into(),
        }),
    }
}

/// How names of exemplar files of vinted's fork of prometheus-client-mmap begin.
const EXEMPLARS: &str = "exemplar_";

/// `TYPE_ID.db` and `gauge_MODE_ID.db`. The ID may contain `_`, which Python's own reader gets wrong.
///
/// Source: `MultiProcessCollector.merge` in client_python `multiprocess.py`.
fn python_parts(name: &str) -> Option<FileName<'_>> {
    let (word, rest) = name.strip_suffix(".db")?.split_once('_')?;
    let kind = Kind::from_word(word);
    let (aggregation, process) = match kind {
        Some(Kind::Gauge) => {
            let (mode, process) = rest.split_once('_')?;
            (Some(python_aggregation(mode)), process)
        }
        _ => (None, rest),
    };
    Some(FileName { kind, aggregation, metric: None, process: process.into() })
}

/// The aggregation of a gauge's mode: `all` for unknown words, as Python's reader has it.
///
/// `average` and `first`, unknown to Python, are what our own writers make of gauges declared so.
fn python_aggregation(word: &str) -> Aggregation {
    match word.parse::<Aggregation>() {
        // Another spelling (`most_recent`) is as unknown to Python as any word.
        Ok(known) if known.as_str() == word => known,
        _ => Aggregation::ALL,
    }
}

/// `TYPE_ID-N.db` and `gauge_MODE_ID-N.db`, where every part between two `_` loses a trailing `-digits`.
///
/// Of other kinds than gauges the client itself takes the ID's first part for a mode. It never shows it, but we
/// tell processes apart by it.
///
/// Source: `Helper::EntryParser` in prometheus-client-mmap.
fn gitlab_parts(name: &str) -> Option<FileName<'_>> {
    let (word, rest) = name.strip_suffix(".db")?.split_once('_')?;
    let kind = Kind::from_word(without_number(word));
    let (aggregation, process) = match kind {
        Some(Kind::Gauge) => {
            let (mode, process) = rest.split_once('_').unwrap_or((rest, ""));
            (Some(gitlab_aggregation(without_number(mode))), process)
        }
        _ => (None, rest),
    };
    let process = if process.contains('_') {
        let mut joined = String::with_capacity(process.len());
        for (index, part) in process.split('_').enumerate() {
            joined.push_str(if index > 0 { "_" } else { "" });
            joined.push_str(without_number(part));
        }
        joined.into()
    } else {
        without_number(process).into()
    };
    Some(FileName { kind, aggregation, metric: None, process })
}

/// The aggregation that GitLab's reader applies for a gauge's mode.
fn gitlab_aggregation(word: &str) -> Aggregation {
    match word {
        "min" => Aggregation { mode: Mode::Min, live: false },
        "max" => Aggregation { mode: Mode::Max, live: false },
        "livesum" => Aggregation { mode: Mode::Sum, live: true },
        "liveall" => Aggregation { mode: Mode::All, live: true },
        _ => Aggregation::ALL,
    }
}

/// `part` without a `-` and digits at its end.
fn without_number(part: &str) -> &str {
    match part.rsplit_once('-') {
        Some((before, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            before
        }
        _ => part,
    }
}

/// Metric and process of `metric_NAME___PID.bin`. The name may contain `___`, the process cannot.
///
/// Source: `filemap_filename` in client_ruby `direct_file_store.rb`. Its reader looks for `metric_NAME___*` and
/// so counts the files of `foo___bar` for `foo` too; splitting at the last `___` does not.
fn ruby_parts(name: &str) -> Option<(&str, &str)> {
    let parts = name.strip_prefix("metric_")?.strip_suffix(".bin")?.rsplit_once("___")?;
    (!parts.0.is_empty() && !parts.1.is_empty()).then_some(parts)
}

/// The name of the file that keeps `desc` for `process`.
///
/// `process` stands in it as it is: it must be fit for a file name (no `/`, no NUL), without `___` for Ruby.
/// GitLab's has the number 0; a writer whose file is locked by another takes the next.
///
/// ```
/// use dialects::{Dialect, file_name};
/// use metrics_core::{Declaration, Desc, Kind};
///
/// let requests = Desc::new(&Declaration::new(Kind::Counter, "http_requests", "Requests served."))?;
/// assert_eq!(file_name(Dialect::PYTHON, &requests, "4711"), "counter_4711.db");
/// assert_eq!(file_name(Dialect::Ruby, &requests, "4711"), "metric_http_requests_total___4711.bin");
/// assert_eq!(file_name(Dialect::Gitlab, &requests, "4711"), "counter_4711-0.db");
/// # Ok::<(), metrics_core::DeclareError>(())
/// ```
pub fn file_name(dialect: Dialect, desc: &Desc, process: &str) -> String {
    let kind = desc.kind();
    let stem = match kind {
        Kind::Gauge => format!("gauge_{}_{process}", desc.aggregation()),
        _ => format!("{kind}_{process}"),
    };
    match dialect {
        Dialect::Python(_) => format!("{stem}.db"),
        Dialect::Gitlab => format!("{stem}-0.db"),
        Dialect::Ruby => format!("metric_{}___{process}.bin", printed_name(desc)),
    }
}

/// The name of a family's sample that has no other suffix: `_total` for counters.
pub(crate) fn printed_name(desc: &Desc) -> Cow<'_, str> {
    match desc.kind() {
        Kind::Counter => format!("{}_total", desc.name()).into(),
        _ => desc.name().into(),
    }
}

#[cfg(test)]
mod tests;
