//! Handles that have a record of a counter each.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use dialects::Dialect;
use forked::testing::{WAYS, Way, alone, fork};
use metrics_core::{Counter, Family, LocalCounter, Registry};
use store_mmap::MmapStore;

use crate::stores::{each, files, key, records, total};

/// The family of [`counter`](crate::stores::counter), in a store in `directory`.
fn requests(directory: &Path) -> Family<Counter, 1> {
    let registry = Registry::new(MmapStore::open(directory).unwrap());
    registry.counter("requests", "Help.").labels(["of"]).unwrap()
}

/// The values of all records of the label set, in the order of files and records.
fn filed(directory: &Path, label: &str) -> Vec<f64> {
    let key = key(Dialect::PYTHON, label);
    let all = files(directory).into_iter().flat_map(|file| records(Dialect::PYTHON, &file));
    all.filter(|record| record.0 == key).map(|record| record.1).collect()
}

fn wipe(directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

#[test]
fn a_record_goes_from_handle_to_handle_and_keeps_what_was_counted() {
    let directory = tempfile::tempdir().unwrap();
    let counter = requests(directory.path()).with(["a"]);
    counter.inc();
    let (first, second) = (counter.local(), counter.local());
    first.inc_by(10.0);
    second.inc_by(100.0);
    assert_eq!(filed(directory.path(), "a"), [1.0, 10.0, 100.0]);
    drop(first);
    let third = counter.local();
    third.inc_by(20.0);
    counter.inc();
    assert_eq!(filed(directory.path(), "a"), [2.0, 30.0, 100.0]);
    assert_eq!((counter.get(), third.get()), (132.0, 132.0));
}

#[test]
fn a_handle_may_move_to_another_thread() {
    let directory = tempfile::tempdir().unwrap();
    let counter = requests(directory.path()).with(["a"]);
    let mut local = counter.local();
    for _ in 0..10 {
        local.inc();
        local = std::thread::spawn(move || {
            local.inc();
            local
        })
        .join()
        .unwrap();
    }
    assert_eq!(filed(directory.path(), "a"), [0.0, 20.0]);
}

#[test]
fn a_counter_cannot_fall_by_a_local_handle() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::with_warnings(MmapStore::open(directory.path()).unwrap(), |_| {});
    let local = registry.counter("c", "Help.").register().unwrap().local();
    for by in [-1.0, f64::NAN, f64::NEG_INFINITY] {
        local.inc_by(by);
    }
    local.inc_by(0.5);
    assert_eq!((local.get(), registry.rejected()), (0.5, 3.0 as _));
}

/// Ruby's reader sees only the last record of a key, and a file store would gain nothing.
#[test]
fn where_there_are_no_records_to_have_a_handle_shares_the_first() {
    each(|directory, open| {
        let opened = open(directory);
        let dialect = opened.dialect;
        let registry = Registry::new(opened.store);
        let counter = registry.counter("requests", "Help.").labels(["of"]).unwrap().with(["a"]);
        let (first, second) = (counter.local(), counter.local());
        first.inc();
        second.inc();
        counter.inc();
        assert_eq!((counter.get(), total(dialect, directory, "a")), (3.0, Some(3.0)));
    });
}

#[test]
fn a_handle_in_a_forked_process_counts_there() {
    alone("local::a_handle_in_a_forked_process_counts_there", || {
        for way in WAYS {
            let directory = tempfile::tempdir().unwrap();
            let counter = requests(directory.path()).with(["a"]);
            let local = counter.local();
            local.inc_by(1.0);
            fork(way, || {
                assert_eq!(local.get(), 0.0);
                local.inc_by(10.0);
                assert_eq!(local.get(), 10.0);
                let another = counter.local();
                another.inc_by(20.0);
                fork(way, || assert_eq!(local.get(), 0.0)).wait();
                drop(another);
                counter.local().inc_by(40.0);
            })
            .wait();
            local.inc_by(100.0);
            assert_eq!(counter.get(), 101.0);
            let mut filed = filed(directory.path(), "a");
            filed.sort_by(f64::total_cmp);
            assert_eq!(filed, [0.0, 0.0, 10.0, 60.0, 101.0]);
        }
    });
}

