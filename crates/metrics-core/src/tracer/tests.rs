//! Traces, by a clock of the test's own where time matters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::{Child, Children, Desc, Part, Registry, Store, StoreError};

/// Keeps counters.
#[derive(Default)]
struct Counters(Children);

#[derive(Default)]
struct Number(AtomicU64);

impl Store for Counters {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        self.0.get_or_make(desc, labels, || Box::<Number>::default())
    }
}

impl Child for Number {
    fn add(&self, by: f64) {
        let add = |bits| Some((f64::from_bits(bits) + by).to_bits());
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).unwrap();
    }
    fn set(&self, _: f64) {}
    fn observe(&self, _: usize, _: f64) {}
    fn get(&self, _: Part) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

fn counter() -> Counter {
    Registry::new(Counters::default()).counter("busy_seconds_total", "").register().unwrap()
}

/// A clock that says how many seconds have passed.
fn clock() -> impl Fn(u64) -> Instant {
    let start = Instant::now();
    move |seconds| start + Duration::from_secs(seconds)
}

#[test]
fn time_counts_while_the_work_runs_and_once() {
    let (counter, at, mut running) = (counter(), clock(), Running::default());
    let trace = running.start(counter, at(10));
    running.count(at(11));
    assert_eq!(counter.get(), 1.0);
    running.count(at(11));
    running.count(at(13));
    assert_eq!(counter.get(), 3.0);
    running.stop(trace, at(20));
    assert_eq!(counter.get(), 10.0);
    running.count(at(30));
    running.stop(trace, at(30));
    assert_eq!(counter.get(), 10.0);
}

#[test]
fn overlapping_traces_of_one_counter_each_count() {
    let (counter, at, mut running) = (counter(), clock(), Running::default());
    let first = running.start(counter, at(0));
    let second = running.start(counter, at(5));
    running.stop(first, at(7));
    assert_eq!(counter.get(), 7.0);
    running.stop(second, at(12));
    assert_eq!(counter.get(), 14.0);
}

#[test]
fn an_earlier_reading_of_the_clock_takes_nothing_back() {
    let (counter, at, mut running) = (counter(), clock(), Running::default());
    let trace = running.start(counter, at(10));
    running.count(at(15));
    running.count(at(12));
    running.stop(trace, at(16));
    assert_eq!(counter.get(), 6.0);
}

proptest! {
    #[test]
    fn a_counter_holds_the_length_of_all_its_traces(
        steps in prop::collection::vec((0_u64..5, 0_usize..3, 0_usize..6), 0..60),
    ) {
        let counters = [counter(), counter()];
        let (at, mut running) = (clock(), Running::default());
        // The naive model: which trace began when, for which counter; and the sum of what has ended.
        let (mut open, mut expected, mut now) = (Vec::new(), [0.0; 2], 0);
        for (passed, deed, which) in steps {
            now += passed;
            match deed {
                0 => open.push((running.start(counters[which % 2], at(now)), now, which % 2)),
                1 => running.count(at(now)),
                _ if open.is_empty() => {}
                _ => {
                    let (trace, began, of) = open.swap_remove(which % open.len());
                    running.stop(trace, at(now));
                    expected[of] += (now - began) as f64;
                }
            }
        }
        for (trace, began, of) in open {
            running.stop(trace, at(now));
            expected[of] += (now - began) as f64;
        }
        prop_assert_eq!(counters.map(|counter| counter.get()), expected);
    }
}

#[test]
fn a_trace_gives_back_what_the_work_gives_and_counts_its_time() {
    let counter = counter();
    let began = Instant::now();
    let answer = counter.trace(|| {
        std::thread::sleep(Duration::from_millis(2));
        42
    });
    assert_eq!(answer, 42);
    assert!((0.002..=began.elapsed().as_secs_f64()).contains(&counter.get()), "{counter:?}");
}

#[test]
fn work_that_panics_counts_up_to_the_panic() {
    let counter = counter();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        counter.trace(|| {
            std::thread::sleep(Duration::from_millis(2));
            panic!("as the test wants");
        })
    }));
    assert!(panicked.is_err());
    let counted = counter.get();
    assert!(counted >= 0.002);
    count_up_to_now();
    assert_eq!(counter.get(), counted);
}

#[test]
fn a_running_trace_is_counted_by_its_thread() {
    let (counter, began) = (counter(), Instant::now());
    let trace = counter.start_trace();
    while counter.get() == 0.0 {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing counts the trace");
        std::thread::sleep(Duration::from_millis(5));
    }
    trace.stop();
    // Give or take what adding up seconds makes of the last digits.
    assert!(counter.get() <= began.elapsed().as_secs_f64() + 1e-6);
}
