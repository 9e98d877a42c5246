use metrics_core::{Aggregation, Kind, Label, Process};

use super::*;

fn scrape(tally: &mut Tally, processes: std::ops::Range<u32>) -> f64 {
    tally.begin();
    let gauge = tally.family(&Statement::new(Kind::Gauge, "g", "", Aggregation::ALL));
    let counter = tally.family(&Statement::new(Kind::Counter, "c", "", Aggregation::SUM));
    for process in processes {
        let gauge = tally.series(gauge, "g", []).unwrap();
        let counter = tally.series(counter, "c_total", [Label::new("a", "b")]).unwrap();
        let origin = tally.origin(&Process::new(process.to_string()), "");
        tally.report(origin);
        tally.add(gauge, 1.0, 0.0);
        tally.add(counter, 1.0, 0.0);
    }
    let page = tally.finish(&Ask::default());
    page.families.last().map_or(0.0, |family| family.samples[0].value)
}

#[test]
fn a_day_of_short_lived_processes_leaves_no_more_than_they_need_at_once() {
    let mut tally = Tally::default();
    for round in 0..200 {
        assert_eq!(scrape(&mut tally, round * 200..(round + 1) * 200), 200.0);
        let known = tally.book.identities() + tally.book.origins();
        assert!(known < 20_000, "{known}");
    }
}

#[test]
fn a_steady_scrape_lays_nothing_out_and_numbers_nothing() {
    let mut tally = Tally::default();
    scrape(&mut tally, 0..10);
    let (changes, known) = (tally.changes, tally.book.identities());
    scrape(&mut tally, 0..10);
    assert_eq!((tally.changes, tally.book.identities()), (changes, known));
    scrape(&mut tally, 0..9);
    assert_eq!(tally.changes, changes + 1);
}

#[test]
fn readings_before_any_report_do_not_count() {
    let mut tally = Tally::default();
    let family = tally.family(&Statement::new(Kind::Counter, "c", "", Aggregation::SUM));
    let series = tally.series(family, "c_total", []).unwrap();
    tally.add(series, 1.0, 0.0);
    assert!(tally.finish(&Ask::default()).families.is_empty());
}

#[test]
fn a_bucket_needs_a_bound_that_is_a_number() {
    let mut tally = Tally::default();
    let family = tally.family(&Statement::new(Kind::Histogram, "h", "", Aggregation::SUM));
    assert_eq!(tally.series(family, "h_bucket", [Label::new("le", "wide")]), None);
    let one = tally.series(family, "h_bucket", [Label::new("le", "1")]);
    assert_eq!(tally.series(family, "h_bucket", [Label::new("le", "1.0")]), one);
}

#[test]
fn pages_of_different_asks_are_kept_ready() {
    let mut tally = Tally::default();
    scrape(&mut tally, 0..3);
    let filtered = Ask { names: Some(Arc::from(["c_total".to_owned()])), ..Ask::default() };
    assert_eq!(tally.finish(&filtered).families.len(), 1);
    let series = Arc::clone(&tally.finish(&Ask::default()).families[1].samples[0].series);
    assert!(Arc::ptr_eq(&series, &tally.finish(&filtered).families[0].samples[0].series));
    assert_eq!(tally.pages.len(), 2);
}
