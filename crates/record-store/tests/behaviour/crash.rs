//! A process killed in the midst of counting.

use std::io::{Read, Write};

use crate::stores::{each, total};
use forked::testing::{WAYS, alone, fork};

/// Increments between two words to the parent.
const STEP: u64 = 1000;

#[test]
fn kill_9_in_a_storm_loses_at_most_the_update_in_flight() {
    alone("crash::kill_9_in_a_storm_loses_at_most_the_update_in_flight", || {
        each(|directory, open| {
            let (mut told, mut tell) = std::io::pipe().unwrap();
            let store = open(directory);
            let storm = fork(WAYS[0], || {
                let (one, other) = (store.counter("one"), store.counter("other"));
                loop {
                    for _ in 0..STEP {
                        one.add(1.0);
                        other.add(1.0);
                    }
                    tell.write_all(b".").unwrap();
                }
            });
            drop(tell);
            let mut steps = 0;
            while steps < 20 {
                steps += told.read(&mut [0; 64]).unwrap() as u64;
            }
            storm.kill();
            let mut rest = Vec::new();
            told.read_to_end(&mut rest).unwrap();
            let told = ((steps + rest.len() as u64) * STEP) as f64;

            let one = total(store.dialect, directory, "one").unwrap();
            let other = total(store.dialect, directory, "other").unwrap();
            assert!(one == other || one == other + 1.0, "{one} {other}");
            assert!(other >= told, "{other} counted, {told} told");
            assert!(one <= told + STEP as f64 + 1.0, "{one} counted, {told} told");
        });
    });
}
