//! What one client writes, the other's collector reads: all say the same.

use std::path::Path;

use tempfile::TempDir;

use crate::page::{Families, as_meant, as_written, assert_equal};
use crate::tools::{app, collect, multiprom, output, python, ruby, worker};

#[test]
fn python_prints_what_we_print_of_files_written_by_store_mmap() {
    let directory = directory();
    count_in_rust("mmap", directory.path(), 0..3);
    assert_python_agrees(directory.path());
}

#[test]
fn rust_and_python_processes_share_one_directory() {
    let directory = directory();
    std::thread::scope(|scope| {
        scope.spawn(|| count_in_python(directory.path(), 10..13));
        scope.spawn(|| count_in_rust("mmap", directory.path(), 0..3));
    });
    let page = assert_python_agrees(directory.path());

    // Three and three processes counted as one: each adds 0 + 1 + ... + 199.
    assert_eq!(crate::page::sum(&page, "shared_sent_bytes_total"), 6.0 * 19_900.0);
    assert_eq!(crate::page::sum(&page, "shared_payload_bytes_count"), 6.0 * 200.0);
}

#[test]
fn files_of_gitlabs_ruby_client_are_read_as_it_reads_them_itself() {
    let directory = directory();
    let theirs = output(ruby().arg(app("gitlab_workers.rb")).arg(directory.path()));
    let ours = collect([directory.path()]);
    assert_equal(("Ruby", &as_meant(&theirs)), ("multiprom", &as_meant(&ours)));
}

#[test]
fn ruby_reads_the_files_of_store_file() {
    let directory = directory();
    count_in_rust("file", directory.path(), 0..4);
    let theirs = output(ruby().arg(app("read_direct_file_store.rb")).arg(directory.path()));
    let ours = collect([directory.path()]);
    // The script knows the layout of a file, not types and help: samples are compared.
    assert_equal(("Ruby", &samples(as_meant(&theirs))), ("multiprom", &samples(as_meant(&ours))));
}

#[test]
fn gitlabs_client_reads_an_archive_as_it_read_the_files() {
    let directory = directory();
    let before = output(ruby().arg(app("gitlab_workers.rb")).arg(directory.path()));
    let said = fold(directory.path());
    assert!(said.contains("folded into counter_archive-0.db, ") && !said.contains("stays"), "{said}");
    let after = output(ruby().arg(app("gitlab_page.rb")).arg(directory.path()));
    // Gauges of the living have gone with their processes.
    let lasting = |page: &[u8]| -> Families {
        as_meant(page).into_iter().filter(|(family, _)| !family.contains("_live")).collect()
    };
    assert_equal(("Ruby before", &lasting(&before)), ("Ruby after", &lasting(&after)));
    assert_equal(("Ruby", &as_meant(&after)), ("multiprom", &as_meant(&collect([directory.path()]))));
}

#[test]
fn ruby_reads_an_archive_as_it_read_the_files() {
    let directory = directory();
    count_in_rust("file", directory.path(), 0..4);
    let script = || output(ruby().arg(app("read_direct_file_store.rb")).arg(directory.path()));
    let before = script();
    let said = fold(directory.path());
    assert!(said.contains("___archive.bin"), "{said}");
    assert_equal(("before", &samples(as_meant(&before))), ("after", &samples(as_meant(&script()))));
}

#[test]
fn python_reads_an_archive_of_its_own_files_and_ours() {
    let directory = directory();
    count_in_rust("mmap", directory.path(), 0..3);
    count_in_python(directory.path(), 10..13);
    let script = || output(python().arg(app("merged_page.py")).arg(directory.path()));
    let before = script();
    let said = fold(directory.path());
    assert!(said.contains("folded into counter_archive.db, "), "{said}");
    let lasting = |page: &[u8]| -> Families {
        as_meant(page).into_iter().filter(|(family, _)| !family.contains("live")).collect()
    };
    assert_equal(("before", &lasting(&before)), ("after", &lasting(&script())));
}

/// Folds the directory of an application that has ended; says what was done.
fn fold(directory: &Path) -> String {
    let said = output(multiprom().args(["fold", "--offline"]).arg(directory));
    String::from_utf8(said).expect("text")
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("make a directory")
}

fn count_in_rust(store: &str, directory: &Path, seeds: std::ops::Range<u32>) {
    for seed in seeds {
        output(worker().args(["count", store]).arg(directory).arg(seed.to_string()));
    }
}

fn count_in_python(directory: &Path, seeds: std::ops::Range<u32>) {
    for seed in seeds {
        let mut count = python();
        count.arg(app("count.py")).arg(seed.to_string()).env("PROMETHEUS_MULTIPROC_DIR", directory);
        output(&mut count);
    }
}

/// Compares Python's page of the directory with ours, which is returned.
fn assert_python_agrees(directory: &Path) -> Vec<u8> {
    let theirs = output(python().arg(app("merged_page.py")).arg(directory));
    let ours = collect([directory]);
    assert_equal(("Python", &as_written(&theirs)), ("multiprom", &as_written(&ours)));
    ours
}

/// All samples, whatever family a page says they are of.
fn samples(page: Families) -> Families {
    Families::from([("all".to_owned(), page.into_values().flatten().collect())])
}
