//! Every page that we print is one that others read.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{app, collect, output, prometheus, python};

/// Somebody who reads pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reader {
    /// `promtool check metrics`: Prometheus' own reader of the text format. What it would like to be named
    /// differently is the recorded application's affair.
    Promtool,
    /// The Python client's reader of the text format.
    PythonText,
    /// The Python client's reader of OpenMetrics.
    PythonOpenMetrics,
}
use Reader::{Promtool, PythonOpenMetrics, PythonText};

/// The pages that a reader refuses, and why they are as they are. All show what an application really counted; the
/// clients themselves print the same.
const REFUSED: &[(&str, Reader, &str)] = &[
    ("python-multiprocess-04-numbers", PythonOpenMetrics, COUNTED_NAN),
    ("python-multiprocess-10-buckets", PythonOpenMetrics, "a histogram with bounds below 0 has a sum"),
    ("ruby-direct-file-store-07_histogram_summary_aggregations", PythonOpenMetrics, NEGATIVE_SUM),
    ("ruby-direct-file-store-07_histogram_summary_aggregations.catalog", PythonOpenMetrics, NEGATIVE_SUM),
    ("ruby-direct-file-store-14_special_values", PythonOpenMetrics, COUNTED_NAN),
    ("ruby-direct-file-store-14_special_values.catalog", PythonOpenMetrics, COUNTED_NAN),
    ("ruby-direct-file-store-25_invalid_utf8_label", Promtool, NOT_UTF_8),
    ("ruby-direct-file-store-25_invalid_utf8_label", PythonText, NOT_UTF_8),
    ("ruby-direct-file-store-25_invalid_utf8_label", PythonOpenMetrics, NOT_UTF_8),
    ("ruby-direct-file-store-25_invalid_utf8_label.catalog", Promtool, NOT_UTF_8),
    ("ruby-direct-file-store-25_invalid_utf8_label.catalog", PythonText, NOT_UTF_8),
    ("ruby-direct-file-store-25_invalid_utf8_label.catalog", PythonOpenMetrics, NOT_UTF_8),
    ("ruby-mmap-06_special_values", PythonOpenMetrics, COUNTED_NAN),
];
const COUNTED_NAN: &str = "NaN was added to a counter or a sum";
const NEGATIVE_SUM: &str = "values below 0 were observed";
const NOT_UTF_8: &str = "a label value that is no UTF-8 is printed as it is in the file";

