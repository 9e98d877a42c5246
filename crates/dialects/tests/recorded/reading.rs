//! What the recorded files hold, as we read it.

use std::collections::{BTreeMap, BTreeSet};

use dialects::*;
use metrics_core::{Kind, Label, Mode};
use serde_json::Value;

use crate::folder::{cases, file, files, files_of, files_of_old_python, json, read};

#[test]
fn every_file_is_recognised_by_its_content_whatever_its_name() {
    for (client, name_of_another) in [
        ("python-multiprocess", "metric_x___1.bin"),
        ("ruby-direct-file-store", "x_1-0.db"),
        ("ruby-mmap", "x_1.db"),
    ] {
        let mut seen = 0;
        for file in files(client) {
            let expected = match client {
                _ if file.in_use().len() < 24 => None,
                _ if file.name.starts_with("exemplar_") => continue,
                "python-multiprocess" if file.case == "06-old-0.14.1" => Some(Dialect::Python(Era::F1)),
                "python-multiprocess" => Some(Dialect::PYTHON),
                "ruby-direct-file-store" => Some(Dialect::Ruby),
                _ => Some(Dialect::Gitlab),
            };
            assert_eq!(recognise(&file.name, file.in_use()), expected, "{}", file.path());
            assert_eq!(recognise(name_of_another, file.in_use()), expected, "{}", file.path());
            seen += 1;
        }
        assert!(seen > 30, "{client}: {seen} files");
    }
}

#[test]
fn the_layouts_of_old_python_clients_are_told_apart() {
    for (version, era) in [("0.3.1", Era::F0), ("0.17.1", Era::F2)] {
        for file in files_of_old_python(version) {
            assert_eq!(recognise(&file.name, file.in_use()), Some(Dialect::Python(era)), "{}", file.path());
        }
    }
    let [counter, ..] = &files_of_old_python("0.3.1")[..] else { panic!("no files") };
    let (records, damage) = read(Dialect::Python(Era::F0), counter.in_use());
    assert_eq!((records.len(), damage), (3, None));
    assert_eq!((records[0].value, records[1].value, records[2].value), (3.0, 1.0, 2.0));
    let key = decode_key(Dialect::Python(Era::F0), records[0].key).unwrap();
    assert_eq!((&*key.family, &*key.sample, key.help), ("jobs_total", "jobs_total", None));
    assert_eq!(key.labels, [Label::new("queue", "mail"), Label::new("code", "é\"\\\n")]);
}

#[test]
fn sound_files_give_records_with_valid_keys_up_to_their_end() {
    let mut seen = 0;
    for client in ["python-multiprocess", "ruby-direct-file-store", "ruby-mmap"] {
        for file in files(client) {
            // One recorded file of GitLab's holds a key that its client refuses.
            if !file.is_sound()
                || file.name.starts_with("exemplar_")
                || file.path().contains("17_error_bad_entry")
            {
                continue;
            }
            let Some(dialect) = recognise(&file.name, file.in_use()) else { continue };
            let (whole, damage) = read(dialect, file.in_use());
            assert_eq!(damage, None, "{}", file.path());
            let last = whole.last().unwrap();
            assert_eq!(last.end(dialect), file.in_use().len(), "{}", file.path());
            for record in &whole {
                let decoded = decode_key(dialect, record.key);
                assert!(decoded.is_ok(), "{} at {}: {decoded:?}", file.path(), record.at);
            }
            seen += whole.len();
        }
    }
    assert!(seen > 20_000, "{seen} records");
}

#[test]
fn names_of_recorded_files_tell_kind_and_process() {
    for file in files("python-multiprocess") {
        let name = parse_file_name(Dialect::PYTHON, &file.name).unwrap();
        assert!(name.kind.is_some(), "{}", file.path());
        assert_eq!(name.aggregation.is_some(), name.kind == Some(Kind::Gauge), "{}", file.path());
        assert!(name.process.parse::<u32>().is_ok(), "{}", file.path());
    }
    for case in cases("ruby-direct-file-store") {
        let metrics = json(&case, "metrics.json")["metrics"].clone();
        let metrics: Vec<_> =
            metrics.as_array().unwrap().iter().map(|metric| metric["name"].as_str()).collect();
        for file in files_of(&case) {
            let name = parse_file_name(Dialect::Ruby, &file.name).unwrap();
            assert!(metrics.contains(&name.metric), "{}", file.path());
            assert!(name.process.parse::<u32>().is_ok(), "{}", file.path());
        }
    }
    for file in files("ruby-mmap").iter().filter(|file| file.name.starts_with("exemplar_")) {
        assert!(!is_metrics_file(&file.name), "{}", file.path());
    }
}

