//! Directories recorded from client_ruby's DirectFileStore: with a catalog, the families, types, help texts and
//! samples are those that Ruby printed.
#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use collector::{Ask, Catalog};
use exposition::Syntax;
use metrics_core::{Kind, Label};
use serde_json::Value;
use support::{bits, block_on, case, collect, collector, read_back, unordered};

const FAMILY: &str = "ruby-direct-file-store";

/// The catalog of a case, made of what Ruby's registry held.
fn catalog(case: &Path) -> Catalog {
    let registry: Value = serde_json::from_slice(&fs::read(case.join("metrics.json")).unwrap()).unwrap();
    let mut text = String::new();
    for metric in registry["metrics"].as_array().unwrap() {
        let word = |key: &str| metric[key].as_str().unwrap();
        let (name, help) = (word("name"), word("docstring").replace('\\', "\\\\").replace('\n', "\\n"));
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", word("type")).unwrap();
        writeln!(text, "# AGGREGATION {name} {}", word("aggregation")).unwrap();
        for le in metric["buckets"].as_array().into_iter().flatten() {
            writeln!(text, "{name}_bucket{{le=\"{}\"}} 0", le.as_str().unwrap()).unwrap();
        }
    }
    Catalog::parse(text.as_bytes()).unwrap()
}

/// A case, its files in a directory, and what Ruby printed.
fn recorded(name: &str, expected: &str) -> (PathBuf, PathBuf, Option<tempfile::TempDir>, Vec<u8>) {
    let case = case(FAMILY, name);
    if case.join("data.tar.gz").exists() {
        let unpacked = support::unpack(&case.join("data.tar.gz"));
        let page = fs::read(unpacked.path().join(expected)).unwrap();
        (case, unpacked.path().join("data"), Some(unpacked), page)
    } else {
        let page = fs::read(case.join(expected)).unwrap();
        (case.clone(), case.join("data"), None, page)
    }
}

fn prints(name: &str, expected: &str) {
    let (case, directory, _unpacked, page) = recorded(name, expected);
    let expected = exposition::parse(Syntax::Text0, &page).unwrap();
    let collector = collector(&directory, catalog(&case));
    for scrape in ["first", "next"] {
        let page = read_back(&block_on(collector.collect(&Ask::default())).unwrap());
        assert_eq!(unordered(&page), unordered(&expected), "{scrape} scrape");
        let names = |page: &metrics_core::Snapshot| -> Vec<_> {
            page.families.iter().map(|family| family.name.to_string()).collect()
        };
        assert_eq!(names(&page), names(&expected), "order of the families");
    }
}

/// One test for each recorded directory.
macro_rules! pages {
    ($($test:ident: $case:literal => $text:literal;)*) => {$(
        #[test]
        fn $test() {
            prints($case, $text);
        }
    )*};
}

pages! {
    counters: "01_counters_basic" => "expected.txt";
    counters_in_every_mode: "02_counter_aggregations" => "expected.txt";
    gauges_in_every_mode: "03_gauges_all_modes" => "expected.txt";
    the_first_file_wins_a_tie_of_times: "04_most_recent_ties" => "expected.txt";
    histograms: "05_histogram_default_buckets" => "expected.txt";
    bounds_keep_the_spelling_of_the_catalog: "06_histogram_custom_buckets" => "expected.txt";
    histograms_and_summaries_in_every_mode: "07_histogram_summary_aggregations" => "expected.txt";
    label_sets_made_ahead: "08_histogram_init_label_set" => "expected.txt";
    summaries: "10_summaries" => "expected.txt";
    label_values_unescape: "11_label_value_escaping" => "expected.txt";
    labels_in_any_order: "12_label_order_and_names" => "expected.txt";
    help_texts: "13_docstrings" => "expected.txt";
    odd_numbers: "14_special_values" => "expected.txt";
    families_without_series_are_printed: "15_empty_and_zero_files" => "expected.txt";
    grown_files: "16_growth_small_initial" => "expected.txt";
    files_of_two_mebibytes: "17_growth_1mib_tar" => "expected.txt";
    preset_labels: "18_preset_labels" => "expected.txt";
    keys_of_every_padding: "19_padding_lengths" => "expected.txt";
    many_metrics: "20_many_metrics" => "expected.txt";
    a_reused_pid: "21_pid_reuse" => "expected.txt";
    a_name_splits_at_its_last_underscores: "22_glob_prefix_collision" => "expected_correct.txt";
    label_values_that_are_not_utf8_keep_their_bytes: "25_invalid_utf8_label" => "expected.txt";
    a_value_without_its_time_counts: "26_truncated_last_timestamp" => "expected.txt";
}