#[test]
fn every_recorded_directory_gives_pages_that_promtool_and_python_read() {
    let directory = tempfile::tempdir().expect("make a directory");
    let pages = print_pages(directory.path());
    assert!(pages.len() >= 2 * 158, "{} pages: recordings are missing", pages.len());

    let mut refused = refused_by_promtool(&pages);
    refused.extend(refused_by_python(&pages));
    // A limit changes nothing about it.
    let limited = REFUSED.iter().map(|&(page, reader, why)| ((format!("{page}.limited"), reader), why));
    let expected: BTreeMap<_, _> =
        REFUSED.iter().map(|&(page, reader, why)| ((page.to_owned(), reader), why)).chain(limited).collect();
    let mut surprises = Vec::new();
    for (case, why) in &refused {
        if !expected.contains_key(case) {
            surprises.push(format!("{case:?} is refused: {why}"));
        }
    }
    for (case, why) in &expected {
        if !refused.contains_key(case) {
            surprises.push(format!("{case:?} is read after all, in spite of: {why}"));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

/// Pages that a reader refused, with its words.
pub(crate) type Refused = BTreeMap<(String, Reader), String>;

/// Prints both formats of every recorded directory, for Ruby's with and without catalog, and all with and without a limit
/// on series. The files of the pages are named after the case, `.catalog` and `.limited` where there is one, and `.txt` or
/// `.om`.
fn print_pages(into: &Path) -> Vec<PathBuf> {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/collector/tests/fixtures");
    let mut pages = Vec::new();
    for client in ["python-multiprocess", "ruby-direct-file-store", "ruby-mmap"] {
        for case in folders(&recorded.join(client)) {
            let case_name = case.file_name().expect("a case has a name").to_string_lossy();
            let data = unpacked(&case, &into.join(format!("data-{client}-{case_name}")));
            let name = format!("{client}-{case_name}");
            let catalog = case.join("expected.txt");
            let catalog = (client == "ruby-direct-file-store" && catalog.exists()).then_some(catalog);
            for (limit, limited) in [(None, ""), (Some("--max-series-per-family=1"), ".limited")] {
                let mut arguments: Vec<&OsStr> = limit.iter().map(OsStr::new).collect();
                pages.extend(print_both(&data, &arguments, &into.join(format!("{name}{limited}"))));
                if let Some(catalog) = &catalog {
                    arguments.extend(["--catalog".as_ref(), catalog.as_os_str()]);
                    pages.extend(print_both(
                        &data,
                        &arguments,
                        &into.join(format!("{name}.catalog{limited}")),
                    ));
                }
            }
        }
    }
    pages
}

pub(crate) fn print_both(data: &Path, arguments: &[&OsStr], name: &Path) -> [PathBuf; 2] {
    [("text", "txt"), ("openmetrics", "om")].map(|(format, ending)| {
        let mut all = vec!["--format".as_ref(), format.as_ref()];
        all.extend(arguments);
        all.push(data.as_os_str());
        let page = PathBuf::from(format!("{}.{ending}", name.display()));
        std::fs::write(&page, collect(all)).expect("write a page");
        page
    })
}

/// The folders in a folder, by name.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("list {}: {error}", folder.display()));
    let mut folders: Vec<_> =
        entries.map(|entry| entry.expect("list a folder").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The metrics directory of a case: a folder of it, or an archive, unpacked into `room`.
fn unpacked(case: &Path, room: &Path) -> PathBuf {
    let folder = case.join("data");
    if folder.exists() {
        return folder;
    }
    let archive =
        ["files.tar.gz", "data.tar.gz"].map(|name| case.join(name)).into_iter().find(|path| path.exists());
    let archive = archive.unwrap_or_else(|| panic!("{} holds no recorded directory", case.display()));
    std::fs::create_dir(room).expect("make a directory");
    output(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(room));
    // Ruby's archive has the folder in it.
    let inner = room.join("data");
    if inner.exists() { inner } else { room.to_owned() }
}

pub(crate) fn refused_by_promtool(pages: &[PathBuf]) -> Refused {
    const LINT: i32 = 3; // exit code: read well, but has something to say about it
    let mut refused = Refused::new();
    for page in pages.iter().filter(|page| ending(page) == "txt") {
        let file = File::open(page).expect("open a page");
        let checked =
            prometheus("promtool").args(["check", "metrics"]).stdin(file).output().expect("run promtool");
        if !matches!(checked.status.code(), Some(0 | LINT)) {
            let why = String::from_utf8_lossy(&checked.stderr).trim().to_owned();
            refused.insert((name(page), Promtool), why);
        }
    }
    refused
}

pub(crate) fn refused_by_python(pages: &[PathBuf]) -> Refused {
    let answers = output(python().arg(app("parse_pages.py")).args(pages));
    let answers = String::from_utf8(answers).expect("Python prints UTF-8");
    assert_eq!(answers.lines().count(), pages.len(), "{answers}");
    let mut refused = Refused::new();
    for (page, answer) in pages.iter().zip(answers.lines()) {
        let (_, verdict) = answer.split_once('\t').expect("a page and a verdict");
        if !verdict.starts_with("ok") {
            let reader = if ending(page) == "om" { PythonOpenMetrics } else { PythonText };
            refused.insert((name(page), reader), verdict.to_owned());
        }
    }
    refused
}

fn name(page: &Path) -> String {
    page.file_stem().expect("a page has a name").to_string_lossy().into_owned()
}

fn ending(page: &Path) -> &str {
    page.extension().and_then(|ending| ending.to_str()).expect("a page has an ending")
}
