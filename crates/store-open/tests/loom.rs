//! Every interleaving of a process that counts and of its going over to Redis.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p store-open --release --test loom`
//!
//! The modules under test are this crate's own files, built with loom's atomics. The two stores are words in memory. What
//! is set once and what excludes are here no more than they must be - `forked` and `metrics-core` have models of theirs -
//! and nobody forks: what a child takes over is tested with real ones.
#![cfg(loom)]
#![allow(dead_code, unreachable_pub, reason = "parts of other crates' files")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "../src/fallback/child.rs"]
mod child;
#[path = "../src/fallback/handover.rs"]
mod handover;

/// What the modules under test are written with.
mod parts {
    use std::sync::{Arc, OnceLock};
    use std::time::Duration;

    use metrics_core::{Child, Children, Desc, Part, Store, StoreError};

    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    /// Exclusion; what makes it one that a fork cannot leave locked does not matter here, and would make waiting threads
    /// spin.
    #[derive(Default)]
    pub(crate) struct Gate(Mutex<()>);

    impl Gate {
        pub(crate) fn enter(&self) -> MutexGuard<'_, ()> {
            self.0.lock().unwrap()
        }
    }

    /// Words in memory, as those of a record file are, and as those of a process that sends to Redis.
    #[derive(Default)]
    pub(crate) struct Words(Children);

    pub(crate) type MmapStore = Words;
    pub(crate) type RedisStore = Words;

    /// A number, as bits.
    struct Word(AtomicU64);

    impl Store for Words {
        fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
            self.child_from(desc, labels, 0.0, None)
        }
    }

    impl Words {
        pub(crate) fn child_from(
            &self,
            desc: &Arc<Desc>,
            labels: &[&str],
            value: f64,
            _: Option<Duration>,
        ) -> Result<&'static dyn Child, StoreError> {
            self.0.get_or_make(desc, labels, || Box::new(Word(AtomicU64::new(value.to_bits()))))
        }
    }

    impl Child for Word {
        fn add(&self, by: f64) {
            let add = |bits| Some((f64::from_bits(bits) + by).to_bits());
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).unwrap();
        }

        fn set(&self, to: f64) {
            self.0.store(to.to_bits(), Ordering::Relaxed);
        }

        fn observe(&self, _: usize, value: f64) {
            self.add(value);
        }

        fn get(&self, _: Part) -> f64 {
            f64::from_bits(self.0.load(Ordering::Relaxed))
        }
    }

    /// A value that is set once, by whoever comes first, and seen whole.
    pub(crate) struct SetOnce<T: 'static> {
        is_set: AtomicBool,
        value: OnceLock<&'static T>,
    }

    /// The same: there is one process.
    pub(crate) type PerProcess<T> = SetOnce<T>;

    impl<T> SetOnce<T> {
        pub(crate) fn new() -> SetOnce<T> {
            SetOnce { is_set: AtomicBool::new(false), value: OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&'static T> {
            if self.is_set.load(Ordering::Acquire) { self.value.get().copied() } else { None }
        }

        pub(crate) fn get_or_set(&self, make: impl FnOnce() -> T) -> &'static T {
            if let Some(value) = self.get() {
                return value;
            }
            let made: &'static T = Box::leak(Box::new(make()));
            let value = self.value.get_or_init(|| made);
            self.is_set.store(true, Ordering::Release);
            value
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &'static T {
            self.get_or_set(make)
        }
    }
}

use handover::{Own, Shared};

/// Redis is there when a model says so.
impl Shared {
    fn look(&self, _: &'static Own) {}
}

fn say(_: &str) {}

mod loom_models {
    use std::sync::Arc;
    use std::time::Instant;

    use loom::thread;
    use metrics_core::{Aggregation, Child, Children, Declaration, Desc, Kind, Part, Store};

    use crate::handover::{Own, Shared};
    use crate::parts::{AtomicBool, Mutex, SetOnce, Words};

    /// A store of a process that counts in files, and that goes over when it is told to.
    fn store() -> Arc<Shared> {
        let own = SetOnce::new();
        own.get_or_set(|| Own { in_files: Mutex::new(Vec::new()), looks: AtomicBool::new(true) });
        Arc::new(Shared {
            redis: Words::default(),
            files: Words::default(),
            children: Children::new(),
            in_redis: Arc::new(AtomicBool::new(false)),
            own,
            opened: Instant::now(),
        })
    }

    fn desc(kind: Kind, aggregation: Option<Aggregation>) -> Arc<Desc> {
        Arc::new(Desc::new(&Declaration { aggregation, ..Declaration::new(kind, "number", "") }).unwrap())
    }

    /// Goes over in a thread of its own.
    fn go_over(store: &Arc<Shared>) -> thread::JoinHandle<()> {
        let store = Arc::clone(store);
        thread::spawn(move || store.go_over(store.own()))
    }

