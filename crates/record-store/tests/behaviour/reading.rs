//! What a reader sees while processes come and go.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use forked::testing::{Way, alone, fork};

use crate::stores::{each, files, records};

/// Every file is whole at every moment - `records` fails on anything else - and no number ever falls.
#[test]
fn a_reader_sees_whole_records_and_numbers_that_only_grow() {
    const PROCESSES: usize = 100;

    alone("reading::a_reader_sees_whole_records_and_numbers_that_only_grow", || {
        each(|directory, open| {
            let store = open(directory);
            let done = AtomicBool::new(false);
            let (shared, early) = (store.counter("shared"), store.counter("early"));
            shared.add(1.0);
            std::thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    let mut last: HashMap<_, f64> = HashMap::new();
                    while !done.load(Ordering::Relaxed) {
                        for file in files(directory) {
                            for (key, value, _) in records(store.dialect, &file) {
                                let before = last.insert((file.clone(), key), value).unwrap_or(0.0);
                                assert!(before <= value, "{before} fell to {value} in {}", file.display());
                            }
                        }
                    }
                    last.len()
                });
                for _ in 0..PROCESSES {
                    let child = fork(Way::Libc, || {
                        for i in 0..20 {
                            shared.add(1.0);
                            store.counter(&format!("own {i}")).add(1.0);
                        }
                        early.add(1.0);
                    });
                    shared.add(1.0);
                    child.wait();
                }
                done.store(true, Ordering::Relaxed);
                assert!(reader.join().unwrap() > PROCESSES);
            });
            let total = |label| crate::stores::total(store.dialect, directory, label);
            assert_eq!(total("shared"), Some(1.0 + 21.0 * PROCESSES as f64));
            assert_eq!(total("early"), Some(PROCESSES as f64));
        });
    });
}
