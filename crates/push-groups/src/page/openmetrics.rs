//! A family as OpenMetrics 1.0.0.

use exposition::{push_help, push_quotable};
use metrics_core::{Kind, push_number};

use super::Head;
use crate::{Exemplar, Metric, Value};

/// `# HELP`, `# TYPE` and `# UNIT`, under the name that a family has in OpenMetrics: a counter's without `_total`. A
/// counter that is named otherwise, or whose short name another family has, is `unknown`.
pub(super) fn push_head(out: &mut Vec<u8>, head: &Head, is_family: impl Fn(&str) -> bool) {
    let (name, word) = named(head.name, head.kind, is_family);
    // An OpenMetrics page is UTF-8.
    let help = String::from_utf8_lossy(head.help);
    for (what, text) in [("HELP", &*help), ("TYPE", word), ("UNIT", head.unit)] {
        let fits = match what {
            "UNIT" => name.strip_suffix(text).is_some_and(|rest| rest.ends_with('_')),
            _ => true,
        };
        if text.is_empty() || !fits {
            continue;
        }
        for piece in ["# ", what, " ", name, " "] {
            out.extend_from_slice(piece.as_bytes());
        }
        match what {
            "HELP" => push_quotable(out, text.as_bytes()),
            _ => push_help(out, text.as_bytes()),
        }
        out.push(b'\n');
    }
}

/// The lines of one metric, exemplars and `_created` among them.
pub(super) fn push_metric(
    out: &mut Vec<u8>,
    name: &str,
    kind: Kind,
    labels: &[(&str, &str)],
    metric: &Metric,
) {
    let mut text = Vec::with_capacity(64);
    for (at, (name, value)) in labels.iter().enumerate() {
        text.push(if at == 0 { b'{' } else { b',' });
        push_label(&mut text, name, value);
    }
    let mut line =
        |name: &str, suffix: &str, last: Option<(&str, f64)>, value: f64, example: Option<&Exemplar>| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(suffix.as_bytes());
            out.extend_from_slice(&text);
            if let Some((name, number)) = last {
                out.push(if text.is_empty() { b'{' } else { b',' });
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"=\"");
                push_number(out, number);
                out.push(b'"');
            }
            out.extend_from_slice(if text.is_empty() && last.is_none() { b" " } else { b"} " });
            push_number(out, value);
            if let Some(example) = example {
                push_exemplar(out, example);
            }
            out.push(b'\n');
        };
    let created = match (kind, name.strip_suffix("_total")) {
        (Kind::Counter, None) => None,
        (Kind::Counter, Some(family)) => metric.created.map(|created| (family, created)),
        _ => metric.created.map(|created| (name, created)),
    };
    match &metric.value {
        Value::Number { value, exemplar } => {
            let exemplar = exemplar.as_deref().filter(|_| kind == Kind::Counter && name.ends_with("_total"));
            line(name, "", None, *value, exemplar);
        }
        Value::Histogram { count, sum, buckets } => {
            for bucket in buckets {
                line(
                    name,
                    "_bucket",
                    Some(("le", bucket.le)),
                    bucket.count as f64,
                    bucket.exemplar.as_deref(),
                );
            }
            if !buckets.iter().any(|bucket| bucket.le == f64::INFINITY) {
                line(name, "_bucket", Some(("le", f64::INFINITY)), *count as f64, None);
            }
            line(name, "_count", None, *count as f64, None);
            line(name, "_sum", None, *sum, None);
        }
        Value::Summary { count, sum, quantiles } => {
            for (quantile, value) in quantiles {
                line(name, "", Some(("quantile", *quantile)), *value, None);
            }
            line(name, "_count", None, *count as f64, None);
            line(name, "_sum", None, *sum, None);
        }
    }
    if let Some((family, created)) = created {
        line(family, "_created", None, created, None);
    }
}

fn named(name: &str, kind: Kind, is_family: impl Fn(&str) -> bool) -> (&str, &'static str) {
    let short = match kind {
        Kind::Counter => name.strip_suffix("_total"),
        Kind::Info => name.strip_suffix("_info"),
        _ => return (name, kind.as_str()),
    };
    match short.filter(|short| !short.is_empty() && !is_family(short)) {
        Some(short) => (short, kind.as_str()),
        None => (name, if kind == Kind::Info { "gauge" } else { "unknown" }),
    }
}

fn push_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(b" # {");
    for (at, (name, value)) in exemplar.labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_label(out, name, value);
    }
    out.extend_from_slice(b"} ");
    push_number(out, exemplar.value);
    if let Some(timestamp) = exemplar.timestamp {
        out.push(b' ');
        push_number(out, timestamp);
    }
}

fn push_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    push_quotable(out, value.as_bytes());
    out.push(b'"');
}
