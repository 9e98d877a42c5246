//! Files of a few records, and the page that a limit makes of them.

use std::fs;
use std::path::Path;

use collector::{Ask, By, Catalog, Collector, DirSource, Directory, Limits};
use dialects::{Dialect, HEADER_LEN, push_record};

use crate::{limited, lines, lines_of, of_directory, of_family, refused, support};

pub(crate) fn file(dialect: Dialect, directory: &Path, name: &str, records: &[(&str, f64)]) {
    let mut bytes = vec![0; HEADER_LEN];
    for (key, value) in records {
        push_record(dialect, key.as_bytes(), *value, 1.0, &mut bytes);
    }
    let used = bytes.len() as u32;
    bytes[..4].copy_from_slice(&used.to_ne_bytes());
    fs::write(directory.join(name), bytes).unwrap();
}

/// A Python file of counters: of each the family, the value of its label `path`, and the number.
pub(crate) fn counters(directory: &Path, process: u32, numbers: &[(&str, &str, f64)]) {
    let records: Vec<(String, f64)> = numbers
        .iter()
        .map(|(family, path, number)| {
            (format!(r#"["{family}", "{family}_total", {{"path": "{path}"}}, "H."]"#), *number)
        })
        .collect();
    let records: Vec<(&str, f64)> = records.iter().map(|(key, number)| (key.as_str(), *number)).collect();
    file(Dialect::PYTHON, directory, &format!("counter_{process}.db"), &records);
}

/// The page of files that `write` makes, with a limit of label sets for each family.
fn page(limits: Limits, write: impl Fn(&Path)) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path());
    let collector = limited(directory.path(), Catalog::default(), limits);
    let first = lines(&collector);
    assert_eq!(lines(&collector), first, "next scrape");
    first
}

