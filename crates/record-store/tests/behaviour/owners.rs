//! Label sets that one thread has to itself: what others do to them while it counts.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dialects::Dialect;
use forked::testing::{Way, alone, fork};
use metrics_core::{Child, Declaration, Desc, Kind, Part};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::stores::{each, files, key, open, records, total, totals};
use crate::trouble::each_on_a_small_disk;

/// A counter and a histogram that one thread counts in, and how far it has come.
struct Own {
    counter: &'static dyn Child,
    histogram: &'static dyn Child,
}

fn histogram() -> Arc<Desc> {
    let declared = Declaration { labels: &["of"], ..Declaration::new(Kind::Histogram, "h", "Help.") };
    Arc::new(Desc::new(&declared).unwrap())
}

fn wipe(directory: &Path) {
    files(directory).into_iter().for_each(|file| fs::remove_file(file).unwrap());
}

impl Own {
    /// Counts until `done`, and how often.
    fn count(&self, done: &AtomicBool) -> f64 {
        let mut counted = 0;
        while !done.load(Ordering::Relaxed) {
            self.counter.add(1.0);
            self.histogram.observe(counted % 12, 2.0);
            counted += 1;
        }
        counted as f64
    }

    fn assert_counted(&self, counted: f64) {
        let histogram = [Part::Count, Part::Sum].map(|part| self.histogram.get(part));
        assert_eq!((self.counter.get(Part::Value), histogram), (counted, [counted, 2.0 * counted]));
    }
}

#[test]
fn moves_lose_nothing_of_what_one_thread_counts_meanwhile() {
    each(|directory, open| {
        let store = open(directory);
        let owns = ["one", "other"].map(|label| Own {
            counter: store.counter(label),
            histogram: store.child(&histogram(), &[label]),
        });
        let done = AtomicBool::new(false);
        let counted = std::thread::scope(|scope| {
            let (done, mut counting) = (&done, Vec::new());
            for own in &owns {
                counting.push(scope.spawn(move || own.count(done)));
            }
            for round in 0..40 {
                wipe(directory);
                store.counter(&format!("round {round}"));
                store.child(&histogram(), &[&format!("round {round}")]);
            }
            done.store(true, Ordering::Relaxed);
            counting.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        for ((own, label), counted) in owns.iter().zip(["one", "other"]).zip(counted) {
            own.assert_counted(counted);
            assert_eq!(total(store.dialect, directory, label), Some(counted));
        }
    });
}

#[test]
fn a_disk_that_is_full_now_and_then_loses_nothing_of_what_one_thread_counts() {
    let test = "owners::a_disk_that_is_full_now_and_then_loses_nothing_of_what_one_thread_counts";
    each_on_a_small_disk(test, 256, |disk, open| {
        let directory = disk.path();
        let store = open(directory);
        let first = Own { counter: store.counter("first"), histogram: store.child(&histogram(), &["first"]) };
        for round in 0..5 {
            let done = AtomicBool::new(false);
            let full = disk.fill();
            let mut label = String::new();
            for number in 0.. {
                label = format!("{round} {number}");
                store.counter(&label);
                if store.homeless() > 0 {
                    break;
                }
            }
            // It counts in memory first, and in its place when there is room.
            let homeless = Own { counter: store.counter(&label), histogram: first.histogram };
            let before = [first.counter.get(Part::Value), first.histogram.get(Part::Count)];
            let counted = std::thread::scope(|scope| {
                let counting = [&first, &homeless].map(|own| scope.spawn(|| own.count(&done)));
                std::thread::yield_now();
                full.make_room();
                store.counter(&format!("{round} after"));
                assert_eq!(store.homeless(), 0);
                done.store(true, Ordering::Relaxed);
                counting.map(|thread| thread.join().unwrap())
            });
            let all = counted.iter().sum::<f64>();
            assert_eq!(first.counter.get(Part::Value), before[0] + counted[0]);
            assert_eq!(first.histogram.get(Part::Count), before[1] + all);
            assert_eq!(total(store.dialect, directory, &label), Some(counted[1]));
        }
        assert_eq!(total(store.dialect, directory, "first"), Some(first.counter.get(Part::Value)));
    });
}

#[test]
fn threads_that_follow_each_other_count_in_one_record() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), true, Dialect::PYTHON);
    let child = store.counter("a");
    for _ in 0..20 {
        let count = || (0..100).for_each(|_| child.add(1.0));
        std::thread::scope(|scope| scope.spawn(count).join()).unwrap();
    }
    child.add(1.0);
    let [file] = &files(directory.path())[..] else { panic!("one file") };
    assert_eq!(records(Dialect::PYTHON, file), [(key(Dialect::PYTHON, "a"), 2_001.0, 0.0)]);
}

