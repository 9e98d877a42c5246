//! Threads that count in one label set at the same time: they get records of their own, and readers add them up.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dialects::Dialect;
use forked::testing::{Way, alone, fork};
use metrics_core::{Aggregation, Declaration, Desc, Kind, Part};

use crate::stores::{Opened, counter, each, files, key, open, records, total};

/// How many records of one key a process may have.
const MOST: usize = 16;

/// Threads update until `enough`, which is asked now and then; how many updates there were.
///
/// That threads meet is chance: twice within one addition takes a few milliseconds of trying on two cores.
pub(crate) fn crowd(threads: usize, enough: impl Fn() -> bool + Sync, update: impl Fn() + Sync) -> f64 {
    let (done, all) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut updates = 0;
                loop {
                    (0..100).for_each(|_| update());
                    updates += 100;
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
                all.fetch_add(updates, Ordering::Relaxed);
            });
        }
        while !enough() {
            std::thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
    });
    all.load(Ordering::Relaxed) as f64
}

/// Threads update so many times each.
fn storm(threads: u32, times: u32, update: impl Fn() + Sync) -> f64 {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..times).for_each(|_| update()));
        }
    });
    f64::from(threads * times)
}

/// How many records the files of a directory have of [`counter`]'s key with this label.
fn copies(dialect: Dialect, directory: &Path, label: &str) -> usize {
    let key = key(dialect, label);
    let all = files(directory).into_iter().flat_map(|file| records(dialect, &file));
    all.filter(|record| record.0 == key).count()
}

/// Two threads count in the label set until it has one more record; how often they did.
fn meet(store: &Opened, directory: &Path, label: &str) -> f64 {
    let (child, before) = (store.counter(label), copies(store.dialect, directory, label));
    crowd(2, || copies(store.dialect, directory, label) > before, || child.add(1.0))
}

#[test]
fn threads_that_meet_part_ways_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), true, Dialect::PYTHON);
    let counted = meet(&store, directory.path(), "a");
    assert_eq!(store.counter("a").get(Part::Value), counted);
    assert_eq!(total(Dialect::PYTHON, directory.path(), "a"), Some(counted));
    // Records of others lie between, and each goes on.
    store.counter("b").add(1.0);
    let more = storm(4, 20_000, || store.counter("a").add(1.0));
    assert_eq!(total(Dialect::PYTHON, directory.path(), "a"), Some(counted + more));
    assert_eq!(copies(Dialect::PYTHON, directory.path(), "b"), 1);
    assert!(copies(Dialect::PYTHON, directory.path(), "a") <= MOST);
}

/// All numbers of a histogram and of a summary have as many records, and each adds up.
#[test]
fn observations_of_threads_that_meet_are_all_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), true, Dialect::PYTHON);
    for (kind, name) in [(Kind::Histogram, "h"), (Kind::Summary, "s")] {
        let desc = Arc::new(Desc::new(&Declaration::new(kind, name, "Help.")).unwrap());
        let child = store.child(&desc, &[]);
        let keys = dialects::keys(Dialect::PYTHON, &desc, &[], "");
        let filed = || {
            let all = files(directory.path()).into_iter().flat_map(|file| records(Dialect::PYTHON, &file));
            all.filter(|record| keys.iter().any(|(_, key)| *key == record.0.as_bytes())).collect::<Vec<_>>()
        };
        let counted = crowd(2, || filed().len() > keys.len(), || child.observe(1, 0.5));
        let filed = filed();
        assert_eq!(filed.len() % keys.len(), 0, "{filed:?}");
        assert_eq!(filed.iter().map(|record| record.1).sum::<f64>(), 1.5 * counted);
        assert_eq!((child.get(Part::Count), child.get(Part::Sum)), (counted, 0.5 * counted));
    }
}

/// A second record of a gauge would be a second gauge, and Ruby's reader sees only the last record of a key.
#[test]
fn gauges_and_rubys_records_stay_single() {
    each(|directory, open| {
        let store = open(directory);
        let aggregation = Some(Aggregation::SUM);
        let gauge = Declaration { aggregation, ..Declaration::new(Kind::Gauge, "g", "h") };
        let counter = Declaration::new(Kind::Counter, "c", "h");
        let ruby = store.dialect == Dialect::Ruby;
        for declared in [gauge, counter].into_iter().take(if ruby { 2 } else { 1 }) {
            let child = store.child(&Arc::new(Desc::new(&declared).unwrap()), &[]);
            let counted = storm(4, 20_000, || child.add(1.0));
            assert_eq!(child.get(Part::Value), counted);
        }
        for file in files(directory) {
            let [(_, value, _)] = records(store.dialect, &file)[..] else { panic!("one record") };
            assert_eq!(value, 80_000.0);
        }
    });
}

#[test]
fn the_words_of_two_records_of_a_key_are_on_two_cache_lines() {
    for label in ["", "200", "a longer value of the label"] {
        let len = dialects::record_len(Dialect::PYTHON, key(Dialect::PYTHON, label).as_bytes());
        assert!(len >= 64, "{len}");
    }
}

