//! Every interleaving of a lane's handle and of the store that closes it.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p metrics-core --release --test loom`
//!
//! The module under test is the crate's own file, built with loom's atomics.
#![cfg(loom)]
#![allow(dead_code, unreachable_pub)]

mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}
#[path = "../src/lane.rs"]
mod lane;

mod loom_models {
    use std::num::NonZeroU64;

    use forked::Generation;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use crate::atomic::AtomicU64;
    use crate::lane::Lane;

    const HERE: Generation = Generation(NonZeroU64::MIN);

    fn lane() -> Arc<Lane> {
        Arc::new(Lane::new(Box::leak(Box::new(AtomicU64::new(0)))))
    }

    #[test]
    fn a_closed_lane_loses_nothing_and_nothing_counts_twice() {
        loom::model(|| {
            let lane = lane();
            // Where the number goes on.
            let elsewhere = Arc::new(Mutex::new(0.0));
            assert!(lane.take(HERE));
            let handle = {
                let (lane, elsewhere) = (lane.clone(), elsewhere.clone());
                thread::spawn(move || {
                    for by in [1.0, 2.0] {
                        if !lane.add(by, Some(HERE)) {
                            *elsewhere.lock().unwrap() += by;
                        }
                    }
                    *elsewhere.lock().unwrap() += lane.leave(HERE);
                })
            };
            let carried = lane.get();
            *elsewhere.lock().unwrap() += carried;
            let rest = lane.close(carried);
            *elsewhere.lock().unwrap() += rest;
            handle.join().unwrap();
            assert_eq!(*elsewhere.lock().unwrap(), 3.0);
            assert!(!lane.take(HERE));
        });
    }

    #[test]
    fn two_handles_never_have_one_lane_and_the_next_goes_on_adding() {
        loom::model(|| {
            let lane = lane();
            let count = |lane: &Lane| {
                let taken = lane.take(HERE);
                if taken {
                    assert!(lane.add(1.0, Some(HERE)));
                    assert_eq!(lane.leave(HERE), 0.0);
                }
                f64::from(u8::from(taken))
            };
            let other = {
                let lane = lane.clone();
                thread::spawn(move || count(&lane))
            };
            let mine = count(&lane);
            let counted = mine + other.join().unwrap();
            assert!(counted >= 1.0);
            assert_eq!(lane.get(), counted);
        });
    }
}