/// A counter that is set, which no handle does, is not a number that its owner puts back.
#[test]
fn what_another_thread_sets_stays_set() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path(), true, Dialect::PYTHON);
    let child = store.counter("a");
    child.add(1.0);
    std::thread::scope(|scope| scope.spawn(|| child.set(10.0)).join()).unwrap();
    child.add(1.0);
    assert_eq!((child.get(Part::Value), total(Dialect::PYTHON, directory.path(), "a")), (11.0, Some(11.0)));
}

/// What one thread does: which label set it counts in, and how often.
type Visits = Vec<(usize, u16)>;

/// Some threads at one time, and what happens to the directory meanwhile.
#[derive(Clone, Debug)]
struct Round {
    threads: Vec<Visits>,
    wiped: bool,
    forks: bool,
}

fn round() -> impl Strategy<Value = Round> {
    let visits = prop::collection::vec((0..6_usize, 1..400_u16), 0..6);
    let threads = prop::collection::vec(visits, 0..5);
    (threads, any::<bool>(), any::<bool>()).prop_map(|(threads, wiped, forks)| Round {
        threads,
        wiped,
        forks,
    })
}

/// Threads begin, visit each other's label sets and end; whoever comes later takes over what they had. Each case in
/// a process of its own: after some hundred meetings nothing would be anybody's own.
#[test]
fn whoever_counts_where_and_when_nothing_is_lost() {
    alone("owners::whoever_counts_where_and_when_nothing_is_lost", || {
        let config = Config { failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        let visit = |rounds: Vec<Round>| {
            fork(Way::Libc, || all_is_counted(&rounds)).wait();
            Ok(())
        };
        TestRunner::new(config).run(&prop::collection::vec(round(), 1..6), visit).unwrap();
    });
}

fn all_is_counted(rounds: &[Round]) {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let store = open(directory, true, Dialect::PYTHON);
    // Half of the label sets are counters, half are histograms.
    let labels: [String; 6] = std::array::from_fn(|of| of.to_string());
    let children: [&dyn Child; 6] = std::array::from_fn(|of| match of {
        ..3 => store.counter(&labels[of]),
        _ => store.child(&histogram(), &[&labels[of]]),
    });
    let visit = |of: usize, times: u16| {
        for turn in 0..usize::from(times) {
            match of {
                ..3 => children[of].add(1.0),
                _ => children[of].observe(turn % 12, 1.0),
            }
        }
    };
    let visit_all = |visits: &Visits| visits.iter().for_each(|&(of, times)| visit(of, times));
    let mut counted = [0.0; 6];
    for (number, round) in rounds.iter().enumerate() {
        let in_a_child = |threads: bool| {
            fork(Way::Libc, || {
                let second = || visit(0, 50);
                if threads {
                    std::thread::scope(|scope| _ = scope.spawn(second));
                } else {
                    second();
                }
                visit(0, 50);
                visit(3, 50);
                assert_eq!((children[0].get(Part::Value), children[3].get(Part::Sum)), (100.0, 50.0));
            })
            .wait();
        };
        if round.forks {
            in_a_child(true);
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                round.threads.iter().map(|visits| scope.spawn(|| visit_all(visits))).collect();
            if round.forks {
                // While a thread begins or ends the standard library holds a lock, without which none begins.
                in_a_child(false);
                // Gone before the totals are looked at.
                wipe(directory);
            }
            if round.wiped {
                wipe(directory);
                store.counter(&format!("round {number}"));
            }
            // A scope does not wait until they have really ended.
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        for (of, times) in round.threads.iter().flatten() {
            counted[*of] += f64::from(*times);
        }
    }
    // Each looks after one file; the claim's loss makes it look after all.
    store.counter("last");
    store.child(&histogram(), &["last"]);
    for (of, counted) in counted.into_iter().enumerate() {
        let parts: &[Part] = if of < 3 { &[Part::Value] } else { &[Part::Count, Part::Sum] };
        assert!(parts.iter().all(|&part| children[of].get(part) == counted), "{of}: not {counted}");
    }
    let filed = totals(Dialect::PYTHON, directory).into_values().sum::<f64>();
    let [ones, others] = [&counted[..3], &counted[3..]].map(|some| some.iter().sum::<f64>());
    assert_eq!(filed, ones + 2.0 * others);
}
