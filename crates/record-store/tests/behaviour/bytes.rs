//! What stands in the files, byte for byte.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use dialects::Dialect;
use metrics_core::{Aggregation, Buckets, Declaration, Desc, Kind, Mode};

use crate::stores::{each, most_recent, open, records};

fn desc(declared: Declaration<'_>) -> Arc<Desc> {
    Arc::new(Desc::new(&declared).unwrap())
}

/// The file of this process whose name starts with `prefix`.
fn file(directory: &Path, prefix: &str, suffix: &str) -> std::path::PathBuf {
    directory.join(format!("{prefix}{}-r0{suffix}", std::process::id()))
}

fn now() -> f64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

/// The example of the format's description: `gauge_sum_51.db` after `g.set(7)` in client_python 0.26.
#[test]
fn a_python_gauge_is_written_as_python_writes_it() {
    for mmap in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), mmap, Dialect::PYTHON);
        let aggregation = Some(Aggregation { mode: Mode::Sum, live: false });
        let gauge = desc(Declaration { aggregation, ..Declaration::new(Kind::Gauge, "reused_sum", "h") });
        store.child(&gauge, &[]).set(7.0);

        let mut expected =
            b"\x48\0\0\0\0\0\0\0\x25\0\0\0[\"reused_sum\", \"reused_sum\", {}, \"h\"]".to_vec();
        expected.extend([b' '; 7]);
        expected.extend(7_f64.to_le_bytes());
        expected.extend(0_f64.to_le_bytes());
        expected.resize(65_536, 0);
        assert!(fs::read(file(directory.path(), "gauge_sum_", ".db")).unwrap() == expected);
    }
}

#[test]
fn a_python_histogram_has_its_sum_and_every_bucket_from_the_start() {
    for mmap in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), mmap, Dialect::PYTHON);
        let buckets = Some(Buckets::new([0.5, 1.0]).unwrap());
        let histogram = desc(Declaration { buckets, ..Declaration::new(Kind::Histogram, "h", "Help.") });
        let child = store.child(&histogram, &[]);
        child.observe(1, 0.75);
        child.observe(1, 1.0);
        child.observe(2, 4.0);

        let bucket = |le| format!(r#"["h", "h_bucket", {{"le": "{le}"}}, "Help."]"#);
        let expected = [
            (r#"["h", "h_sum", {}, "Help."]"#.to_owned(), 5.75, 0.0),
            (bucket("0.5"), 0.0, 0.0),
            (bucket("1.0"), 2.0, 0.0),
            (bucket("+Inf"), 1.0, 0.0),
        ];
        assert_eq!(records(Dialect::PYTHON, &file(directory.path(), "histogram_", ".db")), expected);
    }
}

#[test]
fn a_gauge_of_the_last_value_notes_when_it_was_set() {
    for mmap in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), mmap, Dialect::PYTHON);
        let child = store.child(&most_recent(), &[]);
        let path = file(directory.path(), "gauge_mostrecent_", ".db");
        assert_eq!(records(Dialect::PYTHON, &path)[0].2, 0.0, "never set, no time");

        let before = now();
        child.set(3.0);
        let [(_, value, time)] = records(Dialect::PYTHON, &path)[..] else { panic!("one record") };
        assert_eq!(value, 3.0);
        assert!(before <= time && time <= now(), "{before} {time}");
    }
}

#[test]
fn ruby_records_appear_when_they_are_touched() {
    for mmap in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), mmap, Dialect::Ruby);
        let declared = Declaration { labels: &["code"], ..Declaration::new(Kind::Histogram, "h", "Help.") };
        let child = store.child(&desc(declared), &["2 0"]);
        let path = file(directory.path(), "metric_h___", ".bin");
        assert!(!path.exists(), "nothing is touched yet");

        child.observe(11, 20.0);
        child.observe(2, 0.02);
        let all = records(Dialect::Ruby, &path);
        let seen: Vec<_> = all.iter().map(|(key, value, _)| (&**key, *value)).collect();
        assert_eq!(
            seen,
            [("code=2+0&le=%2BInf", 1.0), ("code=2+0&le=sum", 20.02), ("code=2+0&le=0.025", 1.0)]
        );
        assert!(all.iter().all(|record| record.2 > 0.0), "every write notes the monotonic time");
        assert_eq!(fs::metadata(&path).unwrap().len(), 1_048_576);
    }
}

