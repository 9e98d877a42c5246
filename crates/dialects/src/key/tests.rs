//! Tests of the keys that a child gets.

use metrics_core::{Aggregation, Buckets, Declaration, Desc, Kind, Mode};

use super::keys;
use crate::{Dialect, Era};

/// Part and key, a line each.
fn lines(dialect: Dialect, declared: &Declaration<'_>, labels: &[&str]) -> Vec<String> {
    let desc = Desc::new(declared).unwrap();
    let keys = keys(dialect, &desc, labels, "4711");
    keys.iter().map(|(part, key)| format!("{part:?} {}", String::from_utf8_lossy(key))).collect()
}

fn declared(kind: Kind) -> Declaration<'static> {
    let buckets = Buckets::new([0.5, 1.0, 1e6]).unwrap();
    Declaration {
        labels: &["zone", "code"],
        buckets: (kind == Kind::Histogram).then_some(buckets),
        ..Declaration::new(kind, "jobs", "Jobs.")
    }
}

#[test]
fn python_keeps_a_histograms_sum_first_and_no_count() {
    assert_eq!(
        lines(Dialect::PYTHON, &declared(Kind::Histogram), &["eu", "é"]),
        [
            r#"Sum ["jobs", "jobs_sum", {"code": "\u00e9", "zone": "eu"}, "Jobs."]"#,
            r#"Bucket(0) ["jobs", "jobs_bucket", {"code": "\u00e9", "le": "0.5", "zone": "eu"}, "Jobs."]"#,
            r#"Bucket(1) ["jobs", "jobs_bucket", {"code": "\u00e9", "le": "1.0", "zone": "eu"}, "Jobs."]"#,
            r#"Bucket(2) ["jobs", "jobs_bucket", {"code": "\u00e9", "le": "1e+06", "zone": "eu"}, "Jobs."]"#,
            r#"Bucket(3) ["jobs", "jobs_bucket", {"code": "\u00e9", "le": "+Inf", "zone": "eu"}, "Jobs."]"#,
        ]
    );
}

#[test]
fn python_keeps_a_summarys_count_then_its_sum() {
    assert_eq!(
        lines(Dialect::PYTHON, &declared(Kind::Summary), &["eu", "1"]),
        [
            r#"Count ["jobs", "jobs_count", {"code": "1", "zone": "eu"}, "Jobs."]"#,
            r#"Sum ["jobs", "jobs_sum", {"code": "1", "zone": "eu"}, "Jobs."]"#,
        ]
    );
}

#[test]
fn a_counters_sample_ends_in_total_and_its_family_does_from_0_4_on_not() {
    for (era, expected) in [
        (Era::F0, r#"Value ["jobs_total", "jobs_total", ["zone", "code"], ["eu", "1"]]"#),
        (Era::F1, r#"Value ["jobs", "jobs_total", {"code": "1", "zone": "eu"}]"#),
        (Era::F2, r#"Value ["jobs", "jobs_total", {"code": "1", "zone": "eu"}, "Jobs."]"#),
        (Era::F3, r#"Value ["jobs", "jobs_total", {"code": "1", "zone": "eu"}, "Jobs."]"#),
    ] {
        assert_eq!(lines(Dialect::Python(era), &declared(Kind::Counter), &["eu", "1"]), [expected]);
    }
}

#[test]
fn a_gauge_of_python_holds_no_pid_in_its_key() {
    assert_eq!(
        lines(Dialect::PYTHON, &declared(Kind::Gauge), &["eu", "1"]),
        [r#"Value ["jobs", "jobs", {"code": "1", "zone": "eu"}, "Jobs."]"#]
    );
}

#[test]
fn ruby_keeps_buckets_and_sum_in_the_label_le() {
    assert_eq!(
        lines(Dialect::Ruby, &declared(Kind::Histogram), &["eu", "é "]),
        [
            "Bucket(0) code=%C3%A9+&le=0.5&zone=eu",
            "Bucket(1) code=%C3%A9+&le=1.0&zone=eu",
            "Bucket(2) code=%C3%A9+&le=1000000.0&zone=eu",
            "Bucket(3) code=%C3%A9+&le=%2BInf&zone=eu",
            "Sum code=%C3%A9+&le=sum&zone=eu",
        ]
    );
}

#[test]
fn ruby_keeps_count_and_sum_in_the_label_quantile() {
    assert_eq!(
        lines(Dialect::Ruby, &declared(Kind::Summary), &["eu", "1"]),
        ["Count code=1&quantile=count&zone=eu", "Sum code=1&quantile=sum&zone=eu"]
    );
}

#[test]
fn ruby_keeps_the_process_of_a_number_that_is_not_merged() {
    for (mode, expected) in [
        (Mode::All, "Value code=1&pid=4711&zone=eu"),
        (Mode::Max, "Value code=1&zone=eu"),
        (Mode::MostRecent, "Value code=1&zone=eu"),
    ] {
        let aggregation = Some(Aggregation { mode, live: false });
        let declared = Declaration { aggregation, ..declared(Kind::Gauge) };
        assert_eq!(lines(Dialect::Ruby, &declared, &["eu", "1"]), [expected]);
    }
    let plain = Declaration::new(Kind::Counter, "jobs", "Jobs.");
    assert_eq!(lines(Dialect::Ruby, &plain, &[]), ["Value "]);
}

#[test]
fn gitlab_keeps_a_count_of_its_own() {
    assert_eq!(
        lines(Dialect::Gitlab, &declared(Kind::Histogram), &["eu", "é"])[..4],
        [
            r#"Sum ["jobs","jobs_sum",["code","zone"],["é","eu"]]"#,
            r#"Count ["jobs","jobs_count",["code","zone"],["é","eu"]]"#,
            r#"Bucket(3) ["jobs","jobs_bucket",["code","le","zone"],["é","+Inf","eu"]]"#,
            r#"Bucket(0) ["jobs","jobs_bucket",["code","le","zone"],["é","0.5","eu"]]"#,
        ]
    );
    assert_eq!(
        lines(Dialect::Gitlab, &declared(Kind::Counter), &["eu", "1"]),
        [r#"Value ["jobs_total","jobs_total",["code","zone"],["1","eu"]]"#]
    );
}
