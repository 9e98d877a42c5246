//! The recorded files, written again from what was read.

use std::collections::BTreeMap;

use dialects::*;
use metrics_core::{Buckets, Declaration, Desc, Kind};

use crate::folder::{File, cases, file, files, files_of, files_of_old_python, json, read};

/// Writes the records of `file` again as its client would have into a file that begins `initial` long.
fn rewritten(dialect: Dialect, file: &File, initial: u64) -> Vec<u8> {
    let mut out = vec![0; HEADER_LEN];
    let mut len = initial;
    for record in read(dialect, file.in_use()).0 {
        let mut key = encode_key(dialect, &decode_key(dialect, record.key).unwrap());
        if dialect == Dialect::Gitlab && holds_other_than_texts(record.key) {
            key = record.key.to_vec();
        }
        assert_eq!(String::from_utf8_lossy(&key), String::from_utf8_lossy(record.key), "{}", file.path());
        len = grown_len(dialect, len, (out.len() + record_len(dialect, &key)) as u64);
        let value_at = push_record(dialect, &key, record.value, record.timestamp, &mut out);
        assert_eq!(value_at, record.value_at, "{}", file.path());
    }
    let head = header(out.len()).unwrap();
    out[..HEADER_LEN].copy_from_slice(&head);
    out.resize(len as usize, 0);
    out
}

/// Whether a label's value is a number, a truth value or null, which we do not write.
fn holds_other_than_texts(key: &[u8]) -> bool {
    let key: serde_json::Value = serde_json::from_slice(key).unwrap();
    !key[3].as_array().unwrap().iter().all(|value| value.is_string())
}

#[test]
fn files_of_python_are_written_byte_for_byte() {
    let mut written = 0;
    for file in files("python-multiprocess").iter().filter(|file| file.is_sound()) {
        let dialect = match &*file.case {
            "06-old-0.14.1" => Dialect::Python(Era::F1),
            _ => Dialect::PYTHON,
        };
        assert!(rewritten(dialect, file, initial_len(dialect)) == file.bytes, "{}", file.path());
        written += 1;
    }
    assert!(written > 300, "{written} files");
}

#[test]
fn files_of_old_python_clients_are_written_byte_for_byte() {
    for (version, era) in [("0.3.1", Era::F0), ("0.17.1", Era::F2)] {
        let dialect = Dialect::Python(era);
        for file in files_of_old_python(version) {
            assert!(rewritten(dialect, &file, initial_len(dialect)) == file.bytes, "{}", file.path());
        }
    }
}

#[test]
fn files_of_ruby_are_written_byte_for_byte() {
    let mut written = 0;
    for case in cases("ruby-direct-file-store") {
        // The recordings were made with a smaller initial length, so that they stay small.
        let initial = json(&case, "metrics.json")["initial_file_size"].as_u64().unwrap();
        for file in files_of(&case).iter().filter(|file| file.is_sound()) {
            assert!(rewritten(Dialect::Ruby, file, initial) == file.bytes, "{}", file.path());
            written += 1;
        }
    }
    assert!(written > 300, "{written} files");
}

#[test]
fn files_of_gitlab_are_written_byte_for_byte() {
    let mut written = 0;
    let exemplars = |file: &&File| file.name.starts_with("exemplar_") || file.case == "17_error_bad_entry";
    for file in files("ruby-mmap").iter().filter(|file| file.is_sound() && !exemplars(file)) {
        assert!(
            rewritten(Dialect::Gitlab, file, initial_len(Dialect::Gitlab)) == file.bytes,
            "{}",
            file.path()
        );
        written += 1;
    }
    assert!(written > 90, "{written} files");
}

// ---- the keys that a declaration makes ----

/// A declaration as it can be read off a child's records.
struct Declared {
    kind: Kind,
    name: String,
    help: String,
    labels: Vec<(String, String)>,
    bounds: Option<Vec<f64>>,
}

impl Declared {
    /// None where our rules for names are narrower than the client's.
    fn desc(&self, aggregation: Option<metrics_core::Aggregation>) -> Option<Desc> {
        let labels: Vec<&str> = self.labels.iter().map(|(name, _)| &**name).collect();
        let buckets = self.bounds.as_ref().map(|bounds| Buckets::new(bounds.iter().copied()).unwrap());
        let base = Declaration::new(self.kind, &self.name, &self.help);
        Desc::new(&Declaration { labels: &labels, buckets, aggregation, ..base }).ok()
    }

    fn values(&self) -> Vec<&str> {
        self.labels.iter().map(|(_, value)| &**value).collect()
    }
}

#[test]
fn a_python_process_would_have_written_the_same_files_from_the_same_declarations() {
    let mut children = 0;
    for file in
        files("python-multiprocess").iter().filter(|file| file.is_sound() && file.case != "06-old-0.14.1")
    {
        let name = parse_file_name(Dialect::PYTHON, &file.name).unwrap();
        let kind = name.kind.unwrap();
        let (records, _) = read(Dialect::PYTHON, file.in_use());
        let mut left = &records[..];
        while let Some(first) = left.first() {
            let key = decode_key(Dialect::PYTHON, first.key).unwrap();
            let mut declared = Declared {
                kind,
                name: key.family,
                help: key.help.unwrap(),
                labels: key
                    .labels
                    .iter()
                    .map(|label| (label.name.to_string(), label.value_text().into_owned()))
                    .collect(),
                bounds: None,
            };
            // All records of a child stand together: a histogram's go up to the bucket `+Inf`.
            let count = match kind {
                Kind::Histogram => {
                    let bounds: Vec<f64> = left[1..]
                        .iter()
                        .map_while(|record| {
                            let labels = decode_key(Dialect::PYTHON, record.key).unwrap().labels;
                            let le = labels.iter().find(|label| &*label.name == "le")?;
                            le.value_text().parse().ok()
                        })
                        .take_while(|&bound| bound != f64::INFINITY)
                        .collect();
                    let count = 2 + bounds.len();
                    declared.bounds = Some(bounds);
                    count
                }
                Kind::Summary => 2,
                _ => 1,
            };
            let (child, rest) = left.split_at(count);
            left = rest;
            let Some(desc) = declared.desc(name.aggregation) else { continue };
            assert_eq!(file_name(Dialect::PYTHON, &desc, &name.process), file.name);
            let keys = keys(Dialect::PYTHON, &desc, &declared.values(), &name.process);
            assert!(
                keys.iter().map(|(_, key)| &**key).eq(child.iter().map(|record| record.key)),
                "{}",
                file.path()
            );
            children += 1;
        }
    }
    assert!(children > 2_000, "{children} children");
}

