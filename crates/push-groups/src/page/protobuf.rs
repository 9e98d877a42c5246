//! A family as a delimited protobuf message `io.prometheus.client.MetricFamily`.
//!
//! Field numbers: `metrics.proto` of Prometheus' client_model.

use metrics_core::Kind;

use super::Head;
use crate::{Exemplar, Metric, Value};

/// The beginning of a family whose metrics are `metrics` bytes: its length, name, help and type.
pub(super) fn push_head(out: &mut Vec<u8>, head: &Head, metrics: usize) {
    let mut fields = Vec::with_capacity(head.name.len() + head.help.len() + 16);
    push_bytes(&mut fields, 1, head.name.as_bytes());
    if !head.help.is_empty() {
        // A string of protobuf is UTF-8.
        push_bytes(&mut fields, 2, String::from_utf8_lossy(head.help).as_bytes());
    }
    let kind = match head.kind {
        Kind::Counter => 0,
        Kind::Gauge | Kind::Info | Kind::StateSet => 1,
        Kind::Summary => 2,
        Kind::Histogram | Kind::GaugeHistogram => 4,
        _ => 3,
    };
    push_count(&mut fields, 3, kind);
    push_varint(out, (fields.len() + metrics) as u64);
    out.extend_from_slice(&fields);
}

/// One metric, as a field of its family.
pub(super) fn push_metric(out: &mut Vec<u8>, kind: Kind, labels: &[(&str, &str)], metric: &Metric) {
    let mut fields = Vec::with_capacity(96);
    for (name, value) in labels {
        push_message(&mut fields, 1, |label| {
            push_bytes(label, 1, name.as_bytes());
            push_bytes(label, 2, value.as_bytes());
        });
    }
    match &metric.value {
        Value::Number { value, exemplar } => {
            let field = match kind {
                Kind::Counter => 3,
                Kind::Gauge | Kind::Info | Kind::StateSet => 2,
                _ => 5,
            };
            push_message(&mut fields, field, |number| {
                push_number(number, 1, *value);
                if kind == Kind::Counter {
                    push_exemplar(number, 2, exemplar.as_deref());
                    push_time(number, 3, metric.created);
                }
            });
        }
        Value::Summary { count, sum, quantiles } => push_message(&mut fields, 4, |summary| {
            push_count(summary, 1, *count);
            push_number(summary, 2, *sum);
            for (quantile, value) in quantiles {
                push_message(summary, 3, |one| {
                    push_number(one, 1, *quantile);
                    push_number(one, 2, *value);
                });
            }
            push_time(summary, 4, metric.created);
        }),
        Value::Histogram { count, sum, buckets } => push_message(&mut fields, 7, |histogram| {
            push_count(histogram, 1, *count);
            push_number(histogram, 2, *sum);
            for bucket in buckets {
                push_message(histogram, 3, |one| {
                    push_count(one, 1, bucket.count);
                    push_number(one, 2, bucket.le);
                    push_exemplar(one, 3, bucket.exemplar.as_deref());
                });
            }
            push_time(histogram, 15, metric.created);
        }),
    }
    push_bytes(out, 4, &fields);
}

fn push_exemplar(out: &mut Vec<u8>, field: u64, exemplar: Option<&Exemplar>) {
    let Some(exemplar) = exemplar else { return };
    push_message(out, field, |message| {
        for (name, value) in &exemplar.labels {
            push_message(message, 1, |label| {
                push_bytes(label, 1, name.as_bytes());
                push_bytes(label, 2, value.as_bytes());
            });
        }
        push_number(message, 2, exemplar.value);
        push_time(message, 3, exemplar.timestamp);
    });
}

/// Unix seconds as a `google.protobuf.Timestamp`.
fn push_time(out: &mut Vec<u8>, field: u64, seconds: Option<f64>) {
    let Some(seconds) = seconds.filter(|seconds| seconds.is_finite()) else { return };
    let whole = seconds.floor();
    push_message(out, field, |time| {
        // A varint of a negative number has its 64 bits.
        push_count(time, 1, whole as i64 as u64);
        push_count(time, 2, ((seconds - whole) * 1e9) as u64);
    });
}

fn push_message(out: &mut Vec<u8>, field: u64, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut message = Vec::with_capacity(32);
    fill(&mut message);
    push_bytes(out, field, &message);
}

fn push_bytes(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    push_varint(out, field << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn push_number(out: &mut Vec<u8>, field: u64, number: f64) {
    push_varint(out, field << 3 | 1);
    out.extend_from_slice(&number.to_bits().to_le_bytes());
}

fn push_count(out: &mut Vec<u8>, field: u64, count: u64) {
    push_varint(out, field << 3);
    push_varint(out, count);
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
