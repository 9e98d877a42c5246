//! What may be declared.

use super::*;
use crate::Mode;

fn message(declared: Declaration<'_>) -> String {
    Desc::new(&declared).expect_err("the declaration is wrong").to_string()
}

fn counter(name: &str) -> Declaration<'_> {
    Declaration::new(Kind::Counter, name, "Help.")
}

#[test]
fn a_counter_is_named_without_total() {
    for name in ["requests", "requests_total"] {
        assert_eq!(Desc::new(&counter(name)).unwrap().name(), "requests");
    }
    let gauge = Desc::new(&Declaration::new(Kind::Gauge, "seats_total", "")).unwrap();
    assert_eq!(gauge.name(), "seats_total");
}

#[test]
fn names_that_prometheus_refuses_are_refused() {
    for name in ["", "_total", "1st", "a-b", "a b", "é", "a\n", "a.b"] {
        let error = message(counter(name));
        assert!(error.starts_with(&format!("declare family {name:?}: the name")), "{error}");
    }
    for name in ["a", "_", ":", "a:b_9", "__x", "A"] {
        Desc::new(&counter(name)).unwrap();
    }
}

#[test]
fn label_names_are_checked() {
    for (label, why) in [
        ("", "does not match [a-zA-Z_][a-zA-Z0-9_]*"),
        ("a:b", "does not match [a-zA-Z_][a-zA-Z0-9_]*"),
        ("9a", "does not match [a-zA-Z_][a-zA-Z0-9_]*"),
        ("pid", "is reserved"),
        ("__name__", "is reserved"),
        ("code", "stands twice"),
    ] {
        let error = message(Declaration { labels: &["code", label], ..counter("a_total") });
        assert_eq!(error, format!("declare family \"a\": label {label:?} {why}"));
    }
}

#[test]
fn a_kind_reserves_the_labels_that_it_prints() {
    for kind in [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary] {
        for (label, reserved) in [("le", kind == Kind::Histogram), ("quantile", kind == Kind::Summary)] {
            let result = Desc::new(&Declaration { labels: &[label], ..Declaration::new(kind, "a", "") });
            assert_eq!(result.is_err(), reserved, "{kind} with {label}");
        }
    }
}

#[test]
fn a_unit_is_the_end_of_the_name() {
    let with_unit = |name, unit| Desc::new(&Declaration { unit, ..counter(name) });
    assert_eq!(with_unit("a_seconds_total", "seconds").unwrap().unit(), Some("seconds"));
    assert_eq!(with_unit("a_total", "").unwrap().unit(), None);
    for (name, unit) in [("a_total", "seconds"), ("aseconds_total", "seconds"), ("seconds_total", "seconds")]
    {
        assert!(with_unit(name, unit).is_err(), "{name} in {unit}");
    }
    let error = message(Declaration { unit: "seconds", ..counter("a_total") });
    assert_eq!(error, r#"declare family "a": the name of a family with unit "seconds" ends in _seconds"#);
}

#[test]
fn only_gauges_choose_how_they_are_merged() {
    for word in Aggregation::WORDS {
        let aggregation: Aggregation = word.parse().unwrap();
        for kind in [Kind::Counter, Kind::Gauge, Kind::Histogram, Kind::Summary] {
            let declared = Declaration { aggregation: Some(aggregation), ..Declaration::new(kind, "a", "") };
            let accepted = kind == Kind::Gauge || word == "sum";
            assert_eq!(Desc::new(&declared).is_ok(), accepted, "{kind} merged by {word}");
        }
    }
    let max = Some(Aggregation { mode: Mode::Max, live: false });
    let error = message(Declaration { aggregation: max, ..counter("a_total") });
    assert_eq!(error, r#"declare family "a": no counter with aggregation max can be declared"#);
}

#[test]
fn gauges_are_kept_apart_and_the_rest_is_summed_where_nothing_is_said() {
    for (kind, aggregation) in [
        (Kind::Counter, Aggregation::SUM),
        (Kind::Gauge, Aggregation::ALL),
        (Kind::Histogram, Aggregation::SUM),
        (Kind::Summary, Aggregation::SUM),
    ] {
        assert_eq!(Desc::new(&Declaration::new(kind, "a", "")).unwrap().aggregation(), aggregation);
    }
}

#[test]
fn kinds_that_only_pages_have_cannot_be_declared() {
    for kind in [Kind::Unknown, Kind::Info, Kind::StateSet, Kind::GaugeHistogram] {
        assert!(Desc::new(&Declaration::new(kind, "a", "")).is_err(), "{kind}");
    }
}

#[test]
fn only_histograms_have_buckets() {
    let buckets = Some(Buckets::new([1.0]).unwrap());
    for (kind, bounds) in [(Kind::Histogram, &[1.0][..]), (Kind::Summary, &[])] {
        let declared = Declaration { buckets: buckets.clone(), ..Declaration::new(kind, "a", "") };
        assert_eq!(Desc::new(&declared).unwrap().buckets().bounds(), bounds);
    }
    let usual = Desc::new(&Declaration::new(Kind::Histogram, "a", "")).unwrap();
    assert_eq!(usual.buckets(), &Buckets::default());
}