#[test]
fn an_old_python_process_would_have_written_the_same_keys_from_the_same_declaration() {
    let buckets = Some(Buckets::new([0.5, 1.0, 2.5]).unwrap());
    let lat = Desc::new(&Declaration {
        labels: &["p"],
        buckets,
        ..Declaration::new(Kind::Histogram, "lat", "Lat.")
    });
    for (version, era) in [("0.3.1", Era::F0), ("0.17.1", Era::F2)] {
        let dialect = Dialect::Python(era);
        let file =
            files_of_old_python(version).into_iter().find(|file| file.name == "histogram_7.db").unwrap();
        let keys = keys(dialect, lat.as_ref().unwrap(), &["/"], "7");
        let (records, _) = read(dialect, file.in_use());
        assert!(keys.iter().map(|(_, key)| &**key).eq(records.iter().map(|record| record.key)), "{version}");
    }
}

#[test]
fn a_process_of_gitlabs_client_would_have_written_the_same_keys_from_the_same_declaration() {
    for (case, kind, family, label) in [
        ("03_histograms", Kind::Histogram, "req_seconds", "path"),
        ("04_summaries", Kind::Summary, "rpc_seconds", "rpc"),
    ] {
        let desc =
            Desc::new(&Declaration { labels: &[label], ..Declaration::new(kind, family, "") }).unwrap();
        let file = file("ruby-mmap", case, &format!("{kind}_101-0.db"));
        let (records, _) = read(Dialect::Gitlab, file.in_use());
        let value = decode_key(Dialect::Gitlab, records[0].key).unwrap().labels[0].value_text().into_owned();
        let keys = keys(Dialect::Gitlab, &desc, &[&value], "101");
        for ((_, key), record) in keys.iter().zip(&records) {
            let recorded = String::from_utf8_lossy(record.key);
            // The client's usual bounds 1, 5 and 10 are integers; ours are floats.
            let recorded = ["1", "5", "10"].iter().fold(recorded.into_owned(), |text, whole| {
                text.replace(&format!(r#"["{whole}","#), &format!(r#"["{whole}.0","#))
            });
            assert_eq!(String::from_utf8_lossy(key), recorded, "{case}");
        }
    }
}

#[test]
fn a_ruby_process_would_have_written_the_same_keys_from_the_same_declarations() {
    let mut compared = 0;
    for case in cases("ruby-direct-file-store") {
        let metrics = json(&case, "metrics.json")["metrics"].clone();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let metrics: BTreeMap<String, _> =
            metrics.as_array().unwrap().iter().map(|metric| (text(&metric["name"]), metric)).collect();
        for file in files_of(&case) {
            let name = parse_file_name(Dialect::Ruby, &file.name).unwrap();
            let metric = metrics[name.metric.unwrap()];
            let kind = Kind::from_word(metric["type"].as_str().unwrap()).unwrap();
            let aggregation = metric["aggregation"].as_str().unwrap().parse().unwrap();
            // Our counters end in `_total`, our bounds are floats that rise: others are not ours to write.
            let bounds = metric["buckets"].as_array().map(|bounds| {
                bounds.iter().map(|bound| bound.as_str().unwrap().to_owned()).collect::<Vec<String>>()
            });
            let is_ours = bounds.iter().flatten().all(|bound| bound.contains(['.', 'e']))
                && (kind != Kind::Counter || name.metric.unwrap().ends_with("_total"));
            if !is_ours {
                continue;
            }
            for record in read(Dialect::Ruby, file.in_use()).0 {
                let labels = decode_key(Dialect::Ruby, record.key).unwrap().labels;
                let values: Option<Vec<(String, String)>> = metric["labels"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|name| {
                        let label = labels.iter().find(|label| Some(&*label.name) == name.as_str())?;
                        let value = std::str::from_utf8(&label.value).ok()?;
                        Some((label.name.to_string(), value.to_owned()))
                    })
                    .collect();
                let Some(labels) = values else { continue };
                let declared = Declared {
                    kind,
                    name: name.metric.unwrap().to_owned(),
                    help: text(&metric["docstring"]),
                    labels,
                    bounds: bounds
                        .as_ref()
                        .map(|bounds| bounds.iter().map(|bound| bound.parse().unwrap()).collect()),
                };
                let Some(desc) = declared.desc(Some(aggregation)) else { continue };
                assert_eq!(file_name(Dialect::Ruby, &desc, &name.process), file.name);
                let keys = keys(Dialect::Ruby, &desc, &declared.values(), &name.process);
                assert!(
                    keys.iter().any(|(_, key)| key == record.key),
                    "{} at {}: {:?}",
                    file.path(),
                    record.at,
                    String::from_utf8_lossy(record.key)
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 2_000, "{compared} keys");
}