/// Ruby prints buckets that the application declares no longer uncumulated and leaves them out of the count:
/// their observations are lost. We print the union of the bounds, so that none is dropped, and every other
/// line equals Ruby's.
#[test]
fn buckets_of_an_older_release_count_here_and_are_lost_in_ruby() {
    let (case, directory, _, page) = recorded("09_histogram_changed_buckets", "expected.txt");
    let ruby = unordered(&exposition::parse(Syntax::Text0, &page).unwrap());
    let ours = unordered(&read_back(&collect(&directory, catalog(&case), &Ask::default()).unwrap()));
    let (_, _, ruby) = &ruby["task_seconds"];
    let (_, _, ours) = &ours["task_seconds"];
    let only = |of: &[support::Line], others: &[support::Line]| -> Vec<(String, String, f64)> {
        let missing = of.iter().filter(|line| !others.contains(line));
        let text = |labels: &[Label]| {
            let text = labels.iter().map(|label| format!("{}={}", label.name, label.value_text()));
            text.collect::<Vec<_>>().join(" ")
        };
        missing.map(|(name, labels, bits)| (name.clone(), text(labels), f64::from_bits(*bits))).collect()
    };
    let line = |name: &str, labels: &str, value| (format!("task_seconds_{name}"), labels.to_owned(), value);
    assert_eq!(
        only(ruby, ours),
        [line("bucket", "le=+Inf t=a", 10.0), line("bucket", "le=7 t=a", 2.0), line("count", "t=a", 10.0),]
    );
    assert_eq!(
        only(ours, ruby),
        [line("bucket", "le=+Inf t=a", 12.0), line("bucket", "le=7 t=a", 6.0), line("count", "t=a", 12.0),]
    );
}

#[test]
fn counters_that_nobody_has_touched_keep_their_names() {
    let text = b"# TYPE hits counter\n# HELP hits H\n# TYPE jobs_total counter\n# HELP jobs_total J\n";
    let directory = tempfile::tempdir().unwrap();
    let page = collect(directory.path(), Catalog::parse(text).unwrap(), &Ask::default()).unwrap();
    let mut printed = Vec::new();
    exposition::encode(exposition::Format::TEXT, &page, &mut printed);
    assert_eq!(
        String::from_utf8(printed).unwrap(),
        "# HELP hits H\n# TYPE hits counter\n# HELP jobs_total J\n# TYPE jobs_total counter\n"
    );
}

/// Ruby fails the whole scrape here.
#[test]
fn nan_loses_against_numbers() {
    let case = case(FAMILY, "23_error_nan_in_max_or_min");
    let page = collect(&case.join("data"), catalog(&case), &Ask::default()).unwrap();
    let family = page.families.iter().find(|family| &*family.name == "nan_mix").unwrap();
    assert!(!family.samples.is_empty());
    assert!(family.samples.iter().all(|sample| !sample.value.is_nan()), "{:?}", family.samples);
    assert!(page.families.iter().any(|family| &*family.name == "fine" && family.samples.len() == 1));
}

/// Ruby fails the whole scrape here.
#[test]
fn a_file_cut_short_counts_as_far_as_it_goes() {
    let case = case(FAMILY, "24_error_used_beyond_file");
    let collector = collector(&case.join("data"), catalog(&case));
    let page = block_on(collector.collect(&Ask::default())).unwrap();
    // Of the second process' file the first three records are whole.
    let expected = "\
# HELP damaged_total damaged
# TYPE damaged_total counter
damaged_total{k=\"k0\"} 6.0
damaged_total{k=\"k1\"} 6.0
damaged_total{k=\"k2\"} 6.0
damaged_total{k=\"k3\"} 4.0
damaged_total{k=\"k4\"} 4.0
damaged_total{k=\"k5\"} 4.0
# HELP healthy_total healthy
# TYPE healthy_total counter
healthy_total{k=\"x\"} 3.0
";
    assert_eq!(support::encoded(exposition::Format::TEXT, &page), expected);
    let own = collector.own();
    let bad = own.families.iter().find(|family| &*family.name == "multiprom_directory_bad_files").unwrap();
    assert_eq!(bad.samples[0].value, 1.0);
}

#[test]
fn without_a_catalog_kinds_are_inferred_from_keys_and_names() {
    for (name, expected) in [
        ("05_histogram_default_buckets", Kind::Histogram),
        ("10_summaries", Kind::Summary),
        ("01_counters_basic", Kind::Counter),
    ] {
        let (_, directory, _, page) = recorded(name, "expected.txt");
        let ruby = unordered(&exposition::parse(Syntax::Text0, &page).unwrap());
        let ours = collect(&directory, Catalog::default(), &Ask::default()).unwrap();
        for (family, (kind, _, lines)) in unordered(&read_back(&ours)) {
            assert_eq!(kind, expected, "{family}");
            let (_, _, ruby) = &ruby[&family];
            // Without declared bounds, buckets that nobody touched are not known.
            let missing = lines.iter().filter(|line| !ruby.contains(line)).count();
            assert_eq!(missing, 0, "{family}: {lines:?}");
        }
    }
    let modes = case(FAMILY, "02_counter_aggregations");
    let page = collect(&modes.join("data"), Catalog::default(), &Ask::default()).unwrap();
    let all = page.families.iter().find(|family| &*family.name == "work_units_all").unwrap();
    assert!(all.samples.iter().all(|sample| sample.series.label("pid").is_some()));
    assert!(all.samples.len() > 1 && bits(all.samples[0].value) != 0);
}