#[test]
fn a_forked_process_starts_at_0_and_its_threads_meet_for_themselves() {
    alone("meetings::a_forked_process_starts_at_0_and_its_threads_meet_for_themselves", || {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let store = open(directory, true, Dialect::PYTHON);
        let child = store.counter("a");
        let parents = meet(&store, directory, "a");
        let (mut told, mut tell) = std::io::pipe().unwrap();
        for way in [Way::Libc, Way::Raw] {
            fork(way, || {
                assert_eq!(child.get(Part::Value), 0.0);
                child.add(1.0);
                assert_eq!(child.get(Part::Value), 1.0);
                let mut childs = 1.0;
                if way == Way::Libc {
                    childs += meet(&store, directory, "a");
                }
                assert_eq!(child.get(Part::Value), childs);
                tell.write_all(&childs.to_le_bytes()).unwrap();
            })
            .wait();
        }
        drop(tell);
        let mut bytes = Vec::new();
        told.read_to_end(&mut bytes).unwrap();
        let childs: f64 = bytes.chunks(8).map(|one| f64::from_le_bytes(one.try_into().unwrap())).sum();
        assert_eq!(child.get(Part::Value), parents);
        assert_eq!(total(Dialect::PYTHON, directory, "a"), Some(parents + childs));
        assert_eq!(files(directory).len(), 3);
    });
}

/// Forks fall into all moments of threads that meet.
#[test]
fn a_fork_in_the_midst_of_a_meeting_leaves_both_sides_right() {
    alone("meetings::a_fork_in_the_midst_of_a_meeting_leaves_both_sides_right", || {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let store = open(directory, true, Dialect::PYTHON);
        let mut expected = [0.0; 20];
        for (round, expected) in expected.iter_mut().enumerate() {
            let label = round.to_string();
            let child = store.counter(&label);
            let forked = AtomicBool::new(false);
            let fork_once = || {
                fork(Way::Libc, || (0..50).for_each(|_| child.add(1.0))).wait();
                forked.store(true, Ordering::Relaxed);
                true
            };
            let met = || copies(store.dialect, directory, &label) > 1;
            *expected = 50.0
                + crowd(
                    2,
                    || if forked.load(Ordering::Relaxed) { met() } else { fork_once() },
                    || child.add(1.0),
                );
        }
        for (round, &expected) in expected.iter().enumerate() {
            assert_eq!(total(store.dialect, directory, &round.to_string()), Some(expected));
        }
    });
}

#[test]
fn records_of_a_wiped_directory_move_as_one() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let store = open(directory, true, Dialect::PYTHON);
    let child = store.counter("a");
    let mut counted = 0.0;
    for round in 0..3 {
        counted += meet(&store, directory, "a");
        for entry in std::fs::read_dir(directory).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        counted += storm(2, 20_000, || child.add(1.0));
        store.counter(&format!("round {round}")).add(1.0); // finds the directory empty
        assert_eq!(copies(Dialect::PYTHON, directory, "a"), 1);
        assert_eq!(child.get(Part::Value), counted);
        assert_eq!(total(Dialect::PYTHON, directory, "a"), Some(counted));
    }
}

#[test]
fn kill_9_among_threads_that_have_parted_loses_at_most_the_updates_in_flight() {
    alone("meetings::kill_9_among_threads_that_have_parted_loses_at_most_the_updates_in_flight", || {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let (mut told, mut tell) = std::io::pipe().unwrap();
        let storm = fork(Way::Libc, || {
            let store = open(directory, true, Dialect::PYTHON);
            let met = meet(&store, directory, "both");
            store.counter("met").add(met);
            std::thread::scope(|scope| {
                for own in ["one", "other"] {
                    let (both, own) = (store.counter("both"), store.counter(own));
                    scope.spawn(move || {
                        loop {
                            both.add(1.0);
                            own.add(1.0);
                        }
                    });
                }
                loop {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    tell.write_all(b".").unwrap();
                }
            });
        });
        told.read_exact(&mut [0; 20]).unwrap();
        storm.kill();
        assert!(copies(Dialect::PYTHON, directory, "both") > 1);
        let [both, met, one, other] =
            ["both", "met", "one", "other"].map(|label| total(Dialect::PYTHON, directory, label).unwrap());
        let acknowledged = met + one + other;
        assert!(one > 0.0 && other > 0.0);
        assert!((acknowledged..=acknowledged + 2.0).contains(&both), "{both} counted, {acknowledged} told");
    });
}

#[test]
fn the_collector_adds_up_the_records_of_a_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), true, Dialect::PYTHON);
    let counted = meet(&store, directory.path(), "a");
    let page = crate::promises::page(directory.path(), "");
    let [family] = &page.families[..] else { panic!("one family") };
    let values: Vec<f64> = family.samples.iter().map(|sample| sample.value).collect();
    assert_eq!((&*family.name, values), (counter().name(), vec![counted]));
}
