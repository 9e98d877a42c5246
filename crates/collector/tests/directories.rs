//! What a source of directories makes of what it meets there.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use collector::{Ask, By, Catalog, CollectError, Collector, DirSource, Directory};
use dialects::{Dialect, HEADER_LEN, push_record};
use exposition::Format;
use support::{block_on, collect, collector, directory, encoded};

/// A Python file with one record for each key.
fn file(directory: &Path, name: &str, records: &[(&str, f64)]) {
    file_of(Dialect::PYTHON, directory, name, records);
}

fn file_of(dialect: Dialect, directory: &Path, name: &str, records: &[(&str, f64)]) {
    let mut bytes = vec![0; HEADER_LEN];
    for (key, value) in records {
        push_record(dialect, key.as_bytes(), *value, 1.0, &mut bytes);
    }
    let used = bytes.len() as u32;
    bytes[..4].copy_from_slice(&used.to_ne_bytes());
    fs::write(directory.join(name), bytes).unwrap();
}

const JOBS: &str = r#"["jobs", "jobs_total", {"queue": "a"}, "Jobs."]"#;
const JOBS_GAUGE: &str = r#"["jobs", "jobs", {}, "Jobs running."]"#;

fn text(path: &Path) -> String {
    encoded(Format::TEXT, &collect(path, Catalog::default(), &Ask::default()).unwrap())
}

/// A number of the collector's own metrics.
fn own(collector: &Collector, name: &str) -> f64 {
    let own = collector.own();
    let family = own.families.iter().find(|family| &*family.name == name).unwrap();
    family.samples.iter().map(|sample| sample.value).sum()
}

#[test]
fn a_missing_directory_fails_the_scrape_until_it_appears() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("later");
    let collector = collector(&path, Catalog::default());
    let error = block_on(collector.collect(&Ask::default())).unwrap_err().to_string();
    let at = path.display();
    assert_eq!(error, format!("read directory {at}: list {at}: No such file or directory (os error 2)"));
    fs::create_dir(&path).unwrap();
    assert!(block_on(collector.collect(&Ask::default())).unwrap().families.is_empty());
    assert_eq!(own(&collector, "multiprom_collections"), 2.0);
}

#[test]
fn files_of_other_names_and_kinds_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
    for name in [".counter_2.db", "counter_3.db.bak", "notes.txt", "foo_4.db", "noprefix.db"] {
        file(root.path(), name, &[(JOBS, 100.0)]);
    }
    fs::create_dir(root.path().join("counter_5.db")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.path().join("counter_6.db")).unwrap();
    assert!(text(root.path()).ends_with("jobs_total{queue=\"a\"} 1.0\n"));
}

