//! Forks in the midst of counting: a child can use everything, and counts nothing that is its parent's.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use forked::testing::{WAYS, Way, alone, fork};
use metrics_core::{Counter, Registry, Snapshot};
use store_hash::HashStore;

fn registry() -> Registry {
    Registry::new(HashStore::atomic())
}

/// How many lines the page has; no two are about the same.
fn distinct_lines(page: &Snapshot) -> usize {
    let samples = || page.families.iter().flat_map(|family| &family.samples);
    let about: HashSet<_> = samples().map(|sample| (&sample.series.name, &sample.series.labels)).collect();
    assert_eq!(about.len(), samples().count(), "two lines are about the same");
    about.len()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_child_forked_off_amid_inserts_finds_adds_and_declares() {
    alone("a_child_forked_off_amid_inserts_finds_adds_and_declares", || {
        for _ in 0..20 {
            fork_amid_inserts();
        }
    });
}

/// Forks while two threads fill a new table, which doubles again and again meanwhile.
fn fork_amid_inserts() {
    const NUMBERS: u32 = 1000;
    let registry = registry();
    let family = registry.counter("requests_total", "").labels(["path"]).expect("declared as it should be");
    let insert = |who: &str, number: u32| {
        let counter = family.with([&format!("{who} {number}")]);
        let before = counter.get();
        counter.inc();
        assert_eq!(family.with([&format!("{who} {number}")]).get(), before + 1.0);
        if number.is_multiple_of(16) {
            let declared = registry.counter(&format!("family_{who}_{number}_total"), "").register();
            declared.expect("declared as it should be").inc();
        }
    };
    std::thread::scope(|scope| {
        for who in ["first", "second"] {
            scope.spawn(move || (0..NUMBERS).for_each(|number| insert(who, number)));
        }
        for _ in 0..4 {
            // Not a raw clone: beside threads it would catch the allocator's lock.
            let child = fork(Way::Libc, || {
                for number in 0..200 {
                    insert("first", number);
                    insert("child", number);
                }
                distinct_lines(&registry.snapshot());
            });
            child.wait();
        }
    });
    // What the children added stayed with them.
    assert_eq!(distinct_lines(&registry.snapshot()), 2 * (NUMBERS + NUMBERS.div_ceil(16)) as usize);
    assert_eq!(family.with(["first 0"]).get(), 1.0);
}

#[test]
fn a_child_of_a_raw_clone_finds_and_adds() {
    alone("a_child_of_a_raw_clone_finds_and_adds", || {
        let registry = registry();
        let family =
            registry.counter("requests_total", "").labels(["path"]).expect("declared as it should be");
        family.with(["/"]).inc();
        fork(Way::Raw, || {
            assert_eq!(family.with(["/"]).get(), 1.0);
            family.with(["/other"]).inc();
            assert_eq!(distinct_lines(&registry.snapshot()), 2);
        })
        .wait();
        assert_eq!(distinct_lines(&registry.snapshot()), 1);
    });
}

#[test]
fn a_child_takes_snapshots_while_a_thread_of_the_parent_does() {
    alone("a_child_takes_snapshots_while_a_thread_of_the_parent_does", || {
        let registry = registry();
        let family = registry.histogram("size", "").labels(["of"]).expect("declared as it should be");
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in (0..).take_while(|_| !done.load(Ordering::Relaxed)) {
                    family.with([&format!("{}", number % 100)]).observe(1.0);
                    distinct_lines(&registry.snapshot());
                }
            });
            for _ in 0..20 {
                let child = fork(Way::Libc, || {
                    distinct_lines(&registry.snapshot());
                });
                child.wait();
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}

fn busy() -> Counter {
    registry().counter("busy_seconds_total", "").register().expect("declared as it should be")
}

#[test]
fn an_inherited_trace_is_the_parents_and_a_child_traces_for_itself() {
    alone("an_inherited_trace_is_the_parents_and_a_child_traces_for_itself", || {
        for way in WAYS {
            let (counter, own) = (busy(), busy());
            let before = Instant::now();
            let mut trace = Some(counter.start_trace());
            let began = Instant::now();
            let child = fork(way, || {
                let inherited = counter.get();
                // Its own trace brings up a thread of its own, which does not count the parent's.
                let traced = own.start_trace();
                wait_until("the child's trace is not counted", || own.get() > 0.0);
                traced.stop();
                drop(trace.take());
                assert_eq!(counter.get(), inherited);
            });
            wait_until("the parent's trace is not counted", || counter.get() > 0.0);
            child.wait();
            let least = began.elapsed().as_secs_f64();
            drop(trace);
            // Give or take what adding up seconds makes of the last digits.
            let most = before.elapsed().as_secs_f64() + 1e-6;
            assert!((least - 1e-6..=most).contains(&counter.get()), "{counter:?}, {least} to {most}");
        }
    });
}