    /// What files and Redis have of the number.
    fn numbers(store: &Shared, desc: &Arc<Desc>) -> [f64; 2] {
        [&store.files, &store.redis].map(|words| words.child(desc, &[]).unwrap().get(Part::Value))
    }

    /// A counter's additions, of two threads, are each in exactly one of the two, and the handle has all of them.
    ///
    /// Fails when going over takes along what was counted in files, as it does of a gauge that does not add up (tried).
    #[test]
    fn each_addition_is_in_one_of_the_two() {
        loom::model(|| {
            let (store, desc) = (store(), desc(Kind::Counter, None));
            let jobs = store.child(&desc, &[]).unwrap();
            let counting = thread::spawn(move || jobs.add(1.0));
            let going = go_over(&store);
            jobs.add(10.0);
            counting.join().unwrap();
            going.join().unwrap();
            jobs.add(100.0);
            let [files, redis] = numbers(&store, &desc);
            assert_eq!((files + redis, jobs.get(Part::Value)), (111.0, 111.0));
            assert!(redis >= 100.0, "{redis}");
        });
    }

    /// What was set last, or last added to, is what a gauge is: of one that adds up in both together, of any other in
    /// Redis. Here one thread sets it, so that the last is known.
    ///
    /// Fails when who changes it in files does not pass the gate, or does not look behind it whether it has gone over;
    /// when who takes it over does not pass the gate; and when setting one that adds up in Redis does not take off what
    /// files have (tried).
    #[test]
    fn a_gauge_that_is_set_while_it_goes_over_is_what_was_set_last() {
        for aggregation in [Aggregation::SUM, Aggregation::MAX] {
            loom::model(move || {
                let (store, desc) = (store(), desc(Kind::Gauge, Some(aggregation)));
                let depth = store.child(&desc, &[]).unwrap();
                depth.set(3.0);
                let going = go_over(&store);
                depth.set(5.0);
                depth.add(2.0);
                assert_eq!(depth.get(Part::Value), 7.0);
                going.join().unwrap();
                let [files, redis] = numbers(&store, &desc);
                let shown = if aggregation == Aggregation::SUM { files + redis } else { redis };
                assert_eq!((shown, depth.get(Part::Value)), (7.0, 7.0));
            });
        }
    }

    /// Of two threads that set it one was the last, whichever, and nothing of the other is left.
    ///
    /// Fails by the same mistakes as the one before (tried).
    #[test]
    fn a_gauge_that_two_threads_set_while_it_goes_over_is_what_one_of_them_has_set() {
        for aggregation in [Aggregation::SUM, Aggregation::MAX] {
            loom::model(move || {
                let (store, desc) = (store(), desc(Kind::Gauge, Some(aggregation)));
                let depth = store.child(&desc, &[]).unwrap();
                let setting = thread::spawn(move || depth.set(2.0));
                let going = go_over(&store);
                depth.set(4.0);
                setting.join().unwrap();
                going.join().unwrap();
                let [files, redis] = numbers(&store, &desc);
                let shown = if aggregation == Aggregation::SUM { files + redis } else { redis };
                assert!(
                    (shown == 2.0 || shown == 4.0) && depth.get(Part::Value) == shown,
                    "{files}, {redis}"
                );
            });
        }
    }

    /// A label set that is new, to two threads, while its process goes over: it ends up in Redis, with all that was counted
    /// in one of the two. With at most three preemptions, which takes seconds instead of minutes.
    ///
    /// Fails when who goes over says so only after it has let go of the list (tried).
    #[test]
    fn a_label_set_that_is_new_while_its_process_goes_over_is_left_nowhere() {
        for (kind, aggregation) in [(Kind::Counter, None), (Kind::Gauge, Some(Aggregation::MAX))] {
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = Some(3);
            builder.check(move || {
                let (store, desc) = (store(), desc(kind, aggregation));
                let count = |store: &Arc<Shared>, desc: &Arc<Desc>, by| {
                    let child: &'static dyn Child = store.child(desc, &[]).unwrap();
                    child.add(by);
                    child
                };
                let other = {
                    let (store, desc) = (Arc::clone(&store), Arc::clone(&desc));
                    thread::spawn(move || {
                        count(&store, &desc, 1.0);
                    })
                };
                let going = go_over(&store);
                let child = count(&store, &desc, 10.0);
                other.join().unwrap();
                going.join().unwrap();
                child.add(100.0);
                let [files, redis] = numbers(&store, &desc);
                let shown = if kind == Kind::Counter { files + redis } else { redis };
                assert_eq!((shown, child.get(Part::Value)), (111.0, 111.0), "{files}, {redis}");
            });
        }
    }
}