#[test]
fn a_counter_loses_one_total_whoever_took_it_off() {
    let root = tempfile::tempdir().unwrap();
    // Python's client took one off `a_total_total` itself; its first version and GitLab's client take none.
    file(root.path(), "counter_1.db", &[(r#"["a_total", "a_total_total", {}, "Help."]"#, 1.0)]);
    let oldest = Dialect::Python(dialects::Era::F0);
    file_of(oldest, root.path(), "counter_2.db", &[(r#"["b_total", "b_total", [], []]"#, 2.0)]);
    let page = "# HELP a_total_total Help.\n# TYPE a_total_total counter\na_total_total 1.0\n\
                # HELP b_total Multiprocess metric\n# TYPE b_total counter\nb_total 2.0\n";
    assert_eq!(text(root.path()), page);
}

#[test]
fn dialects_mix_in_one_directory() {
    let root = tempfile::tempdir().unwrap();
    file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
    file_of(
        Dialect::Gitlab,
        root.path(),
        "counter_w-0.db",
        &[(r#"["jobs_total","jobs_total",["queue"],["a"]]"#, 2.0)],
    );
    file_of(Dialect::Ruby, root.path(), "metric_jobs_total___7.bin", &[("queue=a", 4.0)]);
    let page = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total{queue=\"a\"} 7.0\n";
    assert_eq!(text(root.path()), page);
}

#[test]
fn cumulative_buckets_and_single_ones_add_up() {
    let root = tempfile::tempdir().unwrap();
    let python = |le: &str| format!(r#"["h", "h_bucket", {{"le": "{le}"}}, "Help."]"#);
    file(
        root.path(),
        "histogram_1.db",
        &[
            (r#"["h", "h_sum", {}, "Help."]"#, 5.0),
            (&python("1.0"), 2.0),
            (&python("3.0"), 4.0),
            (&python("+Inf"), 1.0),
        ],
    );
    let gitlab = |le: &str| format!(r#"["h","h_bucket",["le"],["{le}"]]"#);
    file_of(
        Dialect::Gitlab,
        root.path(),
        "histogram_2-0.db",
        &[
            (&gitlab("1"), 10.0),
            (&gitlab("2"), 15.0),
            (&gitlab("+Inf"), 20.0),
            (r#"["h","h_sum",[],[]]"#, 2.5),
            (r#"["h","h_count",[],[]]"#, 20.0),
        ],
    );
    let page = "\
# HELP h Help.
# TYPE h histogram
h_sum 7.5
h_count 27.0
h_bucket{le=\"1.0\"} 12.0
h_bucket{le=\"2\"} 17.0
h_bucket{le=\"3.0\"} 21.0
h_bucket{le=\"+Inf\"} 27.0
";
    assert_eq!(text(root.path()), page);
}

#[test]
fn the_first_kind_of_a_family_stays_and_the_others_are_counted() {
    let root = tempfile::tempdir().unwrap();
    file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
    file(root.path(), "gauge_max_1.db", &[(JOBS_GAUGE, 5.0)]);
    let collector = collector(root.path(), Catalog::default());
    let page = block_on(collector.collect(&Ask::default())).unwrap();
    let expected = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total{queue=\"a\"} 1.0\n";
    assert_eq!(encoded(Format::TEXT, &page), expected);
    assert_eq!(own(&collector, "multiprom_page_conflicting_readings"), 1.0);
    fs::remove_file(root.path().join("counter_1.db")).unwrap();
    let page = block_on(collector.collect(&Ask::default())).unwrap();
    assert_eq!(encoded(Format::TEXT, &page), "# HELP jobs Jobs running.\n# TYPE jobs gauge\njobs 5.0\n");
    assert_eq!(own(&collector, "multiprom_page_conflicting_readings"), 0.0);
}

#[test]
fn a_counter_named_total_stands_beside_a_gauge_of_the_short_name() {
    let counter_first = tempfile::tempdir().unwrap();
    let root = counter_first.path();
    file_of(Dialect::Gitlab, root, "counter_1-0.db", &[(r#"["jobs_total","jobs_total",[],[]]"#, 2.0)]);
    file_of(Dialect::Gitlab, root, "gauge_max_1-0.db", &[(r#"["jobs","jobs",[],[]]"#, 3.0)]);
    let page = "\
# HELP jobs_total Multiprocess metric
# TYPE jobs_total counter
jobs_total 2.0
# HELP jobs Multiprocess metric
# TYPE jobs gauge
jobs 3.0
";
    assert_eq!(text(root), page);
    let gauge_first = tempfile::tempdir().unwrap();
    let root = gauge_first.path();
    file_of(Dialect::Ruby, root, "metric_jobs___1.bin", &[("", 3.0)]);
    file_of(Dialect::Ruby, root, "metric_jobs_total___1.bin", &[("", 2.0)]);
    let page = "\
# HELP jobs \n# TYPE jobs gauge
jobs 3.0
# HELP jobs_total \n# TYPE jobs_total counter
jobs_total 2.0
";
    assert_eq!(text(root), page);
}

#[test]
fn directories_put_their_labels_on_everything() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for root in [&a, &b] {
        file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
        file(root.path(), "gauge_all_1.db", &[(r#"["up", "up", {"pod": "own"}, "Up."]"#, 1.0)]);
    }
    let labelled = |root: &Path, pod: &str| Directory {
        path: root.to_owned(),
        labels: vec![("pod".to_owned(), pod.to_owned())],
    };
    let source =
        DirSource::new(vec![labelled(b.path(), "b"), labelled(a.path(), "a")], Catalog::default()).unwrap();
    let page = block_on(Collector::new(vec![Box::new(source)]).collect(&Ask::default())).unwrap();
    let expected = "\
# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{pod=\"b\",queue=\"a\"} 1.0
jobs_total{pod=\"a\",queue=\"a\"} 1.0
# HELP up Up.
# TYPE up gauge
up{pid=\"1\",pod=\"b\"} 1.0
up{pid=\"1\",pod=\"a\"} 1.0
";
    assert_eq!(encoded(Format::TEXT, &page), expected);
}

#[test]
fn two_directories_with_the_same_pid_and_no_labels_fail_every_scrape() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for root in [&a, &b] {
        file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
    }
    let (a, b) = (a.path(), b.path());
    let source = DirSource::new(vec![directory(a), directory(b)], Catalog::default()).unwrap();
    let collector = Collector::new(vec![Box::new(source)]);
    let at = format!("{} and {}", a.display(), b.display());
    let why = format!("read {at}: both have files of process 1; labels would tell them apart");
    for _ in 0..2 {
        let error = block_on(collector.collect(&Ask::default())).unwrap_err().to_string();
        assert!(error.ends_with(&why), "{error}");
    }
    fs::remove_file(b.join("counter_1.db")).unwrap();
    assert_eq!(block_on(collector.collect(&Ask::default())).unwrap().families.len(), 1);
}

#[test]
fn a_file_cut_within_its_last_number_is_counted_as_bad() {
    let root = tempfile::tempdir().unwrap();
    let other = r#"["jobs", "jobs_total", {"queue": "b"}, "Jobs."]"#;
    file(root.path(), "counter_1.db", &[(JOBS, 1.0), (other, 2.0)]);
    let collector = collector(root.path(), Catalog::default());
    assert_eq!(block_on(collector.collect(&Ask::default())).unwrap().families[0].samples.len(), 2);
    let path = root.path().join("counter_1.db");
    let len = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len - 12).unwrap();
    for _ in 0..2 {
        assert_eq!(block_on(collector.collect(&Ask::default())).unwrap().families[0].samples.len(), 1);
        assert_eq!(own(&collector, "multiprom_directory_bad_files"), 1.0);
    }
}

#[test]
fn directories_of_different_processes_need_no_labels() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    file(a.path(), "counter_1.db", &[(JOBS, 1.0)]);
    file(b.path(), "counter_2.db", &[(JOBS, 2.0)]);
    let source = DirSource::new(vec![directory(a.path()), directory(b.path())], Catalog::default()).unwrap();
    let page = block_on(Collector::new(vec![Box::new(source)]).collect(&Ask::default())).unwrap();
    assert_eq!(page.families[0].samples[0].value, 3.0);
}

#[test]
fn directories_and_labels_are_checked_when_they_are_given() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path();
    let with = |labels: &[&str]| Directory {
        path: path.to_owned(),
        labels: labels.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect(),
    };
    let at = path.display();
    for (directories, why) in [
        (vec![with(&[]), with(&["a"])], "it is given twice"),
        (vec![with(&["a", "b", "a"])], "label \"a\" stands twice"),
        (vec![with(&["pid"])], "label \"pid\" is reserved"),
        (vec![with(&["__name__"])], "label \"__name__\" is reserved"),
        (vec![with(&["a-b"])], "label \"a-b\" does not match [a-zA-Z_][a-zA-Z0-9_]*"),
    ] {
        let error = DirSource::new(directories, Catalog::default()).err().unwrap().to_string();
        assert_eq!(error, format!("take directory {at}: {why}"));
    }
}

#[test]
fn by_process_every_series_has_the_pid_of_its_process() {
    let root = tempfile::tempdir().unwrap();
    file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
    file(root.path(), "counter_w_2.db", &[(JOBS, 2.0)]);
    file(root.path(), "gauge_min_1.db", &[(r#"["g", "g", {"pid": "mine"}, ""]"#, 5.0)]);
    let mut ask = Ask::default();
    ask.by = By::Process;
    let page = collect(root.path(), Catalog::default(), &ask).unwrap();
    let expected = "\
# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{pid=\"1\",queue=\"a\"} 1.0
jobs_total{pid=\"w_2\",queue=\"a\"} 2.0
# HELP g \n# TYPE g gauge
g{pid=\"1\"} 5.0
";
    assert_eq!(encoded(Format::TEXT, &page), expected);
}

#[test]
fn records_of_one_key_all_count_in_python_and_the_last_in_ruby() {
    let root = tempfile::tempdir().unwrap();
    file(root.path(), "counter_1.db", &[(JOBS, 1.0), (JOBS, 2.0)]);
    let ruby = "metric_tasks_total___1.bin";
    file_of(Dialect::Ruby, root.path(), ruby, &[("q=a", 4.0), ("q=b", 1.0), ("q=a", 8.0)]);
    let page = "\
# HELP jobs_total Jobs.
# TYPE jobs_total counter
jobs_total{queue=\"a\"} 3.0
# HELP tasks_total \n# TYPE tasks_total counter
tasks_total{q=\"a\"} 8.0
tasks_total{q=\"b\"} 1.0
";
    assert_eq!(text(root.path()), page);
}

#[test]
fn a_guess_gets_better_with_every_file() {
    let root = tempfile::tempdir().unwrap();
    // A process that was stopped between the two records of its first observation.
    file_of(Dialect::Ruby, root.path(), "metric_wait___1.bin", &[("le=0.5", 1.0)]);
    let collector = collector(root.path(), Catalog::default());
    let page = block_on(collector.collect(&Ask::default())).unwrap();
    assert_eq!(encoded(Format::TEXT, &page), "# HELP wait \n# TYPE wait gauge\nwait{le=\"0.5\"} 1.0\n");
    file_of(Dialect::Ruby, root.path(), "metric_wait___2.bin", &[("le=0.5", 2.0), ("le=sum", 0.75)]);
    let page = block_on(collector.collect(&Ask::default())).unwrap();
    let expected = "\
# HELP wait \n# TYPE wait histogram
wait_sum 0.75
wait_bucket{le=\"0.5\"} 3.0
wait_bucket{le=\"+Inf\"} 3.0
wait_count 3.0
";
    assert_eq!(encoded(Format::TEXT, &page), expected);
}

#[test]
fn a_deadline_that_has_passed_is_told() {
    let root = tempfile::tempdir().unwrap();
    file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
    let mut ask = Ask::default();
    ask.deadline = Some(std::time::Instant::now());
    let error = collect(root.path(), Catalog::default(), &ask).unwrap_err();
    assert!(matches!(error, CollectError::Late { .. } | CollectError::Source { .. }), "{error}");
    assert!(error.to_string().contains("the deadline passed"), "{error}");
}

#[test]
fn a_file_made_anew_under_its_name_is_read_anew() {
    let root = tempfile::tempdir().unwrap();
    let other = r#"["jobs", "jobs_total", {"queue": "b"}, "Jobs."]"#;
    file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
    let collector = collector(root.path(), Catalog::default());
    block_on(collector.collect(&Ask::default())).unwrap();
    for (key, label) in [(other, "b"), (JOBS, "a"), (other, "b")] {
        // The number of the deleted file is likely to be given to the new one.
        fs::remove_file(root.path().join("counter_1.db")).unwrap();
        file(root.path(), "counter_1.db", &[(key, 1.0)]);
        let page = block_on(collector.collect(&Ask::default())).unwrap();
        let labels = page.families[0].samples.iter().map(|sample| sample.series.label("queue").unwrap());
        assert_eq!(labels.collect::<Vec<_>>(), [label.as_bytes()]);
    }
}

/// Python reads the value of a record that begins before `used`, Ruby all of it.
#[test]
fn a_record_that_its_header_ends_within_counts_if_the_file_has_it_whole() {
    let other = r#"["jobs", "jobs_total", {"queue": "b"}, "Jobs."]"#;
    let python = |name: &str, from_end: usize, len: usize, directory: &Path| {
        let path = directory.join(name);
        file(directory, name, &[(JOBS, 1.0), (other, 2.0)]);
        let mut bytes = fs::read(&path).unwrap();
        let used = (bytes.len() - from_end) as u32;
        bytes[..4].copy_from_slice(&used.to_ne_bytes());
        bytes.resize(bytes.len() + 4096, 0);
        bytes.truncate(len);
        fs::write(&path, bytes).unwrap();
    };
    let record = dialects::record_len(Dialect::PYTHON, JOBS.as_bytes());
    let whole = HEADER_LEN + 2 * record;
    // How many bytes `used` is short, how long the file is, how many records count, whether it is damaged.
    for (short, len, counted, bad) in [
        (0, whole + 100, 2, 0.0),
        (1, whole + 100, 2, 1.0),
        (20, whole, 2, 1.0),
        (record - 1, whole + 100, 2, 1.0),
        (record - 1, whole - 8, 2, 1.0),
        (record - 1, whole - 9, 1, 1.0),
        (record, whole + 100, 1, 0.0),
        (record + 1, whole + 100, 1, 1.0),
        (2 * record - 1, whole, 1, 1.0),
    ] {
        let root = tempfile::tempdir().unwrap();
        python("counter_1.db", short, len, root.path());
        let collector = collector(root.path(), Catalog::default());
        for scrape in ["first", "next"] {
            let page = block_on(collector.collect(&Ask::default())).unwrap();
            let values: Vec<f64> = page.families[0].samples.iter().map(|sample| sample.value).collect();
            assert_eq!(values, [1.0, 2.0][..counted], "{scrape} scrape, {short} short, {len} long");
            let found = own(&collector, "multiprom_directory_bad_files");
            assert_eq!(found, bad, "{scrape} scrape, {short} short, {len} long");
        }
    }
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("metric_tasks_total___1.bin");
    file_of(Dialect::Ruby, root.path(), "metric_tasks_total___1.bin", &[("q=a", 4.0), ("q=b", 1.0)]);
    let mut bytes = fs::read(&path).unwrap();
    let used = bytes.len() as u32 - 20;
    bytes[..4].copy_from_slice(&used.to_ne_bytes());
    fs::write(&path, bytes).unwrap();
    assert!(text(root.path()).ends_with("tasks_total{q=\"a\"} 4.0\ntasks_total{q=\"b\"} 1.0\n"));
}

#[test]
fn a_file_overwritten_in_place_is_read_anew() {
    let root = tempfile::tempdir().unwrap();
    let other = r#"["jobs", "jobs_total", {"queue": "b"}, "Jobs."]"#;
    file(root.path(), "counter_1.db", &[(JOBS, 1.0)]);
    let collector = collector(root.path(), Catalog::default());
    block_on(collector.collect(&Ask::default())).unwrap();
    file(root.path(), "counter_1.db", &[(other, 1.0)]);
    let page = block_on(collector.collect(&Ask::default())).unwrap();
    assert_eq!(page.families[0].samples[0].series.label("queue"), Some(&b"b"[..]));
}

#[test]
fn gauges_set_last_stand_in_the_order_in_which_they_first_were() {
    let root = tempfile::tempdir().unwrap();
    let gauge = |label: &str| format!(r#"["g", "g", {{"l": "{label}"}}, "Help."]"#);
    let write = |name: &str, records: &[(&str, f64, f64)]| {
        let mut bytes = vec![0; HEADER_LEN];
        for (label, value, time) in records {
            push_record(Dialect::PYTHON, gauge(label).as_bytes(), *value, *time, &mut bytes);
        }
        let used = bytes.len() as u32;
        bytes[..4].copy_from_slice(&used.to_ne_bytes());
        fs::write(root.path().join(name), bytes).unwrap();
    };
    write("gauge_mostrecent_1.db", &[("never", 9.0, 0.0), ("x", 1.0, 0.0), ("y", 2.0, 5.0), ("z", 3.0, 5.0)]);
    write("gauge_mostrecent_2.db", &[("x", 4.0, 1.0), ("y", 5.0, 5.0), ("z", 6.0, 5.5)]);
    let page = "\
# HELP g Help.
# TYPE g gauge
g{l=\"y\"} 2.0
g{l=\"z\"} 6.0
g{l=\"x\"} 4.0
";
    assert_eq!(text(root.path()), page);
}

#[test]
fn counters_only_rise_while_a_process_writes() {
    use std::os::unix::fs::FileExt;
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("counter_1.db");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        // As the client does it: the record, then `used`; then the value.
        scope.spawn(|| {
            let file = fs::File::create(&path).unwrap();
            file.set_len(1 << 20).unwrap();
            let mut bytes = vec![0; HEADER_LEN];
            for series in 0..2_000 {
                let key = format!(r#"["jobs", "jobs_total", {{"queue": "{series}"}}, "Jobs."]"#);
                let from = bytes.len();
                let value_at = push_record(Dialect::PYTHON, key.as_bytes(), 0.0, 0.0, &mut bytes);
                file.write_all_at(&bytes[from..], from as u64).unwrap();
                file.write_all_at(&(bytes.len() as u32).to_ne_bytes(), 0).unwrap();
                file.write_all_at(&1.0_f64.to_ne_bytes(), value_at as u64).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        let collector = collector(root.path(), Catalog::default());
        let (mut series, mut sum) = (0, 0.0);
        loop {
            let last = done.load(std::sync::atomic::Ordering::Acquire);
            let page = block_on(collector.collect(&Ask::default())).unwrap();
            let samples = page.families.first().map_or(&[][..], |family| &family.samples);
            let now = samples.iter().map(|sample| sample.value).sum::<f64>();
            assert!(samples.len() >= series && now >= sum, "{} {series} {now} {sum}", samples.len());
            (series, sum) = (samples.len(), now);
            if last {
                break;
            }
        }
        assert_eq!((series, sum), (2_000, 2_000.0));
        assert_eq!(own(&collector, "multiprom_directory_bad_files"), 0.0);
    });
}

/// Files are read piece by piece: here keys are short, as long as several pieces, and of other labels or spellings
/// than those before; files grow and are damaged behind any of them.
#[test]
fn keys_of_any_length_and_spelling_are_read_as_files_grow() {
    let key = |at: usize| match at % 5 {
        0 => format!(r#"["jobs", "jobs_total", {{"queue": "{at}"}}, "Jobs."]"#),
        1 => format!(r#"["jobs", "jobs_total", {{"queue": "{at}{}"}}, "Jobs."]"#, "x".repeat(at * 40)),
        2 => format!(r#"["jobs", "jobs_total", {{"host": "\u00e9\"{at}", "queue": "{at}"}}, "Jobs."]"#),
        3 => format!(r#"["jobs", "jobs_total", {{ "queue":"{at}" }}, "Jobs."]"#),
        _ => format!(r#"["jobs", "jobs_total", {{"queue": {at}}}, "Jobs."]"#),
    };
    let keys: Vec<String> = (0..25).map(key).collect();
    let (root, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (kept, beside) =
        (collector(root.path(), Catalog::default()), collector(broken.path(), Catalog::default()));
    for known in 1..=keys.len() {
        let records: Vec<(&str, f64)> = keys[..known].iter().map(|key| (&**key, known as f64)).collect();
        for name in ["counter_1.db", "counter_2.db", "counter_3.db"] {
            file(root.path(), name, &records);
            file(broken.path(), name, &records);
        }
        // One of them ends in a record that is none; as many records before it count.
        let mut bytes = fs::read(broken.path().join("counter_2.db")).unwrap();
        bytes.extend([9, 0, 0, 0, b'[', b'x', 0, 0]);
        let used = bytes.len() as u32;
        bytes[..4].copy_from_slice(&used.to_ne_bytes());
        fs::write(broken.path().join("counter_2.db"), bytes).unwrap();

        let page = encoded(Format::TEXT, &block_on(kept.collect(&Ask::default())).unwrap());
        assert_eq!(page.lines().count(), 2 + known);
        let sum = format!(" {}.0", 3 * known);
        assert!(page.lines().skip(2).all(|line| line.ends_with(&sum)), "{page}");
        assert_eq!(page, encoded(Format::TEXT, &block_on(beside.collect(&Ask::default())).unwrap()));
        assert_eq!((page.clone(), page), (text(root.path()), text(broken.path())));
        assert_eq!(own(&beside, "multiprom_directory_bad_files"), 1.0);
    }
}
