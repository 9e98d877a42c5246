//! A family as text 0.0.4, as Prometheus' Go library prints it.

use exposition::{push_help, push_quotable};
use metrics_core::{Kind, push_number};

use super::Head;
use crate::{Metric, Value};

/// `# HELP` where there is one, and `# TYPE`.
pub(super) fn push_head(out: &mut Vec<u8>, head: &Head) {
    if !head.help.is_empty() {
        for piece in [b"# HELP ", head.name.as_bytes(), b" "] {
            out.extend_from_slice(piece);
        }
        push_help(out, head.help);
        out.push(b'\n');
    }
    for piece in [b"# TYPE ", head.name.as_bytes(), b" ", type_word(head.kind).as_bytes(), b"\n"] {
        out.extend_from_slice(piece);
    }
}

/// The lines of one metric.
pub(super) fn push_metric(out: &mut Vec<u8>, name: &str, labels: &[(&str, &str)], metric: &Metric) {
    let mut text = Vec::with_capacity(64);
    for (at, (name, value)) in labels.iter().enumerate() {
        text.push(if at == 0 { b'{' } else { b',' });
        push_label(&mut text, name, value);
    }
    let mut line = |suffix: &str, last: Option<(&str, f64)>, value: f64| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        out.extend_from_slice(&text);
        if let Some((name, number)) = last {
            out.push(if text.is_empty() { b'{' } else { b',' });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=\"");
            push_go_number(out, number);
            out.push(b'"');
        }
        out.extend_from_slice(if text.is_empty() && last.is_none() { b" " } else { b"} " });
        push_go_number(out, value);
        out.push(b'\n');
    };
    match &metric.value {
        Value::Number { value, .. } => line("", None, *value),
        Value::Histogram { count, sum, buckets } => {
            for bucket in buckets {
                line("_bucket", Some(("le", bucket.le)), bucket.count as f64);
            }
            if !buckets.iter().any(|bucket| bucket.le == f64::INFINITY) {
                line("_bucket", Some(("le", f64::INFINITY)), *count as f64);
            }
            line("_sum", None, *sum);
            line("_count", None, *count as f64);
        }
        Value::Summary { count, sum, quantiles } => {
            for (quantile, value) in quantiles {
                line("", Some(("quantile", *quantile)), *value);
            }
            line("_sum", None, *sum);
            line("_count", None, *count as f64);
        }
    }
}

fn push_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    push_quotable(out, value.as_bytes());
    out.push(b'"');
}

/// The type's word in text 0.0.4.
pub(super) fn type_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Info | Kind::StateSet => "gauge",
        Kind::Histogram | Kind::GaugeHistogram => "histogram",
        Kind::Summary => "summary",
        _ => "untyped",
    }
}

/// Appends a number as Go's `strconv.FormatFloat(value, 'g', -1, 64)` prints it, and -0 as `0` (`writeFloat` in
/// `expfmt/text_create.go`).
///
/// ```
/// let page = |value| {
///     let mut out = Vec::new();
///     push_groups::push_go_number(&mut out, value);
///     String::from_utf8(out).unwrap()
/// };
/// assert_eq!([3.0, -0.0, 0.5, 1e6, -1e6].map(page), ["3", "0", "0.5", "1e+06", "-1e+06"]);
/// ```
pub fn push_go_number(out: &mut Vec<u8>, value: f64) {
    if value == 0.0 {
        return out.push(b'0');
    }
    if value < 0.0 && value.is_finite() {
        // Python, whose way `push_number` has, prints exponents of negative numbers elsewhere.
        out.push(b'-');
        return push_go_number(out, -value);
    }
    push_number(out, value);
    if out.ends_with(b".0") {
        out.truncate(out.len() - 2);
    }
}
