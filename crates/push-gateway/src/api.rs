//! The JSON API of the official push gateway: all groups, and what the gateway is.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use hyper::StatusCode;
use metrics_core::Kind;
use push_groups::{Content, Family, Metric, PUSH_TIMES, Value, push_go_number, series_labels};
use serde_json::json;

use crate::answer::{Answer, json, json_data, refused, with_cors};
use crate::gateway::Group;
use crate::stamp::push_stamp;
use crate::surface::Surface;

/// `GET /api/v1/metrics`
pub(crate) async fn metrics(surface: &Arc<Surface>) -> Answer {
    let surface = surface.clone();
    let printed = tokio::task::spawn_blocking(move || {
        let groups = surface.gateway.groups()?.groups;
        let mut pieces: Vec<Bytes> = Vec::with_capacity(groups.len() + 2);
        pieces.push(Bytes::from_static(b"{\"status\":\"success\",\"data\":["));
        for (at, group) in groups.iter().enumerate() {
            let mut out = Vec::with_capacity(2048);
            if at > 0 {
                out.push(b',');
            }
            push_group(&mut out, group);
            pieces.push(out.into());
        }
        pieces.push(Bytes::from_static(b"]}\n"));
        Ok::<Vec<Bytes>, push_groups::StoreError>(pieces)
    });
    match printed.await {
        Ok(Ok(pieces)) => json(StatusCode::OK, pieces),
        Ok(Err(error)) => with_cors(refused(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
        Err(_) => with_cors(refused(StatusCode::INTERNAL_SERVER_ERROR, "printing the groups panicked")),
    }
}

/// `GET /api/v1/status`
pub(crate) fn status(surface: &Surface) -> Answer {
    let mut started = Vec::new();
    let since = surface.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    push_stamp(&mut started, since.as_nanos() as u64);
    let flags: serde_json::Map<String, serde_json::Value> =
        surface.options.flags.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let build = json!({
        "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "",
        "version": env!("CARGO_PKG_VERSION"),
    });
    let started = String::from_utf8_lossy(&started);
    json_data(&json!({ "flags": flags, "build_information": build, "start_time": started }))
}

/// One group: its labels, whether its last push succeeded, and each of its families by its name. Families that have
/// the names of these two keys are left out.
fn push_group(out: &mut Vec<u8>, group: &Group) {
    let entry = &group.entry;
    out.extend_from_slice(b"{\"labels\":");
    let labels: Vec<(&str, &str)> = group.key.labels().collect();
    push_labels(out, &labels);
    let succeeded = if entry.failed <= entry.pushed { "true" } else { "false" };
    out.extend_from_slice(format!(",\"last_push_successful\":{succeeded}").as_bytes());
    for (at, time) in [entry.pushed, entry.failed].into_iter().enumerate() {
        let family = push_time(PUSH_TIMES[at], at, time);
        push_named(out, &labels, &family, entry.pushed.max(entry.failed));
    }
    // What cannot be read shows its push times alone.
    for held in Content::decode(&entry.content).unwrap_or_default().families {
        if !matches!(&*held.family.name, "labels" | "last_push_successful") {
            let time = if held.time == 0 { entry.pushed } else { held.time };
            push_named(out, &labels, &held.family, time);
        }
    }
    out.push(b'}');
}

/// One of the two gauges that every group has.
fn push_time(name: &str, at: usize, nanoseconds: u64) -> Family {
    let help = [
        "Last Unix time when changing this group in the Pushgateway succeeded.",
        "Last Unix time when changing this group in the Pushgateway failed.",
    ];
    let value = Value::Number { value: nanoseconds as f64 / 1e9, exemplar: None };
    let metric = Metric { labels: Vec::new(), value, created: None };
    Family {
        name: name.into(),
        help: help[at].into(),
        kind: Kind::Gauge,
        unit: "".into(),
        metrics: vec![metric],
    }
}

fn push_named(out: &mut Vec<u8>, group: &[(&str, &str)], family: &Family, time: u64) {
    out.push(b',');
    push_text(out, &family.name);
    out.push(b':');
    push_family(out, group, family, time);
}

/// A family with its metrics, each with the labels of the group.
pub(crate) fn push_family(out: &mut Vec<u8>, group: &[(&str, &str)], family: &Family, time: u64) {
    out.extend_from_slice(b"{\"time_stamp\":\"");
    push_stamp(out, time);
    out.extend_from_slice(b"\",\"type\":\"");
    out.extend_from_slice(type_word(family.kind).as_bytes());
    out.push(b'"');
    if !family.help.is_empty() {
        out.extend_from_slice(b",\"help\":");
        push_text(out, &family.help.to_text());
    }
    out.extend_from_slice(b",\"metrics\":[");
    for (at, metric) in family.metrics.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"labels\":" } else { b"{\"labels\":" });
        push_labels(out, &series_labels(group.iter().copied(), &metric.labels));
        match &metric.value {
            Value::Number { value, .. } => push_field(out, "value", *value),
            Value::Histogram { count, sum, buckets } => {
                let buckets = buckets.iter().map(|bucket| (bucket.le, bucket.count as f64));
                push_pairs(out, "buckets", buckets);
                push_field(out, "count", *count as f64);
                push_field(out, "sum", *sum);
            }
            Value::Summary { count, sum, quantiles } => {
                push_pairs(out, "quantiles", quantiles.iter().copied());
                push_field(out, "count", *count as f64);
                push_field(out, "sum", *sum);
            }
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

fn push_pairs(out: &mut Vec<u8>, name: &str, pairs: impl Iterator<Item = (f64, f64)>) {
    out.extend_from_slice(format!(",\"{name}\":{{").as_bytes());
    for (at, (key, value)) in pairs.enumerate() {
        out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
        push_number(out, key);
        out.extend_from_slice(b"\":\"");
        push_number(out, value);
        out.push(b'"');
    }
    out.push(b'}');
}

fn push_field(out: &mut Vec<u8>, name: &str, value: f64) {
    out.extend_from_slice(format!(",\"{name}\":\"").as_bytes());
    push_number(out, value);
    out.push(b'"');
}

/// As Go's `fmt.Sprint` prints it, which unlike the page keeps the sign of 0.
fn push_number(out: &mut Vec<u8>, value: f64) {
    if value == 0.0 && value.is_sign_negative() {
        out.push(b'-');
    }
    push_go_number(out, value);
}

fn push_labels(out: &mut Vec<u8>, labels: &[(&str, &str)]) {
    out.push(b'{');
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_text(out, name);
        out.push(b':');
        push_text(out, value);
    }
    out.push(b'}');
}

/// A text as JSON has it.
fn push_text(out: &mut Vec<u8>, text: &str) {
    // Writing to a Vec does not fail, and text is always text.
    let _ = serde_json::to_writer(out, text);
}

pub(crate) fn type_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "COUNTER",
        Kind::Gauge | Kind::Info | Kind::StateSet => "GAUGE",
        Kind::Histogram | Kind::GaugeHistogram => "HISTOGRAM",
        Kind::Summary => "SUMMARY",
        _ => "UNTYPED",
    }
}