#[test]
fn ruby_records_of_a_label_set_without_labels_are_there_from_the_start() {
    for mmap in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path(), mmap, Dialect::Ruby);
        store.child(&desc(Declaration::new(Kind::Summary, "s", "Help.")), &[]);
        let seen = records(Dialect::Ruby, &file(directory.path(), "metric_s___", ".bin"));
        let zeros: Vec<_> = seen.iter().map(|(key, value, _)| (&**key, *value)).collect();
        assert_eq!(zeros, [("quantile=count", 0.0), ("quantile=sum", 0.0)]);
        assert!(seen.iter().all(|record| record.2 > 0.0), "declared at a time");
    }
}

#[test]
fn a_ruby_gauge_of_all_processes_carries_the_identifier() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), true, Dialect::Ruby);
    store.child(&desc(Declaration::new(Kind::Gauge, "g", "Help.")), &[]).set(2.0);
    let seen = records(Dialect::Ruby, &file(directory.path(), "metric_g___", ".bin"));
    assert_eq!((&*seen[0].0, seen[0].1), (&*format!("pid={}-r0", std::process::id()), 2.0));
}

#[test]
fn a_store_opened_twice_writes_under_two_identifiers() {
    each(|directory, open| {
        let (one, other) = (open(directory), open(directory));
        one.counter("a").add(1.0);
        other.counter("a").add(2.0);
        assert_eq!(crate::stores::files(directory).len(), 2);
        assert_eq!(crate::stores::total(one.dialect, directory, "a"), Some(3.0));
    });
}

#[test]
fn a_file_that_is_there_already_keeps_its_totals() {
    let directory = tempfile::tempdir().unwrap();
    let namesake = file(directory.path(), "counter_", ".db");
    fs::write(&namesake, "a dead namesake's").unwrap();
    let store = open(directory.path(), true, Dialect::PYTHON);
    store.counter("a").add(1.0);
    assert_eq!(fs::read(&namesake).unwrap(), b"a dead namesake's");
    let ours = directory.path().join(format!("counter_{}-r1.db", std::process::id()));
    assert_eq!(records(Dialect::PYTHON, &ours)[0].1, 1.0);
}

#[test]
fn threads_that_ask_at_once_get_one_child_with_one_record() {
    each(|directory, open| {
        let store = &open(directory);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for i in 0..200 {
                        store.counter(&i.to_string()).add(1.0);
                    }
                });
            }
        });
        // A key that stood twice would fail in `totals`.
        let totals = crate::stores::totals(store.dialect, directory);
        assert_eq!(totals.len(), 200);
        assert!(totals.values().all(|&total| total == 4.0));
    });
}

#[test]
fn a_label_set_that_no_file_can_hold_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_mmap::MmapStore::open(directory.path()).unwrap();
    let buckets = Some(Buckets::linear(1.0, 1.0, 400).unwrap());
    let declared = Declaration { labels: &["l"], buckets, ..Declaration::new(Kind::Histogram, "h", "") };
    let long = "x".repeat(8 << 20);
    let error = metrics_core::Store::child(&store, &desc(declared), &[&long]).err().unwrap().to_string();
    assert!(
        error.starts_with("keep a label set of histogram h{l} (sum): its records take 3363831808 bytes"),
        "{error}"
    );
    assert_eq!(crate::stores::files(directory.path()).len(), 0);
}

#[test]
fn a_dialect_that_is_only_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = record_store::Options::new(Dialect::Gitlab);
    let error = store_mmap::MmapStore::open_with(directory.path(), options).unwrap_err().to_string();
    assert!(
        error.ends_with("with Gitlab: only the dialects of today's Python client and of Ruby's are written"),
        "{error}"
    );
}