/// Family, type, sample name and labels of a series.
type Series = (String, String, String, BTreeMap<String, String>);

#[test]
fn gitlab_files_hold_the_series_that_its_own_reader_found() {
    let mut compared = 0;
    for case in cases("ruby-mmap") {
        let Value::Array(series) = json(&case, "series.json") else { continue };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let expected: BTreeSet<Series> = series
            .iter()
            .map(|one| {
                let labels = one["labels"].as_object().unwrap();
                let labels = labels.iter().map(|(name, value)| (name.clone(), text(value)));
                (text(&one["family"]), text(&one["type"]), text(&one["name"]), labels.collect())
            })
            .collect();
        let mut found: BTreeSet<Series> = BTreeSet::new();
        for file in files_of(&case) {
            let Some(dialect) = recognise(&file.name, file.in_use()) else { continue };
            let name = parse_file_name(dialect, &file.name).unwrap();
            for record in read(dialect, file.in_use()).0 {
                let key = decode_key(dialect, record.key).unwrap();
                let mut labels: BTreeMap<String, String> = key
                    .labels
                    .iter()
                    .map(|label| (label.name.to_string(), label.value_text().into_owned()))
                    .collect();
                if name.aggregation.is_some_and(|aggregation| aggregation.mode == Mode::All) {
                    labels.insert("pid".to_owned(), name.process.clone().into_owned());
                }
                found.insert((key.family, name.kind.unwrap().to_string(), key.sample, labels));
            }
        }
        assert_eq!(found, expected, "{}", case.display());
        compared += found.len();
    }
    assert!(compared > 400, "{compared} series");
}

#[test]
fn keys_read_as_serde_json_reads_them() {
    let mut keys = 0;
    for file in files("python-multiprocess").iter().chain(files("ruby-mmap")) {
        let Some(dialect) = recognise(&file.name, file.in_use()) else { continue };
        for record in read(dialect, file.in_use()).0 {
            let Ok(key) = decode_key(dialect, record.key) else { continue };
            let value: Value = serde_json::from_slice(record.key).unwrap();
            assert_eq!((Some(&*key.family), Some(&*key.sample)), (value[0].as_str(), value[1].as_str()));
            assert_eq!(key.help.as_deref(), value.get(3).and_then(Value::as_str));
            for (index, label) in key.labels.iter().enumerate() {
                let theirs = match &value[2] {
                    Value::Object(labels) => &labels[&*label.name],
                    names => {
                        assert_eq!(Some(&*label.name), names[index].as_str());
                        &value[3][index]
                    }
                };
                if let Some(theirs) = theirs.as_str() {
                    assert_eq!(label.value_text(), theirs);
                }
            }
            keys += 1;
        }
    }
    assert!(keys > 7_000, "{keys} keys");
}

#[test]
fn label_values_of_ruby_that_are_not_utf_8_keep_their_bytes() {
    let case =
        cases("ruby-direct-file-store").into_iter().find(|case| case.ends_with("25_invalid_utf8_label"));
    let expected = std::fs::read(case.as_ref().unwrap().join("expected.txt")).unwrap();
    for file in files_of(&case.unwrap()) {
        for record in read(Dialect::Ruby, file.in_use()).0 {
            let key = decode_key(Dialect::Ruby, record.key).unwrap();
            let [label] = &key.labels[..] else { panic!("{key:?}") };
            let line = [b"raw_total{k=\"", &*label.value, b"\"}"].concat();
            assert!(expected.windows(line.len()).any(|part| part == line), "{key:?}");
        }
    }
}

// ---- damaged files ----

/// The keys that are left of a file, and the damage.
fn salvaged(client: &str, case: &str, name: &str, dialect: Dialect) -> (Vec<String>, Option<Damage>) {
    let file = file(client, case, name);
    assert_eq!(recognise(&file.name, file.in_use()), Some(dialect));
    let (whole, damage) = read(dialect, file.in_use());
    let keys = whole.iter().map(|record| format!("{} {}", String::from_utf8_lossy(record.key), record.value));
    (keys.collect(), damage)
}