#[test]
fn label_sets_beyond_the_limit_are_added_up_in_one() {
    let write = |directory: &Path| {
        counters(directory, 1, &[("c", "/a", 1.0), ("c", "/b", 2.0), ("c", "/x", 4.0), ("c", "/y", 8.0)]);
        counters(directory, 2, &[("c", "/y", 16.0), ("c", "/b", 32.0), ("c", "/z", 64.0), ("d", "/z", 1.0)]);
    };
    assert_eq!(
        page(of_family(2), write),
        [
            r#"c_total{path="/a"} 1.0"#,
            r#"c_total{path="/b"} 34.0"#,
            r#"c_total{overflow="true"} 92.0"#,
            r#"d_total{path="/z"} 1.0"#,
        ]
    );
    assert_eq!(
        page(of_family(0), write),
        [r#"c_total{overflow="true"} 127.0"#, r#"d_total{overflow="true"} 1.0"#]
    );
    assert_eq!(
        page(of_directory(3), write),
        [
            r#"c_total{path="/a"} 1.0"#,
            r#"c_total{path="/b"} 34.0"#,
            r#"c_total{path="/x"} 4.0"#,
            r#"c_total{overflow="true"} 88.0"#,
            r#"d_total{overflow="true"} 1.0"#,
        ]
    );
    let both = Limits { series_per_family: Some(1), series: Some(2) };
    assert_eq!(
        page(both, write),
        [r#"c_total{path="/a"} 1.0"#, r#"c_total{overflow="true"} 126.0"#, r#"d_total{path="/z"} 1.0"#,]
    );
}

#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    let write = |directory: &Path| counters(directory, 1, &[("c", "/a", 1.0), ("c", "/b", 2.0)]);
    let unlimited = page(Limits::default(), write);
    assert_eq!(page(of_family(2), write), unlimited);
    assert_eq!(page(of_directory(2), write), unlimited);
}

/// Keys of a histogram in Python's files: the sum, then the buckets, each for itself.
fn histogram(path: &str, observed: [f64; 3]) -> Vec<(String, f64)> {
    let key =
        |suffix: &str, labels: &str| format!(r#"["h", "h{suffix}", {{"path": "{path}"{labels}}}, "H."]"#);
    let [low, high, sum] = observed;
    vec![
        (key("_sum", ""), sum),
        (key("_bucket", r#", "le": "1.0""#), low),
        (key("_bucket", r#", "le": "+Inf""#), high),
    ]
}

#[test]
fn a_histogram_is_one_label_set_and_its_overflow_is_a_histogram() {
    let page = page(of_family(1), |directory| {
        let records = [("/a", [1.0, 2.0, 3.0]), ("/b", [10.0, 20.0, 30.0]), ("/c", [100.0, 0.0, 50.0])];
        let records: Vec<_> =
            records.into_iter().flat_map(|(path, numbers)| histogram(path, numbers)).collect();
        let records: Vec<(&str, f64)> = records.iter().map(|(key, number)| (key.as_str(), *number)).collect();
        file(Dialect::PYTHON, directory, "histogram_1.db", &records);
    });
    assert_eq!(
        page,
        [
            r#"h_sum{path="/a"} 3.0"#,
            r#"h_bucket{le="1.0",path="/a"} 1.0"#,
            r#"h_bucket{le="+Inf",path="/a"} 3.0"#,
            r#"h_count{path="/a"} 3.0"#,
            r#"h_sum{overflow="true"} 80.0"#,
            r#"h_bucket{le="1.0",overflow="true"} 110.0"#,
            r#"h_bucket{le="+Inf",overflow="true"} 130.0"#,
            r#"h_count{overflow="true"} 130.0"#,
        ]
    );
}

/// What GitLab's client writes is cumulative, the highest bucket first: a label set without a bound has counted there what
/// it has counted below.
#[test]
fn cumulative_buckets_of_several_bounds_are_added_up_to_a_histogram() {
    let sets: [(&str, &[(&str, f64)]); 4] = [
        ("/a", &[("+Inf", 2.0), ("1", 1.0)]),
        ("/b", &[("+Inf", 13.0), ("1", 10.0), ("5", 11.0), ("9", 12.0)]),
        ("/c", &[("+Inf", 200.0), ("1", 100.0)]),
        ("/d", &[("+Inf", 3000.0), ("5", 1000.0), ("7", 2000.0)]),
    ];
    for rising in [false, true] {
        let page = page(of_family(1), |directory| {
            let mut keys: Vec<(String, f64)> = Vec::new();
            for (path, buckets) in sets {
                let mut buckets = buckets.to_vec();
                if rising {
                    buckets.rotate_left(1);
                }
                let key = |le: &str| format!(r#"["h","h_bucket",["path","le"],["{path}","{le}"]]"#);
                keys.extend(buckets.into_iter().map(|(le, number)| (key(le), number)));
            }
            let keys: Vec<(&str, f64)> = keys.iter().map(|(key, number)| (key.as_str(), *number)).collect();
            file(Dialect::Gitlab, directory, "histogram_1-0.db", &keys);
            file(Dialect::Gitlab, directory, "histogram_2-0.db", &keys);
        });
        assert_eq!(
            page,
            [
                r#"h_bucket{le="1",path="/a"} 2.0"#,
                r#"h_bucket{le="+Inf",path="/a"} 4.0"#,
                r#"h_bucket{le="1",overflow="true"} 220.0"#,
                r#"h_bucket{le="5",overflow="true"} 2222.0"#,
                r#"h_bucket{le="7",overflow="true"} 4222.0"#,
                r#"h_bucket{le="9",overflow="true"} 4224.0"#,
                r#"h_bucket{le="+Inf",overflow="true"} 6426.0"#,
            ]
        );
    }
}

#[test]
fn gauges_are_merged_by_their_mode_and_all_keeps_the_process() {
    let page = |mode: &str| {
        page(of_family(1), |directory| {
            for (process, numbers) in [(1, [1.0, 5.0, 3.0]), (2, [2.0, 4.0, 8.0])] {
                let keys = ["a", "b", "c"].map(|job| format!(r#"["g", "g", {{"job": "{job}"}}, "H."]"#));
                let records: Vec<(&str, f64)> = keys.iter().map(String::as_str).zip(numbers).collect();
                file(Dialect::PYTHON, directory, &format!("gauge_{mode}_{process}.db"), &records);
            }
        })
    };
    assert_eq!(page("sum"), [r#"g{job="a"} 3.0"#, r#"g{overflow="true"} 20.0"#]);
    assert_eq!(page("max"), [r#"g{job="a"} 2.0"#, r#"g{overflow="true"} 8.0"#]);
    assert_eq!(page("min"), [r#"g{job="a"} 1.0"#, r#"g{overflow="true"} 3.0"#]);
    assert_eq!(
        page("all"),
        [
            r#"g{job="a",pid="1"} 1.0"#,
            r#"g{overflow="true",pid="1"} 8.0"#,
            r#"g{job="a",pid="2"} 2.0"#,
            r#"g{overflow="true",pid="2"} 12.0"#,
        ]
    );
}

/// Ruby's gauges of the mode `all` have the process in their keys.
#[test]
fn what_rubys_files_refuse_is_added_up_too() {
    let gauges = page(of_family(1), |directory| {
        for process in ["1", "2"] {
            let keys = ["a", "b", "c"].map(|job| format!("job={job}&pid={process}"));
            let records: Vec<(&str, f64)> = keys.iter().map(String::as_str).zip([1.0, 2.0, 4.0]).collect();
            file(Dialect::Ruby, directory, &format!("metric_g___{process}.bin"), &records);
        }
    });
    assert_eq!(
        gauges,
        [
            r#"g{job="a",pid="1"} 1.0"#,
            r#"g{overflow="true",pid="1"} 6.0"#,
            r#"g{job="a",pid="2"} 1.0"#,
            r#"g{overflow="true",pid="2"} 6.0"#,
        ]
    );
    let histograms = page(of_family(1), |directory| {
        let keys = ["a", "b", "c"].map(|job| ["1", "%2BInf", "sum"].map(|le| format!("job={job}&le={le}")));
        let records: Vec<(&str, f64)> = keys.as_flattened().iter().map(|key| (key.as_str(), 2.0)).collect();
        file(Dialect::Ruby, directory, "metric_h___1.bin", &records);
    });
    assert_eq!(
        histograms,
        [
            r#"h_sum{job="a"} 2.0"#,
            r#"h_bucket{job="a",le="1"} 2.0"#,
            r#"h_bucket{job="a",le="+Inf"} 4.0"#,
            r#"h_count{job="a"} 4.0"#,
            r#"h_sum{overflow="true"} 4.0"#,
            r#"h_bucket{le="1",overflow="true"} 4.0"#,
            r#"h_bucket{le="+Inf",overflow="true"} 8.0"#,
            r#"h_count{overflow="true"} 8.0"#,
        ]
    );
}

/// Until the sum is there, nothing tells that it is a histogram.
#[test]
fn a_metric_that_turns_out_to_be_a_histogram_is_counted_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let records = [("job=a&le=1", 1.0), ("job=a&le=%2BInf", 2.0), ("job=a&le=sum", 4.0)];
    let name = "metric_h___1.bin";
    file(Dialect::Ruby, directory.path(), name, &records[..2]);
    let collector = limited(directory.path(), Catalog::default(), of_family(1));
    assert_eq!(lines(&collector), [r#"h{job="a",le="1"} 1.0"#, r#"h{overflow="true"} 2.0"#]);
    file(Dialect::Ruby, directory.path(), name, &records);
    assert_eq!(
        lines(&collector),
        [
            r#"h_sum{job="a"} 4.0"#,
            r#"h_bucket{job="a",le="1"} 1.0"#,
            r#"h_bucket{job="a",le="+Inf"} 3.0"#,
            r#"h_count{job="a"} 3.0"#,
        ]
    );
}

#[test]
fn a_view_by_process_has_an_overflow_of_each() {
    let directory = tempfile::tempdir().unwrap();
    counters(directory.path(), 1, &[("c", "/a", 1.0), ("c", "/b", 2.0), ("c", "/x", 4.0)]);
    counters(directory.path(), 2, &[("c", "/b", 8.0)]);
    let collector = limited(directory.path(), Catalog::default(), of_family(1));
    let mut ask = Ask::default();
    ask.by = By::Process;
    assert_eq!(
        lines_of(&collector, &ask),
        [
            r#"c_total{path="/a",pid="1"} 1.0"#,
            r#"c_total{overflow="true",pid="1"} 6.0"#,
            r#"c_total{overflow="true",pid="2"} 8.0"#,
        ]
    );
}

#[test]
fn each_directory_has_a_limit_of_its_own() {
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    counters(directories[0].path(), 1, &[("c", "/a", 1.0), ("c", "/b", 2.0)]);
    counters(directories[1].path(), 1, &[("c", "/b", 4.0), ("c", "/a", 8.0)]);
    let labelled = directories.iter().zip(["x", "y"]).map(|(directory, app)| Directory {
        path: directory.path().to_owned(),
        labels: vec![("app".to_owned(), app.to_owned())],
    });
    let source = DirSource::new(labelled.collect(), Catalog::default()).unwrap();
    let collector = Collector::new(vec![Box::new(source.limited(of_family(1)))]);
    assert_eq!(
        lines(&collector),
        [
            r#"c_total{app="x",path="/a"} 1.0"#,
            r#"c_total{app="x",overflow="true"} 2.0"#,
            r#"c_total{app="y",path="/b"} 4.0"#,
            r#"c_total{app="y",overflow="true"} 8.0"#,
        ]
    );
}

#[test]
fn several_sources_keep_their_overflows() {
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (at, directory) in directories.iter().enumerate() {
        let keys = ["a", "b", "c"].map(|job| format!(r#"["g", "g", {{"job": "{job}"}}, "H."]"#));
        let records: Vec<(&str, f64)> = keys.iter().map(String::as_str).zip([1.0, 2.0, 4.0]).collect();
        file(Dialect::PYTHON, directory.path(), &format!("gauge_all_{at}.db"), &records);
    }
    let source = |directory: &tempfile::TempDir| {
        let directory = support::directory(directory.path());
        let source = DirSource::new(vec![directory], Catalog::default()).unwrap().limited(of_family(1));
        Box::new(source) as Box<dyn collector::Source>
    };
    let collector = Collector::new(directories.iter().map(source).collect());
    assert_eq!(
        lines(&collector),
        [
            r#"g{job="a",pid="0"} 1.0"#,
            r#"g{overflow="true",pid="0"} 6.0"#,
            r#"g{job="a",pid="1"} 1.0"#,
            r#"g{overflow="true",pid="1"} 6.0"#,
        ]
    );
}

#[test]
fn different_label_sets_that_were_refused_are_counted_once() {
    let directory = tempfile::tempdir().unwrap();
    for process in 1..4 {
        counters(directory.path(), process, &[("c", "/a", 1.0), ("c", "/b", 2.0), ("c", "/x", 4.0)]);
    }
    let collector = limited(directory.path(), Catalog::default(), of_family(1));
    lines(&collector);
    assert_eq!(refused(&collector), 2.0);
    counters(directory.path(), 4, &[("c", "/x", 1.0), ("c", "/y", 2.0), ("c", "/a", 4.0)]);
    lines(&collector);
    assert_eq!(refused(&collector), 3.0);
}

/// Without a limit the collector says what it always said.
#[test]
fn without_a_limit_nothing_is_said_of_refusals() {
    let directory = tempfile::tempdir().unwrap();
    let own = support::collector(directory.path(), Catalog::default()).own();
    assert!(own.families.iter().all(|family| !family.name.contains("refused")));
}
