//! Directories recorded from the Python client come out as its own collector printed them, byte for byte.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use collector::{Ask, Catalog};
use exposition::Format;
use support::{block_on, case, collect, collector, encoded, unpack};

/// The pages of a case's directory, scraped twice, equal the recorded ones.
fn prints(name: &str, text: &str, open_metrics: Option<&str>) {
    let case = case("python-multiprocess", name);
    let directory = unpack(&case.join("files.tar.gz"));
    check(&case, directory.path(), text, open_metrics);
}

fn check(case: &Path, directory: &Path, text: &str, open_metrics: Option<&str>) {
    let collector = collector(directory, Catalog::default());
    for scrape in ["first", "next"] {
        let page = block_on(collector.collect(&Ask::default())).unwrap();
        let expected = fs::read_to_string(case.join(text)).unwrap();
        assert_eq!(encoded(Format::TEXT, &page), expected, "{scrape} scrape, text");
        if let Some(open_metrics) = open_metrics {
            let expected = fs::read_to_string(case.join(open_metrics)).unwrap();
            assert_eq!(encoded(Format::OPENMETRICS, &page), expected, "{scrape} scrape, OpenMetrics");
        }
    }
}

/// One test for each recorded directory.
macro_rules! pages {
    ($($test:ident: $case:literal => $text:literal, $om:expr;)*) => {$(
        #[test]
        fn $test() {
            prints($case, $text, $om);
        }
    )*};
}

pages! {
    basic_page: "01-basic" => "expected.txt", Some("expected.om.txt");
    page_of_live_and_dead: "02-live-dead" => "expected.txt", Some("expected.om.txt");
    page_of_odd_labels: "03-labels" => "expected.txt", Some("expected.om.txt");
    page_of_odd_numbers: "04-numbers" => "expected.txt", Some("expected.om.txt");
    page_of_grown_files: "05-grown" => "expected.txt", Some("expected.om.txt");
    page_of_files_of_0_14: "06-old-0.14.1" => "expected.txt", Some("expected.om.txt");
    page_of_truncated_files_is_salvaged: "07-truncated" => "expected_salvage.txt", None;
    page_of_empty_files_is_salvaged: "08-empty-files" => "expected_salvage.txt", None;
    page_of_a_reused_pid: "09-pid-reuse" => "expected.txt", Some("expected.om.txt");
    page_of_uneven_buckets: "10-buckets" => "expected.txt", Some("expected.om.txt");
    page_of_gunicorn: "11-gunicorn" => "expected.txt", Some("expected.om.txt");
}

#[test]
fn marking_a_process_dead_takes_its_live_gauges_off_the_page() {
    let case = case("python-multiprocess", "02-live-dead");
    let directory = unpack(&case.join("files.tar.gz"));
    let collector = collector(directory.path(), Catalog::default());
    block_on(collector.collect(&Ask::default())).unwrap();
    let removed: Vec<String> =
        serde_json::from_slice(&fs::read(case.join("removed_files.json")).unwrap()).unwrap();
    assert!(!removed.is_empty());
    for file in removed {
        fs::remove_file(directory.path().join(file)).unwrap();
    }
    let page = block_on(collector.collect(&Ask::default())).unwrap();
    let expected = fs::read_to_string(case.join("expected_after_dead.txt")).unwrap();
    assert_eq!(encoded(Format::TEXT, &page), expected);
}

#[test]
fn a_filtered_page_holds_the_samples_asked_for() {
    let case = case("python-multiprocess", "01-basic");
    let directory = unpack(&case.join("files.tar.gz"));
    let mut filters = 0;
    for entry in fs::read_dir(&case).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(names) = name.strip_prefix("expected.filter.").and_then(|it| it.strip_suffix(".txt")) else {
            continue;
        };
        let mut ask = Ask::default();
        ask.names = Some(names.split('+').map(str::to_owned).collect());
        let page = collect(directory.path(), Catalog::default(), &ask).unwrap();
        let expected = fs::read_to_string(case.join(&name)).unwrap();
        assert_eq!(encoded(Format::TEXT, &page), expected, "{name}");
        filters += 1;
    }
    assert_eq!(filters, 4);
}