#[test]
fn files_of_python_that_were_cut_short_keep_their_whole_records() {
    let (keys, damage) = salvaged("python-multiprocess", "07-truncated", "counter_102.db", Dialect::PYTHON);
    assert_eq!(
        keys,
        [
            r#"["jobs_done", "jobs_done_total", {}, "Jobs finished."] 20"#,
            r#"["http_requests", "http_requests_total", {"method": "GET", "status": "200"}, "HTTP requests."] 501"#,
            r#"["http_requests", "http_requests_total", {"method": "GET", "status": "500"}, "HTTP requests."] 432"#,
        ]
    );
    let why = "the key is cut off or its length is wrong";
    assert_eq!(damage, Some(Damage { at: 328, why }));

    // Half of the tenth value is there; half a number counts for nothing.
    let (keys, damage) = salvaged("python-multiprocess", "07-truncated", "histogram_103.db", Dialect::PYTHON);
    assert_eq!((keys.len(), damage), (9, Some(Damage { at: 856, why: "the value is cut off" })));
}

#[test]
fn files_of_ruby_that_were_cut_short_keep_their_whole_records() {
    // The cut is between two records: only the header tells that there were more.
    let name = "metric_damaged_total___102.bin";
    let (keys, damage) = salvaged("ruby-direct-file-store", "24_error_used_beyond_file", name, Dialect::Ruby);
    assert_eq!((keys, damage), (vec!["k=k0 2".to_owned(), "k=k1 2".to_owned(), "k=k2 2".to_owned()], None));
    let file = file("ruby-direct-file-store", "24_error_used_beyond_file", name);
    assert!(dialects::used(&file.bytes) > file.bytes.len());

    let name = "metric_cut_total___102.bin";
    let (keys, damage) =
        salvaged("ruby-direct-file-store", "26_truncated_last_timestamp", name, Dialect::Ruby);
    assert_eq!(keys, ["k=k0 2", "k=k1 3", "k=k2 4"]);
    assert_eq!(damage, Some(Damage { at: 96, why: "the timestamp is cut off" }));
}

#[test]
fn damaged_files_of_gitlab_keep_their_whole_records() {
    let name = "counter_102-0.db";
    let (keys, damage) = salvaged("ruby-mmap", "16_error_used_beyond_file", name, Dialect::Gitlab);
    assert_eq!(keys, [r#"["damaged_total","damaged_total",["k"],["k0"]] 2"#]);
    assert_eq!(damage, Some(Damage { at: 72, why: "the key is cut off or its length is wrong" }));

    let (keys, damage) = salvaged("ruby-mmap", "17_error_bad_entry", name, Dialect::Gitlab);
    assert_eq!((keys.len(), damage), (1, None));
    let file = file("ruby-mmap", "17_error_bad_entry", name);
    let record = read(Dialect::Gitlab, file.in_use()).0[0];
    let damage = decode_key(Dialect::Gitlab, record.key).unwrap_err();
    assert_eq!(damage.to_string(), "at 53: fewer label values than names");
}

#[test]
fn a_file_cut_at_any_byte_gives_the_first_of_its_records() {
    for (client, case, name, dialect) in [
        ("python-multiprocess", "01-basic", "histogram_101.db", Dialect::PYTHON),
        ("python-multiprocess", "06-old-0.14.1", "histogram_301.db", Dialect::Python(Era::F1)),
        ("ruby-direct-file-store", "11_label_value_escaping", "metric_escapes_hist___101.bin", Dialect::Ruby),
        ("ruby-mmap", "03_histograms", "histogram_101-0.db", Dialect::Gitlab),
    ] {
        let file = file(client, case, name);
        let (sound, _) = read(dialect, file.in_use());
        assert!(sound.len() > 5, "{}", file.path());
        for cut in 0..file.in_use().len() {
            let bytes = &file.bytes[..cut];
            let (whole, _) = read(dialect, bytes);
            let expected = sound.iter().filter(|record| record.value_at + 8 <= cut).count();
            assert_eq!(whole.len(), expected, "{} cut at {cut}", file.path());
            for (found, record) in whole.iter().zip(&sound) {
                assert_eq!((found.at, found.key, found.value), (record.at, record.key, record.value));
            }
            // With one record left, nothing tells whether a timestamp was to follow.
            let told = recognise(name, bytes);
            match expected {
                0 => assert_eq!(told, None),
                1 if dialect == Dialect::PYTHON => assert!(matches!(told, Some(Dialect::Python(_)))),
                _ => assert_eq!(told, Some(dialect), "{} cut at {cut}", file.path()),
            }
        }
    }
}
