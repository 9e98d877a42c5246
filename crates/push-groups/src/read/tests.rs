//! What all forms have in common; and a body shown in one line, to compare with.

pub(super) mod written;

use proptest::prelude::*;

use super::*;
use crate::{Metric, Value};

pub(super) fn key() -> GroupKey {
    GroupKey::new([("job", "j"), ("shard", "7")]).expect("labels of a group")
}

/// What a body says to the group `{job="j",shard="7"}`, in few words: `name:kind[help|unit] labels=numbers ...; ...`.
pub(super) fn shown(syntax: Syntax, body: &[u8]) -> Result<String, String> {
    let body = read(syntax, &key(), body, &ReadLimits::default()).map_err(|error| match error {
        ReadError::Inconsistent(why) => format!("inconsistent: {why}"),
        other => other.to_string(),
    })?;
    let families: Vec<String> = body.families.iter().map(family_shown).collect();
    Ok(families.join("; ") + if body.timestamps { " with times" } else { "" })
}

fn family_shown(family: &Family) -> String {
    let Family { name, help, kind, unit, metrics } = family;
    let help = if help.is_empty() && unit.is_empty() { String::new() } else { format!("[{help}|{unit}]") };
    metrics
        .iter()
        .fold(format!("{name}:{kind}{help}"), |text, metric| format!("{text} {}", metric_shown(metric)))
}

fn metric_shown(Metric { labels, value, created }: &Metric) -> String {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    let example = |exemplar: &Option<Box<crate::Exemplar>>| {
        exemplar
            .as_ref()
            .map_or(String::new(), |it| format!("#{:?}:{}@{:?}", it.labels, it.value, it.timestamp))
    };
    let numbers = match value {
        Value::Number { value, exemplar } => format!("{value}{}", example(exemplar)),
        Value::Histogram { count, sum, buckets } => {
            buckets.iter().fold(format!("n{count} s{sum}"), |text, it| {
                format!("{text} {}:{}{}", it.le, it.count, example(&it.exemplar))
            })
        }
        Value::Summary { count, sum, quantiles } => quantiles
            .iter()
            .fold(format!("n{count} s{sum}"), |text, (quantile, value)| format!("{text} {quantile}:{value}")),
    };
    let created = created.map_or(String::new(), |created| format!(" since {created}"));
    format!("{{{}}}={numbers}{created}", labels.join(","))
}

#[test]
fn push_times_are_the_groups_own() {
    let page =
        b"push_time_seconds 1\n# TYPE push_failure_time_seconds counter\npush_failure_time_seconds 1\na 1\n";
    assert_eq!(shown(Syntax::Text, page), Ok("a:unknown {}=1".to_owned()));
    let times = shown(Syntax::Text, b"push_time_seconds 1 5\n");
    assert_eq!(times, Ok(" with times".to_owned()));
}

#[test]
fn what_the_group_says_is_left_out_and_so_is_an_empty_instance() {
    for (page, expected) in [
        ("a{shard=\"1\",job=\"x\",z=\"1\"} 1\n", "a:unknown {z=\"1\"}=1"),
        ("a{instance=\"\"} 1\n", "a:unknown {}=1"),
        ("a{instance=\"i\"} 1\n", "a:unknown {instance=\"i\"}=1"),
        ("a{x=\"\"} 1\n", "a:unknown {x=\"\"}=1"),
    ] {
        assert_eq!(shown(Syntax::Text, page.as_bytes()), Ok(expected.to_owned()), "{page}");
    }
}

#[test]
fn a_limit_is_told_with_its_value() {
    let limits = ReadLimits { bytes: 60, samples: 2, label_name: 3, label_value: 4 };
    let long = "#".repeat(60) + "\n";
    for (page, expected) in [
        (&*long, Some("the body has more than 60 bytes when decoded")),
        ("a 1\na 1\na 1\n", Some("the body has more than 2 samples")),
        ("a{abcd=\"\"} 1\n", Some("a label has a name of more than 3 bytes")),
        ("a{a=\"12345\"} 1\n", Some("a label has a value of more than 4 bytes")),
        ("a{a=\"1\\\\34\"} 1\na{abc=\"\"} 1\n", None),
    ] {
        for (syntax, end) in [(Syntax::Text, ""), (Syntax::OpenMetrics, "# EOF\n")] {
            let error = read(syntax, &key(), (page.to_owned() + end).as_bytes(), &limits).err();
            if let Some(error) = &error {
                assert!(matches!(error, ReadError::Limit(_)), "{page} {error}");
            }
            assert_eq!(error.map(|error| error.to_string()).as_deref(), expected, "{page}");
        }
    }
}

#[test]
fn a_thousand_labels_are_read_as_fast_as_they_are_few() {
    let labels: Vec<String> = (0..20_000).rev().map(|at| format!("l{at:05}=\"{at}\"")).collect();
    let page = format!("a{{{}}} 1\n", labels.join(","));
    let body = read(Syntax::Text, &key(), page.as_bytes(), &ReadLimits::default()).expect("a page");
    let labels = &body.families[0].metrics[0].labels;
    assert_eq!((labels.len(), labels.is_sorted()), (20_000, true));
    let twice = page.replacen("l00003=", "l19999=", 1);
    let error = shown(Syntax::Text, twice.as_bytes()).expect_err("a label twice");
    assert_eq!(error, "text format parsing error in line 1: duplicate label names for metric \"a\"");
}

proptest! {
    #[test]
    fn any_bytes_are_a_body_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for syntax in [Syntax::Text, Syntax::Protobuf, Syntax::OpenMetrics] {
            let _ = shown(syntax, &body);
        }
    }

    #[test]
    fn any_page_of_likely_bytes_is_a_body_or_an_error(
        body in "([#aAhs_{}= \t\n\"\\\\,1.e+-]|le|quantile|_count|_sum|_bucket| TYPE | HELP |histogram|summary){0,60}"
    ) {
        for syntax in [Syntax::Text, Syntax::OpenMetrics] {
            let _ = shown(syntax, body.as_bytes());
        }
    }
}
