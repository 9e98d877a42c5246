//! Any bytes as a body that is pushed.

use std::collections::HashSet;

use push_groups::{
    Claims, Content, GroupKey, Held, Limit, PUSH_TIMES, ReadError, ReadLimits, Syntax, check, is_label_name,
    is_metric_name, read,
};

/// Families, or an error at one of the lines.
pub fn pushed_text(bytes: &[u8]) {
    if let Err(ReadError::Parse(why)) = hold(Syntax::Text, bytes) {
        let line =
            why.strip_prefix("text format parsing error in line ").and_then(|rest| rest.split_once(':'));
        let line = line.and_then(|(line, _)| line.parse::<usize>().ok()).expect("an error has a line");
        assert!((1..=bytes.split(|byte| *byte == b'\n').count()).contains(&line), "{why}");
    }
}

/// Families, or an error.
pub fn pushed_protobuf(bytes: &[u8]) {
    let _ = hold(Syntax::Protobuf, bytes);
}

/// Families, or an error; and never fewer than are read as text.
pub fn pushed_openmetrics(bytes: &[u8]) {
    let read = hold(Syntax::OpenMetrics, bytes);
    if read.is_err() && hold(Syntax::Text, bytes).is_ok() {
        // What is well-formed, and of a type or a name that a gateway has no page for.
        let page = exposition_of(bytes);
        assert!(page, "{read:?}");
    }
}

/// Whether the error is about a page of OpenMetrics that could be read.
fn exposition_of(bytes: &[u8]) -> bool {
    match hold(Syntax::OpenMetrics, bytes) {
        Err(ReadError::Parse(why)) => {
            why.starts_with("OpenMetrics family") || why.starts_with("OpenMetrics label")
        }
        _ => false,
    }
}

fn hold(syntax: Syntax, bytes: &[u8]) -> Result<(), ReadError> {
    let key = GroupKey::new([("job", "j"), ("x", "1")]).expect("labels of a group");
    let body = read(syntax, &key, bytes, &ReadLimits::default());
    narrow(syntax, &key, bytes, body.is_ok());
    let body = body?;

    let names: HashSet<&str> = body.families.iter().map(|family| &*family.name).collect();
    assert_eq!(names.len(), body.families.len(), "a name twice");
    for family in &body.families {
        assert!(is_metric_name(&family.name) && !PUSH_TIMES.contains(&&*family.name), "{}", family.name);
        assert!(!family.metrics.is_empty(), "{} without metrics", family.name);
        for metric in &family.metrics {
            assert!(metric.labels.is_sorted_by(|one, other| one.0 < other.0), "{:?}", metric.labels);
            let says = |(name, value): &(Box<str>, Box<str>)| {
                key.label(name).is_some() || (&**name == "instance" && value.is_empty())
            };
            assert!(!metric.labels.iter().any(says), "{:?}", metric.labels);
        }
    }
    let checked = check(&key, &body.families);
    if checked.is_ok() {
        let labels =
            body.families.iter().flat_map(|family| &family.metrics).flat_map(|metric| &metric.labels);
        assert!(labels.into_iter().all(|(name, _)| is_label_name(name)));
        // Two families may still exclude each other; no series is there twice.
        let claims = Claims::of(&key, &body.families);
        assert!(!matches!(claims, Err(push_groups::Clash::Series(_))), "{:?}", body.families);
    }
    let families = body.families.into_iter().map(|family| Held { family, time: 0 }).collect();
    let written = Content { checked: checked.is_ok(), families }.encode();
    assert_eq!(Content::decode(&written).expect("it was written").encode(), written);
    Ok(())
}

/// Narrow limits change nothing, or are what is wrong.
fn narrow(syntax: Syntax, key: &GroupKey, bytes: &[u8], is_ok: bool) {
    let limits = ReadLimits { bytes: 200, samples: 3, label_name: 4, label_value: 4 };
    match read(syntax, key, bytes, &limits) {
        Err(ReadError::Limit(exceeded)) => {
            assert!(exceeded.limit != Limit::Bytes || bytes.len() > limits.bytes, "{exceeded}");
        }
        other => assert_eq!(other.is_ok(), is_ok, "{other:?}"),
    }
}
