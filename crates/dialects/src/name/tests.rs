//! Tests of file names.

use metrics_core::{Aggregation, Buckets, Declaration, Desc, Kind};
use proptest::prelude::*;

use super::{file_name, is_metrics_file, parse_file_name};
use crate::{Dialect, Era};

/// A name's parts in one line: kind, aggregation, metric, process.
fn told(dialect: Dialect, name: &str) -> String {
    match parse_file_name(dialect, name) {
        None => "not read".to_owned(),
        Some(parts) => format!(
            "{} {} {} {:?}",
            parts.kind.map_or("-", Kind::as_str),
            parts.aggregation.map_or("-", Aggregation::as_str),
            parts.metric.unwrap_or("-"),
            parts.process
        ),
    }
}

#[test]
fn names_of_python_tell_kind_mode_and_process() {
    for (name, expected) in [
        ("counter_4711.db", r#"counter - - "4711""#),
        ("counter_4711-r0.db", r#"counter - - "4711-r0""#),
        ("counter_archive.db", r#"counter - - "archive""#),
        ("histogram_worker_1.db", r#"histogram - - "worker_1""#),
        ("summary_1.db", r#"summary - - "1""#),
        ("untyped_1.db", r#"unknown - - "1""#),
        ("gauge_all_1.db", r#"gauge all - "1""#),
        ("gauge_livemostrecent_1.db", r#"gauge livemostrecent - "1""#),
        // Python's reader would say "wor" for both of these.
        ("gauge_all_worker_1.db", r#"gauge all - "worker_1""#),
        ("gauge_sum_worker_2_.db", r#"gauge sum - "worker_2_""#),
        ("gauge_median_1.db", r#"gauge all - "1""#),
        ("gauge_most_recent_1.db", r#"gauge all - "recent_1""#),
        ("gauge_liveaverage_1.db", r#"gauge liveaverage - "1""#),
        // A kind that nobody knows: the reader says what it does with it.
        ("timer_1.db", r#"- - - "1""#),
        ("gauge_all.db", "not read"),
        ("gauge_1.db", "not read"),
        ("counter.db", "not read"),
        ("counter_1.db.bak", "not read"),
        (".counter_1.db", "not read"),
        ("exemplar_1-0.db", "not read"),
        ("metric_x___1.bin", "not read"),
        ("", "not read"),
    ] {
        assert_eq!(told(Dialect::PYTHON, name), expected, "{name}");
    }
}

#[test]
fn names_of_gitlab_lose_the_number_of_every_part() {
    for (name, expected) in [
        ("counter_101-0.db", r#"counter - - "101""#),
        ("counter_worker_id_0-0.db", r#"counter - - "worker_id_0""#),
        ("gauge_all_worker_id_0-12.db", r#"gauge all - "worker_id_0""#),
        ("gauge_liveall_process_id_4242-0.db", r#"gauge liveall - "process_id_4242""#),
        ("gauge_all_a_b-12_c-0.db", r#"gauge all - "a_b_c""#),
        ("gauge_max_with-dash-7-0.db", r#"gauge max - "with-dash-7""#),
        ("gauge_livesum_1-0.db", r#"gauge livesum - "1""#),
        ("gauge_sum_1-0.db", r#"gauge all - "1""#), // no mode of this client
        ("gauge_7-0.db", r#"gauge all - """#),
        ("gauge_min_-0.db", r#"gauge min - """#),
        ("gauge_min__-0.db", r#"gauge min - "_""#),
        ("histogram_1.db", r#"histogram - - "1""#),
        ("exemplar_101-0.db", "not read"),
        ("counter.db", "not read"),
    ] {
        assert_eq!(told(Dialect::Gitlab, name), expected, "{name}");
    }
}

#[test]
fn names_of_ruby_split_at_the_last_three_underscores() {
    for (name, expected) in [
        ("metric_http_requests_total___4711.bin", r#"- - http_requests_total "4711""#),
        ("metric_foo___bar___12.bin", r#"- - foo___bar "12""#),
        ("metric_foo____12.bin", r#"- - foo_ "12""#),
        ("metric_job:rate___12-r0.bin", r#"- - job:rate "12-r0""#),
        ("metric_foo___12.bin.bak", "not read"),
        ("metric_foo___12.db", "not read"),
        ("metric_foo___12", "not read"),
        ("metric_foo___.bin", "not read"),
        ("metric____12.bin", "not read"),
        ("metric_foo_12.bin", "not read"),
        ("foo___12.bin", "not read"),
    ] {
        assert_eq!(told(Dialect::Ruby, name), expected, "{name}");
    }
}

#[test]
fn only_names_that_a_client_would_write_are_metrics_files() {
    for (name, expected) in [
        ("counter_1.db", true),
        ("anything.db", true), // Python reads it and complains; so can we
        ("metric_x___1.bin", true),
        ("metric_x_1.bin", false),
        ("metric_x___1.bin~", false),
        (".hidden.db", false),
        (".db", false),
        ("exemplar_1-0.db", false),
        ("counter_1.db-journal", false),
        ("README.md", false),
    ] {
        assert_eq!(is_metrics_file(name), expected, "{name}");
    }
}

#[test]
fn a_written_name_reads_back() {
    for dialect in [Dialect::PYTHON, Dialect::Python(Era::F0), Dialect::Gitlab, Dialect::Ruby] {
        for (kind, aggregation) in [
            (Kind::Counter, None),
            (Kind::Histogram, None),
            (Kind::Summary, None),
            (Kind::Gauge, Some("livemax".parse().unwrap())),
            (Kind::Gauge, Some("mostrecent".parse().unwrap())),
        ] {
            let declared = Declaration {
                aggregation,
                buckets: (kind == Kind::Histogram).then(Buckets::default),
                ..Declaration::new(kind, "a___b", "help")
            };
            let desc = Desc::new(&declared).unwrap();
            let name = file_name(dialect, &desc, "4711-r0");
            let parts = parse_file_name(dialect, &name).unwrap();
            if dialect == Dialect::Ruby {
                let metric = if kind == Kind::Counter { "a___b_total" } else { "a___b" };
                assert_eq!(parts.metric, Some(metric));
            } else {
                assert_eq!(parts.kind, Some(kind));
            }
            if let Dialect::Python(_) = dialect {
                assert_eq!(parts.aggregation, aggregation);
            }
            assert_eq!(parts.process, "4711-r0", "{name}");
        }
    }
}

proptest! {
    #[test]
    fn any_name_is_read_or_not_but_never_panics(
        name in "(counter|gauge|metric|exemplar|é|)[_]{0,4}[a-z0-9_é.-]{0,12}[_]{0,4}[0-9-]{0,3}(.db|.bin|)",
    ) {
        for dialect in [Dialect::PYTHON, Dialect::Gitlab, Dialect::Ruby] {
            if parse_file_name(dialect, &name).is_some() {
                prop_assert!(is_metrics_file(&name));
            }
        }
    }

    #[test]
    fn any_process_reads_back_from_a_name_of_python(process in "[^/\0]{0,20}", gauge: bool) {
        let kind = if gauge { Kind::Gauge } else { Kind::Counter };
        let desc = Desc::new(&Declaration::new(kind, "a", "")).unwrap();
        let name = file_name(Dialect::PYTHON, &desc, &process);
        prop_assert_eq!(&parse_file_name(Dialect::PYTHON, &name).unwrap().process, &process);
    }
}
