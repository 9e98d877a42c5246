//! Files that grow, and how much disk they take.

use std::fs;
use std::os::unix::fs::MetadataExt;

use dialects::Dialect;

use crate::stores::{each, files, open, total, totals};

#[test]
fn numbers_keep_counting_when_their_file_grows() {
    each(|directory, open| {
        let store = open(directory);
        let first = store.counter("first");
        first.add(1.0);
        // More than 1 MiB of records; Python's files double five times on the way, Ruby's once.
        let long = "x".repeat(400);
        let children: Vec<_> = (0..2600).map(|i| store.counter(&format!("{i}{long}"))).collect();
        for child in &children {
            child.add(2.0);
        }
        first.add(1.0);

        assert_eq!(total(store.dialect, directory, "first"), Some(2.0));
        let totals = totals(store.dialect, directory);
        assert_eq!(totals.len(), 2601);
        assert!(totals.values().all(|&total| total == 2.0));
        let [file] = &files(directory)[..] else { panic!("one file") };
        assert_eq!(fs::metadata(file).unwrap().len(), 2 << 20);
    });
}

#[test]
fn updates_go_on_in_other_threads_while_a_file_grows() {
    each(|directory, open| {
        let store = open(directory);
        let busy: Vec<_> = (0..8).map(|i| store.counter(&format!("busy {i}"))).collect();
        std::thread::scope(|scope| {
            for child in &busy {
                scope.spawn(|| (0..2000).for_each(|_| child.add(1.0)));
            }
            for i in 0..1000 {
                store.counter(&format!("{i} {}", "x".repeat(200))).add(1.0);
            }
        });
        for i in 0..8 {
            assert_eq!(total(store.dialect, directory, &format!("busy {i}")), Some(2000.0));
        }
    });
}

#[test]
fn a_record_larger_than_the_file_doubles_it_until_it_fits() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), true, Dialect::PYTHON);
    store.counter("small").add(1.0);
    store.counter(&"x".repeat(200_000)).add(1.0);
    store.counter("small too").add(1.0);
    let [file] = &files(directory.path())[..] else { panic!("one file") };
    assert_eq!(fs::metadata(file).unwrap().len(), 262_144);
    assert!(totals(Dialect::PYTHON, directory.path()).values().all(|&total| total == 1.0));
}

/// 1,000 dead workers with 7 files of 64 KiB each would take 448 MB if files were allocated whole.
#[test]
fn a_file_takes_no_more_disk_than_its_records() {
    each(|directory, open| {
        let store = open(directory);
        store.counter("a").add(1.0);
        let [file] = &files(directory)[..] else { panic!("one file") };
        let about = fs::metadata(file).unwrap();
        assert!(about.len() >= 65_536);
        assert!(about.blocks() * 512 <= 4096, "{} bytes on disk", about.blocks() * 512);
    });
}

/// The blocks are there before a word on them is touched, also where a record's last page is a new one.
#[test]
fn every_page_that_holds_a_number_has_its_block() {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap(); // tmpfs: a page is a block, at once
    let store = open(directory.path(), true, Dialect::PYTHON);
    for i in 0..5000 {
        store.counter(&format!("{i}"));
        if i % 500 == 0 {
            let [file] = &files(directory.path())[..] else { panic!("one file") };
            let bytes = fs::read(file).unwrap();
            let pages = dialects::used(&bytes).div_ceil(4096) as u64;
            assert_eq!(fs::metadata(file).unwrap().blocks() * 512, pages * 4096);
        }
    }
}
