//! Directories recorded from GitLab's prometheus-client-mmap give the series that its own merge gave.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use collector::{Ask, Catalog};
use exposition::{Format, Syntax};
use metrics_core::{Kind, Label};
use serde_json::Value;
use support::{Line, Unordered, bits, block_on, case, collect, collector, encoded, unordered};

const FAMILY: &str = "ruby-mmap";

/// The recorded series of a case.
///
/// Label values of different JSON types can print alike (`""` and `null`): the client prints such series twice,
/// which makes a page invalid. Ours are one series; what it should be is worked out here.
fn recorded(name: &str) -> Unordered {
    let text = fs::read(case(FAMILY, name).join("series.json")).unwrap();
    let series: Vec<Value> = serde_json::from_slice(&text).unwrap();
    type Lines = BTreeMap<(String, Vec<Label>), f64>;
    let mut families: BTreeMap<String, (Kind, String, Lines)> = BTreeMap::new();
    for entry in &series {
        let word = |key: &str| entry[key].as_str().unwrap();
        let kind = Kind::from_word(word("type")).unwrap();
        let name = word("family");
        let name = if kind == Kind::Counter { name.strip_suffix("_total").unwrap_or(name) } else { name };
        let labels = entry["labels"].as_object().unwrap().iter();
        let mut labels: Vec<Label> =
            labels.map(|(name, value)| Label::new(name, value.as_str().unwrap())).collect();
        labels.sort();
        let value = f64::from_bits(u64::from_str_radix(word("bits"), 16).unwrap());
        let family = families
            .entry(name.to_owned())
            .or_insert_with(|| (kind, "Multiprocess metric".to_owned(), BTreeMap::new()));
        let known = family.2.insert((word("name").to_owned(), labels.clone()), value);
        if let Some(known) = known {
            assert_eq!(kind, Kind::Counter, "only counters print alike in the recordings");
            family.2.insert((word("name").to_owned(), labels), known + value);
        }
    }
    let lines = |lines: Lines| -> Vec<Line> {
        lines.into_iter().map(|((name, labels), value)| (name, labels, bits(value))).collect()
    };
    families.into_iter().map(|(name, (kind, help, of))| (name, (kind, help, lines(of)))).collect()
}

#[test]
fn every_recorded_directory_gives_its_series() {
    let mut cases = 0;
    for entry in fs::read_dir(case(FAMILY, "")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !case(FAMILY, &name).join("series.json").exists() {
            continue;
        }
        let collector = collector(&case(FAMILY, &name).join("data"), Catalog::default());
        for scrape in ["first", "next"] {
            let page = block_on(collector.collect(&Ask::default())).unwrap();
            assert_eq!(unordered(&page), recorded(&name), "{name}, {scrape} scrape");
        }
        cases += 1;
    }
    assert_eq!(cases, 16);
}

/// The client fails the whole scrape in both cases.
#[test]
fn a_damaged_file_counts_up_to_its_last_whole_record() {
    let page = |name| {
        let page = collect(&case(FAMILY, name).join("data"), Catalog::default(), &Ask::default()).unwrap();
        encoded(Format::TEXT, &page)
    };
    // The processes counted 1, 2 and 3; the second one's file ends in its second record.
    assert_eq!(
        page("16_error_used_beyond_file"),
        "\
# HELP damaged_total Multiprocess metric
# TYPE damaged_total counter
damaged_total{k=\"k0\"} 6.0
damaged_total{k=\"k1\"} 4.0
damaged_total{k=\"k2\"} 4.0
damaged_total{k=\"k3\"} 4.0
"
    );
    // The second of two files has a label without a value.
    assert_eq!(
        page("17_error_bad_entry"),
        "\
# HELP broken_total Multiprocess metric
# TYPE broken_total counter
broken_total{aa=\"b1\",cc=\"d1\"} 1.0
"
    );
}

/// A fork of the client writes exemplars into files beside; its own page calls a histogram an `exemplar`.
#[test]
fn files_of_exemplars_are_left_alone() {
    let case = case(FAMILY, "19_vinted_trace_ids");
    let text = fs::read_to_string(case.join("expected_vinted.txt")).unwrap();
    let text = text.replace("# TYPE order_seconds exemplar", "# TYPE order_seconds histogram");
    let expected = exposition::parse(Syntax::Text0, text.as_bytes()).unwrap();
    let page = collect(&case.join("data"), Catalog::default(), &Ask::default()).unwrap();
    assert_eq!(unordered(&page), unordered(&expected));
}
