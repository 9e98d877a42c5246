//! Gauges of all modes, of the living, the dead, and those who were taken for dead.

use std::collections::BTreeMap;
use std::time::Duration;

use collector::Liveness;
use metrics_core::{Aggregation, Gauge, Registry};
use store_redis::RedisStore;

use crate::place::{PATIENCE, Place, server};

const MODES: [&str; 10] =
    ["sum", "livesum", "min", "livemin", "max", "livemax", "all", "liveall", "mostrecent", "livemostrecent"];

fn gauges(store: &RedisStore) -> Vec<Gauge> {
    let registry = Registry::new(store.clone());
    let gauge = |mode: &&str| {
        let aggregation: Aggregation = mode.parse().unwrap();
        registry.gauge(mode, "Of a mode.").aggregation(aggregation).register().unwrap()
    };
    MODES.iter().map(gauge).collect()
}

fn set(store: &RedisStore, gauges: &[Gauge], to: f64) {
    gauges.iter().for_each(|gauge| gauge.set(to));
    store.flush(PATIENCE).unwrap();
}

/// What the page has of each mode; of several samples all, in order.
fn page(place: &Place) -> BTreeMap<String, Vec<f64>> {
    let page = place.page(Liveness::Observed).unwrap();
    let values = page.families.iter().map(|family| {
        let mut values: Vec<f64> = family.samples.iter().map(|sample| sample.value).collect();
        values.sort_by(f64::total_cmp);
        (family.name.to_string(), values)
    });
    values.filter(|(_, values)| !values.is_empty()).collect()
}

fn expected(of: [&[f64]; 10]) -> BTreeMap<String, Vec<f64>> {
    let modes = MODES.iter().zip(of).filter(|(_, values)| !values.is_empty());
    modes.map(|(mode, values)| ((*mode).to_owned(), values.to_vec())).collect()
}

#[test]
fn every_mode_is_right_for_the_living_the_dead_and_those_who_come_back() {
    let place = Place::new(server().unix_url());
    let [one, other] = [place.open(), place.open()];
    let (of_one, of_other) = (gauges(&one), gauges(&other));
    set(&one, &of_one, 2.0);
    set(&other, &of_other, 5.0);
    let living =
        expected([&[7.0], &[7.0], &[2.0], &[2.0], &[5.0], &[5.0], &[2.0, 5.0], &[2.0, 5.0], &[5.0], &[5.0]]);
    assert_eq!(page(&place), living, "both live");

    other.close(PATIENCE).unwrap();
    let half =
        expected([&[7.0], &[2.0], &[2.0], &[2.0], &[5.0], &[2.0], &[2.0, 5.0], &[2.0], &[5.0], &[2.0]]);
    assert_eq!(page(&place), half, "one has ended");
    assert_eq!(place.janitor(Duration::from_secs(3600)).tidy().unwrap(), 1);
    assert_eq!(page(&place), half, "and was taken out");

    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(place.janitor(Duration::ZERO).tidy().unwrap(), 1);
    // It was only taken for dead. It has lowered what was folded of it.
    set(&one, &of_one, 1.0);
    let back =
        expected([&[6.0], &[1.0], &[1.0], &[1.0], &[5.0], &[1.0], &[1.0, 5.0], &[1.0], &[1.0], &[1.0]]);
    assert_eq!(page(&place), back, "one came back");
}
