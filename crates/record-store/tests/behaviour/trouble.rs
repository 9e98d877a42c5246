//! Full disks, deleted directories, wiped directories: the application goes on, and nothing is lost in the end.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dialects::Dialect;
use forked::testing::{SmallDisk, Way, fork, on_small_disks};
use metrics_core::{Declaration, Desc, Kind, Part};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::meetings::crowd;
use crate::stores::{Opened, each, files, most_recent, records, total, totals};

/// Runs `body` with each store, on each kind of small disk that can be had.
pub(crate) fn each_on_a_small_disk(
    test: &str,
    kilobytes: u32,
    body: impl Fn(&SmallDisk, &dyn Fn(&Path) -> Opened),
) {
    on_small_disks(test, || each(|directory, open| body(&SmallDisk::make(directory, kilobytes), open)));
}

#[test]
fn a_full_disk_is_counted_through_and_everything_is_there_when_there_is_room() {
    let test = "trouble::a_full_disk_is_counted_through_and_everything_is_there_when_there_is_room";
    each_on_a_small_disk(test, 256, |disk, open| {
        let directory = disk.path();
        let store = open(directory);
        let before = store.counter("before");
        before.add(1.0);
        let full = disk.fill();

        // Pages that are there take some records; then none.
        let label = |i: usize| format!("{i} {}", "x".repeat(100));
        let children: Vec<_> = (0..200).map(|i| store.counter(&label(i))).collect();
        for child in children.iter().chain([&before]) {
            child.add(1.0);
            child.add(1.0);
        }
        assert!(children.iter().all(|child| child.get(Part::Value) == 2.0));
        assert!(store.homeless() > 100, "{:?}", store.figures());
        assert!(store.figures().failed_writes > 100);
        {
            let warnings = store.warnings.lock().unwrap();
            let [warning] = &warnings[..] else { panic!("one warning, not {warnings:?}") };
            let [file] = &files(directory)[..] else { panic!("one file") };
            assert!(warning.starts_with(&format!("append to {} at ", file.display())), "{warning}");
            assert!(warning.contains(disk.error()), "{warning}");
        }
        // What a reader sees meanwhile is whole.
        assert_eq!(total(store.dialect, directory, "before"), Some(3.0));

        full.make_room();
        store.counter("after").add(1.0);
        assert_eq!(store.homeless(), 0);
        for (i, child) in children.iter().enumerate() {
            child.add(1.0);
            assert_eq!(child.get(Part::Value), 3.0);
            assert_eq!(total(store.dialect, directory, &label(i)), Some(3.0));
        }
        assert_eq!(total(store.dialect, directory, "after"), Some(1.0));
        assert_eq!(store.warned.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_disk_full_from_the_start_is_counted_through() {
    let test = "trouble::a_disk_full_from_the_start_is_counted_through";
    each_on_a_small_disk(test, 64, |disk, open| {
        let directory = disk.path();
        let full = disk.fill();
        let store = open(directory);
        let child = store.counter("a");
        child.add(1.0);
        assert_eq!((child.get(Part::Value), store.homeless()), (1.0, 1));
        // The same, a second time: nothing piles up.
        for i in 0..50 {
            store.counter(&i.to_string()).add(1.0);
        }
        let left: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.len() <= 2, "{left:?}");
        full.make_room();
        store.counter("b").add(1.0);
        assert_eq!(store.homeless(), 0);
        assert_eq!(total(store.dialect, directory, "a"), Some(1.0));
        assert_eq!(totals(store.dialect, directory).len(), 52);
    });
}

/// Threads that meet go on with the records that they have.
#[test]
fn threads_that_meet_on_a_full_disk_lose_nothing() {
    let test = "trouble::threads_that_meet_on_a_full_disk_lose_nothing";
    each_on_a_small_disk(test, 64, |disk, open| {
        let directory = disk.path();
        let store = open(directory);
        let child = store.counter("a");
        child.add(1.0);
        let full = disk.fill();
        // Until the record's page has no room for another one.
        let mut fillers = 0;
        while store.homeless() == 0 {
            store.counter(&format!("filler {fillers}")).add(1.0);
            fillers += 1;
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_millis(100);
        let counted = 1.0 + crowd(4, || std::time::Instant::now() > deadline, || child.add(1.0));
        assert_eq!(child.get(Part::Value), counted);
        // Not in memory: a kill -9 would lose nothing of it.
        assert_eq!(total(store.dialect, directory, "a"), Some(counted));
        assert_eq!((store.homeless(), store.warned.load(Ordering::Relaxed)), (1, 1));
        full.make_room();
        store.counter("after").add(1.0);
        assert_eq!(store.homeless(), 0);
        assert_eq!(total(store.dialect, directory, "a"), Some(counted));
    });
}

/// A histogram is written whole or not at all, and no observation is lost on the way.
#[test]
fn a_histogram_made_on_a_full_disk_keeps_its_observations() {
    let test = "trouble::a_histogram_made_on_a_full_disk_keeps_its_observations";
    each_on_a_small_disk(test, 64, |disk, open| {
        let directory = disk.path();
        let store = open(directory);
        store.counter("before").add(1.0);
        let full = disk.fill();
        let help = "help ".repeat(100);
        let histogram = Arc::new(Desc::new(&Declaration::new(Kind::Histogram, "h", &help)).unwrap());
        let child = store.child(&histogram, &[]);
        child.observe(2, 0.5);
        child.observe(11, 0.5);
        assert_eq!(store.homeless(), 1);
        full.make_room();
        store.counter("after").add(1.0);
        child.observe(2, 0.5);

        assert_eq!(store.homeless(), 0);
        let parts = [Part::Sum, Part::Count, Part::Bucket(2), Part::Bucket(11), Part::Bucket(0)];
        assert_eq!(parts.map(|part| child.get(part)), [1.5, 3.0, 2.0, 1.0, 0.0]);
        let sum: f64 = totals(store.dialect, directory).values().sum();
        assert_eq!(sum, 1.5 + 3.0 + 2.0); // and the two counters
    });
}

/// A record that begins on a page which is there and ends on one which is not has no place, and no word of it is touched.
#[test]
fn a_disk_with_a_few_pages_left_kills_nobody_and_loses_nothing() {
    let test = "trouble::a_disk_with_a_few_pages_left_kills_nobody_and_loses_nothing";
    each_on_a_small_disk(test, 1024, |disk, open| {
        for pages in 0..8 {
            let directory = &disk.path().join(pages.to_string());
            let store = open(directory);
            store.counter("before").add(1.0);
            let full = disk.fill_but(pages);
            let label = |at: usize| format!("{at} {}", "x".repeat(1_500));
            let children: Vec<_> = (0..30).map(|at| store.counter(&label(at))).collect();
            let count = || (0..100).for_each(|_| children.iter().for_each(|child| child.add(1.0)));
            std::thread::scope(|scope| {
                scope.spawn(count);
                scope.spawn(count);
            });
            assert!(store.homeless() > 0 && store.warned.load(Ordering::Relaxed) == 1, "{pages} pages");
            full.make_room();
            store.counter("after").add(1.0);
            assert_eq!(store.homeless(), 0, "{pages} pages");
            for (at, child) in children.iter().enumerate() {
                let filed = total(store.dialect, directory, &label(at));
                assert_eq!((child.get(Part::Value), filed), (200.0, Some(200.0)), "{pages} pages");
            }
            assert_eq!(total(store.dialect, directory, "before"), Some(1.0));
        }
    });
}

/// Nobody makes a new label set: using the old one is enough, after a second.
#[test]
fn a_label_set_in_memory_finds_its_place_when_it_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("later");
    let store = crate::stores::open(&directory, true, Dialect::PYTHON);
    fs::remove_dir(&directory).unwrap();
    let child = store.counter("a");
    child.add(1.0);
    assert!(store.warnings.lock().unwrap()[0].contains("No such file or directory"));
    assert_eq!(store.homeless(), 1);
    fs::create_dir(&directory).unwrap();
    let mut added = 1.0;
    while store.homeless() > 0 {
        child.add(1.0);
        added += 1.0;
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(added < 1000.0, "never found a place");
    }
    assert_eq!(total(Dialect::PYTHON, &directory, "a"), Some(added));
}

#[test]
fn a_deleted_directory_is_counted_through() {
    each(|directory, open| {
        let directory = &directory.join("deleted");
        let store = open(directory);
        let old = store.counter("old");
        old.add(1.0);
        fs::remove_dir_all(directory).unwrap();
        old.add(1.0);
        let new = store.counter("new");
        new.add(1.0);
        old.add(1.0);
        assert_eq!((old.get(Part::Value), new.get(Part::Value)), (3.0, 1.0));
        assert_eq!((store.homeless(), store.warned.load(Ordering::Relaxed)), (2, 1));
        assert!(!directory.exists(), "whoever deletes a directory does not find it made again");

        fs::create_dir(directory).unwrap();
        store.counter("newest").add(1.0);
        assert_eq!(store.homeless(), 0);
        let of = |label| total(store.dialect, directory, label);
        assert_eq!((of("old"), of("new"), of("newest")), (Some(3.0), Some(1.0), Some(1.0)));
        old.add(1.0);
        assert_eq!(total(store.dialect, directory, "old"), Some(4.0));
    });
}

/// `rm -rf DIR/*`, as an entrypoint does when it starts again.
#[test]
fn label_sets_of_a_wiped_directory_move_with_their_numbers() {
    each(|directory, open| {
        let store = open(directory);
        let counter = store.counter("a");
        counter.add(1.5);
        let gauge = store.child(&most_recent(), &[]);
        gauge.set(7.0);
        let set_at = gauge_time(&store, directory);
        for entry in fs::read_dir(directory).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        counter.add(1.0);

        store.counter("b").add(1.0);
        counter.add(1.0);
        assert_eq!((counter.get(Part::Value), gauge.get(Part::Value)), (3.5, 7.0));
        let of = |label| total(store.dialect, directory, label);
        assert_eq!((of("a"), of("b")), (Some(3.5), Some(1.0)));
        assert_eq!(gauge_time(&store, directory), set_at, "it was not set again");
        assert_eq!(store.warned.load(Ordering::Relaxed), 0);
    });
}

fn gauge_time(store: &Opened, directory: &Path) -> f64 {
    let name = if store.dialect == Dialect::Ruby { "metric_g" } else { "gauge_mostrecent" };
    let file = files(directory).into_iter().find(|file| file.to_string_lossy().contains(name)).unwrap();
    records(store.dialect, &file)[0].2
}

/// `rm DIR/*.db` leaves the dot-file, and with it the identifier.
#[test]
fn a_process_keeps_its_identifier_while_its_dot_file_is_there() {
    each(|directory, open| {
        let store = open(directory);
        store.counter("a").add(1.0);
        let before = files(directory);
        for file in &before {
            fs::remove_file(file).unwrap();
        }
        store.counter("b").add(1.0);
        assert_eq!(files(directory), before);
        assert_eq!(total(store.dialect, directory, "a"), Some(1.0));
    });
}

#[test]
fn moves_in_the_midst_of_traffic_lose_nothing_and_count_nothing_twice() {
    each(|directory, open| {
        let store = open(directory);
        let children: Vec<_> = (0..8).map(|i| store.counter(&i.to_string())).collect();
        // In Ruby's dialect its buckets get their records at all moments.
        let labels = &["of"];
        let declared = Declaration { labels, ..Declaration::new(Kind::Histogram, "h", "") };
        let histogram = Arc::new(Desc::new(&declared).unwrap());
        let histograms: Vec<_> = (0..20).map(|i| store.child(&histogram, &[&i.to_string()])).collect();
        let done = AtomicBool::new(false);
        let counted = std::thread::scope(|scope| {
            let traffic = || {
                let mut counted = 0;
                while !done.load(Ordering::Relaxed) {
                    children.iter().for_each(|child| child.add(1.0));
                    histograms[counted / 7 % 20].observe(counted % 12, 2.0);
                    counted += 1;
                }
                counted
            };
            let threads = [scope.spawn(traffic), scope.spawn(traffic)];
            for round in 0..30 {
                for file in files(directory) {
                    fs::remove_file(file).unwrap();
                }
                store.counter(&format!("round {round}"));
                store.child(&histogram, &[&format!("round {round}")]).observe(0, 0.0);
            }
            done.store(true, Ordering::Relaxed);
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>() as f64
        });
        for (i, child) in children.iter().enumerate() {
            assert_eq!(child.get(Part::Value), counted);
            assert_eq!(total(store.dialect, directory, &i.to_string()), Some(counted));
        }
        let total = |part| histograms.iter().map(|child| child.get(part)).sum::<f64>();
        assert_eq!((total(Part::Count), total(Part::Sum)), (counted, 2.0 * counted));
        let name = if store.dialect == Dialect::Ruby { "metric_h_" } else { "histogram_" };
        let file = files(directory).into_iter().find(|file| file.to_string_lossy().contains(name)).unwrap();
        let filed = records(store.dialect, &file).into_iter().filter(|(key, ..)| !key.contains("round"));
        assert_eq!(filed.map(|record| record.1).sum::<f64>(), 3.0 * counted);
    });
}

/// A `NaN` may have any bits, also those that mark a closed number.
#[test]
fn a_gauge_may_hold_any_nan() {
    each(|directory, open| {
        let gauge = open(directory).child(&most_recent(), &[]);
        for bits in [f64::NAN.to_bits(), 0x7ffc_636c_6f73_6564, u64::MAX] {
            gauge.set(f64::from_bits(bits));
            gauge.add(1.0);
            assert!(gauge.get(Part::Value).is_nan());
        }
    });
}

/// How many files this process has open.
fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn trouble_leaves_no_files_open() {
    forked::testing::alone("trouble::trouble_leaves_no_files_open", || {
        each(|directory, open| {
            let directory = &directory.join("troubled");
            let store = open(directory);
            store.counter("a").add(1.0);
            let before = open_files();
            for round in 0..20 {
                for entry in fs::read_dir(directory).unwrap() {
                    fs::remove_file(entry.unwrap().path()).unwrap();
                }
                store.counter(&format!("wiped {round}")).add(1.0);
            }
            assert_eq!(open_files(), before);
            fs::remove_dir_all(directory).unwrap();
            for round in 0..20 {
                store.counter(&format!("gone {round}")).add(1.0);
            }
            assert!(open_files() < before);
        });
    });
}

/// What may happen to a store and its directory.
#[derive(Clone, Copy, Debug)]
enum Event {
    Add(usize, i32),
    Observe(usize, i32),
    /// Two threads add that often each.
    Meet(usize, u32),
    Fork(usize, i32),
    RemoveFiles,
    RemoveDirectory,
    MakeDirectory,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0..6_usize, 1..100).prop_map(|(of, by)| Event::Add(of, by)),
        4 => (0..3_usize, 1..100).prop_map(|(of, value)| Event::Observe(of, value)),
        2 => (0..6_usize, 1..20_000_u32).prop_map(|(of, times)| Event::Meet(of, times)),
        1 => (0..6_usize, 1..100).prop_map(|(of, by)| Event::Fork(of, by)),
        2 => Just(Event::RemoveFiles),
        1 => Just(Event::RemoveDirectory),
        2 => Just(Event::MakeDirectory),
    ]
}

/// Whatever happens to the directory: this process has counted everything, and once the directory is there and
/// something makes the store look, all of it is in the files.
#[test]
fn any_sequence_of_troubles_loses_nothing() {
    forked::testing::alone("trouble::any_sequence_of_troubles_loses_nothing", || {
        let mut runner =
            TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
        let cases = (proptest::collection::vec(event(), 1..40), any::<bool>(), any::<bool>());
        let survives = |(events, mmap, ruby): (Vec<Event>, _, _)| {
            survives(&events, mmap, ruby);
            Ok(())
        };
        runner.run(&cases, survives).unwrap();
    });
}

fn survives(events: &[Event], mmap: bool, ruby: bool) {
    let dialect = if ruby { Dialect::Ruby } else { Dialect::PYTHON };
    let parent = tempfile::tempdir().unwrap();
    let directory = &parent.path().join("troubled");
    let store = crate::stores::open(directory, mmap, dialect);
    let declared = Declaration { labels: &["of"], ..Declaration::new(Kind::Summary, "seconds", "") };
    let summary = Arc::new(Desc::new(&declared).unwrap());
    let mut counters = [0.0; 6];
    let mut sums = [(0.0, 0.0); 3];
    for &event in events {
        match event {
            Event::Add(of, by) => {
                store.counter(&of.to_string()).add(f64::from(by));
                counters[of] += f64::from(by);
            }
            Event::Observe(of, value) => {
                store.child(&summary, &[&of.to_string()]).observe(0, f64::from(value));
                sums[of].0 += 1.0;
                sums[of].1 += f64::from(value);
            }
            Event::Meet(of, times) => {
                let child = store.counter(&of.to_string());
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| (0..times).for_each(|_| child.add(1.0)));
                    }
                });
                counters[of] += 2.0 * f64::from(times);
            }
            // What it counts is gone with the files sooner or later; it must not be counted here.
            Event::Fork(of, by) => {
                let child = store.counter(&of.to_string());
                fork(Way::Raw, || {
                    child.add(f64::from(by));
                    assert_eq!(child.get(Part::Value), f64::from(by));
                })
                .wait();
            }
            Event::RemoveFiles => {
                for entry in fs::read_dir(directory).into_iter().flatten() {
                    fs::remove_file(entry.unwrap().path()).unwrap();
                }
            }
            Event::RemoveDirectory => _ = fs::remove_dir_all(directory),
            Event::MakeDirectory => fs::create_dir_all(directory).unwrap(),
        }
    }
    fs::create_dir_all(directory).unwrap();
    let pid = std::process::id();
    // Each looks after one file; the claim's loss makes it look after all.
    store.counter("last").add(1.0);
    store.child(&summary, &["last"]).observe(0, 1.0);

    let ours: Vec<_> = files(directory)
        .into_iter()
        .filter(|file| file.to_string_lossy().contains(&format!("{pid}-r")))
        .flat_map(|file| records(dialect, &file))
        .collect();
    let filed = |key: &[u8]| {
        let values: Vec<_> =
            ours.iter().filter(|record| record.0.as_bytes() == key).map(|record| record.1).collect();
        // Threads may have met in a counter, in Python's dialect.
        assert!(values.len() <= 1 || mmap && !ruby, "a key stands twice");
        values.iter().sum::<f64>()
    };
    assert_eq!(store.homeless(), 0);
    for (of, &counted) in counters.iter().enumerate() {
        let label = of.to_string();
        assert_eq!(store.counter(&label).get(Part::Value), counted);
        assert_eq!(filed(crate::stores::key(dialect, &label).as_bytes()), counted);
    }
    for (of, &(count, sum)) in sums.iter().enumerate() {
        let label = of.to_string();
        let child = store.child(&summary, &[&label]);
        assert_eq!((child.get(Part::Count), child.get(Part::Sum)), (count, sum));
        for (part, key) in dialects::keys(dialect, &summary, &[&label], "") {
            assert_eq!(filed(&key), if part == Part::Sum { sum } else { count });
        }
    }
}