#[test]
fn forks_in_the_midst_of_local_traffic_keep_totals_exact() {
    alone("local::forks_in_the_midst_of_local_traffic_keep_totals_exact", || {
        let directory = tempfile::tempdir().unwrap();
        let counter = requests(directory.path()).with(["a"]);
        let done = AtomicBool::new(false);
        let counted = std::thread::scope(|scope| {
            let traffic = || {
                let mut counted = 0.0;
                while !done.load(Ordering::Relaxed) {
                    let local = counter.local();
                    (0..100).for_each(|_| local.inc());
                    counted += 100.0;
                }
                counted
            };
            let threads = [scope.spawn(traffic), scope.spawn(traffic)];
            let local = counter.local();
            for _ in 0..20 {
                fork(Way::Libc, || (0..50).for_each(|_| local.inc())).wait();
            }
            done.store(true, Ordering::Relaxed);
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<f64>()
        });
        assert_eq!(total(Dialect::PYTHON, directory.path(), "a"), Some(counted + 20.0 * 50.0));
    });
}

#[test]
fn what_a_handle_has_counted_moves_out_of_a_wiped_directory() {
    let directory = tempfile::tempdir().unwrap();
    let family = requests(directory.path());
    let counter = family.with(["a"]);
    let (used, idle, left) = (counter.local(), counter.local(), counter.local());
    [&used, &idle, &left].into_iter().for_each(LocalCounter::inc);
    drop(left);
    wipe(directory.path());
    used.inc();
    family.with(["b"]).inc(); // finds the directory empty
    assert_eq!((counter.get(), filed(directory.path(), "a")), (4.0, vec![4.0]));
    used.inc_by(10.0);
    drop(idle);
    assert_eq!((counter.get(), filed(directory.path(), "a")), (14.0, vec![4.0, 10.0]));
    wipe(directory.path());
    family.with(["c"]).inc();
    wipe(directory.path());
    family.with(["d"]).inc();
    used.inc();
    assert_eq!((counter.get(), filed(directory.path(), "a")), (15.0, vec![14.0, 1.0]));
}

#[test]
fn moves_in_the_midst_of_local_traffic_lose_nothing_and_count_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let family = requests(directory.path());
    let counter = family.with(["a"]);
    let done = AtomicBool::new(false);
    let counted = std::thread::scope(|scope| {
        let traffic = |each: usize| {
            let (counter, done) = (&counter, &done);
            move || {
                let mut counted = 0.0;
                while !done.load(Ordering::Relaxed) {
                    let local = counter.local();
                    (0..each).for_each(|_| local.inc());
                    counted += each as f64;
                }
                counted
            }
        };
        let threads = [scope.spawn(traffic(3)), scope.spawn(traffic(10_000))];
        for round in 0..100 {
            for file in files(directory.path()) {
                std::fs::remove_file(file).unwrap();
            }
            family.with([&format!("round {round}")]).inc();
        }
        done.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<f64>()
    });
    // All handles are gone, and with them what they had still to bring.
    assert_eq!(counter.get(), counted);
    assert_eq!(total(Dialect::PYTHON, directory.path(), "a"), Some(counted));
}

#[test]
fn kill_9_leaves_what_a_handle_has_counted() {
    alone("local::kill_9_leaves_what_a_handle_has_counted", || {
        let directory = tempfile::tempdir().unwrap();
        let (mut told, mut tell) = std::io::pipe().unwrap();
        let storm = fork(WAYS[0], || {
            let family = requests(directory.path());
            let (one, other) = (family.with(["one"]).local(), family.with(["other"]).local());
            loop {
                for _ in 0..1000 {
                    one.inc();
                    other.inc();
                }
                tell.write_all(b".").unwrap();
            }
        });
        drop(tell);
        told.read_exact(&mut [0; 20]).unwrap();
        storm.kill();
        let mut rest = Vec::new();
        told.read_to_end(&mut rest).unwrap();
        let told = (20 + rest.len()) as f64 * 1000.0;
        let [one, other] =
            ["one", "other"].map(|label| total(Dialect::PYTHON, directory.path(), label).unwrap());
        assert!(one == other || one == other + 1.0, "{one} {other}");
        assert!((told..=told + 1001.0).contains(&one), "{one} counted, {told} told");
    });
}
