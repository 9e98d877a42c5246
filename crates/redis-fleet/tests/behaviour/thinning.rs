//! What is kept of the dead stays small, whoever thins it out and whoever reads meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use collector::Liveness;
use metrics_core::{Aggregation, Registry};
use redis_fleet::Keeping;

use crate::place::{PATIENCE, Place, server};

/// A process that counts one job, sets a gauge of each sort, and ends.
fn short_life(place: &Place, value: f64) {
    let store = place.open();
    let registry = Registry::new(store.clone());
    registry.counter("jobs", "Jobs.").register().unwrap().inc();
    for mode in [Aggregation::ALL, Aggregation::MAX, Aggregation::MOST_RECENT] {
        let name = format!("g_{}", mode.as_str());
        registry.gauge(&name, "A gauge.").aggregation(mode).register().unwrap().set(value);
    }
    store.close(PATIENCE).unwrap();
}

/// The values of a family, in order.
fn values(place: &Place, family: &str) -> Vec<f64> {
    let page = place.page(Liveness::Observed).unwrap();
    let families = page.families.iter().filter(|known| &*known.name == family);
    let mut values: Vec<f64> = families.flat_map(|it| &it.samples).map(|sample| sample.value).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[test]
fn of_gauges_with_a_line_for_each_process_those_of_the_last_to_die_are_kept_and_the_others_counted() {
    let place = Place::new(server().unix_url());
    let keeping = Keeping { most: 2, ..Keeping::default() };
    let mut janitor = place.janitor(Duration::from_secs(3600)).keeping(keeping);
    for life in 1..=5 {
        short_life(&place, f64::from(life));
        janitor.tidy().unwrap();
    }
    assert_eq!(values(&place, "g_all"), [4.0, 5.0]);
    assert_eq!((values(&place, "g_max"), values(&place, "g_mostrecent")), (vec![5.0], vec![5.0]));
    assert_eq!(place.value("jobs_total"), 5.0);
    assert_eq!(server().cli(&["HGET", &place.key("retired"), "#dropped"]), "3\n");
    assert!(place.own().contains("multiprom_redis_dropped_gauges_total{") && place.own().contains("} 3.0\n"));

    // They were only kept as they may come back. Without their tombs they cannot.
    let entries = |place: &Place| {
        let schema = server().cli(&["GET", &place.key("retired:schema")]);
        schema.matches("-").count()
    };
    let before = entries(&place);
    server().cli(&["DEL", &place.key("tombs"), &place.key("tombs:until")]);
    short_life(&place, 3.0);
    janitor.tidy().unwrap();
    assert!(entries(&place) < before, "{} of {before}", entries(&place));
    assert_eq!((values(&place, "g_max"), values(&place, "g_mostrecent")), (vec![5.0], vec![3.0]));
    assert_eq!(values(&place, "g_all"), [3.0, 5.0]);

    let mut strict = place.janitor(Duration::from_secs(3600)).keeping(Keeping { most: 0, age: None });
    strict.tidy().unwrap();
    assert!(values(&place, "g_all").is_empty() && place.value("jobs_total") == 6.0);
    std::thread::sleep(Duration::from_millis(5));
    short_life(&place, 7.0);
    let young = Keeping { age: Some(Duration::from_secs(3600)), ..Keeping::default() };
    place.janitor(Duration::from_secs(3600)).keeping(young).tidy().unwrap();
    assert_eq!(values(&place, "g_all"), [7.0]);
    let old = Keeping { age: Some(Duration::ZERO), ..Keeping::default() };
    std::thread::sleep(Duration::from_millis(5));
    place.janitor(Duration::from_secs(3600)).keeping(old).tidy().unwrap();
    assert!(values(&place, "g_all").is_empty());
}

#[test]
fn janitors_that_thin_out_beside_each_other_and_a_reader_lose_no_count_and_show_no_less() {
    let place = Place::new(server().unix_url());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let place = &place;
                scope.spawn(move || (0..10).for_each(|life| short_life(place, f64::from(10 * writer + life))))
            })
            .collect();
        for most in [1, 3] {
            let (place, over) = (&place, &over);
            scope.spawn(move || {
                let keeping = Keeping { most, ..Keeping::default() };
                // So eager that the living are taken out, too.
                let mut janitor = place.janitor(Duration::from_millis(20)).keeping(keeping);
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
    let keeping = Keeping { most: 1, ..Keeping::default() };
    place.janitor(Duration::ZERO).keeping(keeping).tidy().unwrap();
    assert_eq!(place.value("jobs_total"), 30.0);
    assert_eq!(values(&place, "g_max"), [29.0]);
    assert_eq!(values(&place, "g_all").len(), 1);
    // Whoever has read all the while sees what one sees who comes now.
    assert_eq!(place.page(Liveness::Observed).unwrap(), place.fresh_page(Liveness::Observed).unwrap());
}
