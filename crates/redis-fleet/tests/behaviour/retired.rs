//! The dead, those who were only taken for dead, and who takes them out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_core::Registry;

use crate::place::{PATIENCE, Place, server};

#[test]
fn what_the_dead_have_counted_stays_on_the_page() {
    let place = Place::new(server().unix_url());
    for _ in 0..3 {
        let store = place.open();
        let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
        jobs.inc_by(0.1);
        store.close(PATIENCE).unwrap();
    }
    assert_eq!(place.value("jobs_total"), 0.1 + 0.1 + 0.1);
    assert_eq!(place.janitor(Duration::from_secs(3600)).tidy().unwrap(), 3);
    assert_eq!(server().cli(&["ZCARD", &place.key("processes")]), "0\n");
    assert_eq!(place.value("jobs_total"), 0.1 + 0.1 + 0.1);
}

#[test]
fn a_process_that_was_taken_for_dead_goes_on_exactly() {
    let place = Place::new(server().unix_url());
    let store = place.open();
    let registry = Registry::new(store.clone());
    let jobs = registry.counter("jobs", "Jobs.").register().unwrap();
    let seconds = registry.histogram("seconds", "Seconds.").register().unwrap();
    for round in 1..=5 {
        jobs.inc_by(10.0);
        seconds.observe(0.25);
        store.flush(PATIENCE).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(place.janitor(Duration::ZERO).tidy().unwrap(), 1);
        assert_eq!(place.value("jobs_total"), f64::from(10 * round));
        assert_eq!(place.value("seconds_count"), f64::from(round));
    }
    jobs.inc();
    store.flush(PATIENCE).unwrap();
    assert_eq!(place.value("jobs_total"), 51.0);
    assert_eq!(place.value("seconds_sum"), 1.25);
}

#[test]
fn two_janitors_and_a_reader_beside_processes_that_come_and_go_never_show_less_and_lose_nothing() {
    let place = Place::new(server().unix_url());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..8 {
                        let store = place.open();
                        let jobs = Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap();
                        for _ in 0..20 {
                            jobs.inc();
                            std::thread::sleep(Duration::from_millis(2));
                        }
                        store.close(PATIENCE).unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(|| {
                // So eager that the living are taken out, too.
                let mut janitor = place.janitor(Duration::from_millis(20));
                while !over.load(Ordering::Relaxed) {
                    janitor.tidy().unwrap();
                }
            });
        }
        scope.spawn(|| {
            let mut shown = 0.0;
            while !over.load(Ordering::Relaxed) {
                // Where somebody is taken out at each attempt there is no page.
                if let Ok(value) = place.try_value("jobs_total") {
                    assert!(value >= shown, "{value} after {shown}");
                    shown = value;
                }
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        over.store(true, Ordering::Relaxed);
    });
    place.janitor(Duration::ZERO).tidy().unwrap();
    assert_eq!(place.value("jobs_total"), f64::from(3 * 8 * 20));
}
