//! Pages that client_python printed: read and written again they are the same bytes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use exposition::{Format, encode, parse};

/// Every page of client_python that the collector's recorded directories come with.
fn pages(suffix: &str) -> Vec<PathBuf> {
    let recorded =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../collector/tests/fixtures/python-multiprocess");
    let mut pages: Vec<PathBuf> = fs::read_dir(&recorded)
        .unwrap_or_else(|error| panic!("{}: {error}", recorded.display()))
        .filter_map(|case| fs::read_dir(case.unwrap().path()).ok())
        .flatten()
        .map(|file| file.unwrap().path())
        .filter(|file| {
            let name = file.file_name().unwrap().to_str().unwrap();
            name.starts_with("expected") && name.ends_with(suffix)
        })
        .collect();
    pages.sort();
    pages
}

fn assert_written_as_read(format: Format, page: &Path) {
    let recorded = fs::read(page).unwrap();
    let snapshot =
        parse(format.syntax, &recorded).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let mut written = Vec::new();
    encode(format, &snapshot, &mut written);
    let lines = |page: &[u8]| String::from_utf8_lossy(page).lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&written), lines(&recorded), "{}", page.display());
    assert_eq!(written, recorded, "{}", page.display());
}

#[test]
fn text_pages_of_python_are_written_as_they_were_read() {
    let mut pages = pages(".txt");
    pages.retain(|page| !page.to_str().unwrap().ends_with(".om.txt"));
    assert!(pages.len() >= 15, "only {} pages", pages.len());
    for page in pages {
        assert_written_as_read(Format::TEXT, &page);
    }
}

#[test]
fn openmetrics_pages_of_python_are_written_as_they_were_read() {
    let pages = pages(".om.txt");
    assert!(pages.len() >= 9, "only {} pages", pages.len());
    for page in pages {
        assert_written_as_read(Format::OPENMETRICS, &page);
    }
}

/// What one process's files are on both kinds of page.
#[test]
fn text_and_openmetrics_pages_of_python_hold_the_same_families() {
    for page in pages(".om.txt") {
        let text = page.to_str().unwrap().replace(".om.txt", ".txt");
        let from_openmetrics = parse(Format::OPENMETRICS.syntax, &fs::read(&page).unwrap()).unwrap();
        let mut rewritten = Vec::new();
        encode(Format::TEXT, &from_openmetrics, &mut rewritten);
        assert_eq!(rewritten, fs::read(&text).unwrap(), "{text}");

        let from_text = parse(Format::TEXT.syntax, &rewritten).unwrap();
        let mut rewritten = Vec::new();
        encode(Format::OPENMETRICS, &from_text, &mut rewritten);
        assert_eq!(rewritten, fs::read(&page).unwrap(), "{}", page.display());
    }
}
