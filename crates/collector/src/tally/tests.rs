use metrics_core::{Aggregation, Kind, Label, Process};
use proptest::prelude::*;

use super::*;
use crate::Rules;

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

/// One file of a process: its number, its readings, whether it is settled.
#[derive(Clone, Debug)]
struct Filed {
    process: u32,
    /// Series by number, value, time.
    readings: Vec<(u8, f64, f64)>,
    settled: bool,
}

const MODES: [&str; 7] = ["sum", "min", "max", "mostrecent", "first", "average", "all"];

fn merged(a: f64, b: f64) -> f64 {
    (2.0 * a + b) / 3.0
}

/// Scrapes with runs of settled files, told by number; without runs where there are none.
fn scrape_files(tally: &mut Tally, files: &[Filed], runs: Option<&[RunId]>) -> Arc<Snapshot> {
    tally.begin();
    let mut series = Vec::new();
    for rules in [Rules::Python, Rules::Ruby, Rules::Gitlab] {
        for mode in MODES.into_iter().chain(["folded"]) {
            let name = format!("{mode}_{rules:?}");
            let mode = mode.parse().unwrap_or(Aggregation::SUM);
            let family = Statement { rules, ..Statement::new(Kind::Gauge, &name, "", mode) };
            let family = tally.family(&family);
            series.push(tally.series(family, &name, []).unwrap());
        }
    }
    let report = |tally: &mut Tally, file: &Filed| {
        let origin = tally.origin(&Process::new(file.process.to_string()), "");
        tally.report(origin);
        for &(number, value, time) in &file.readings {
            tally.add(series[number as usize % series.len()], value, time);
        }
    };
    let groups = files.chunk_by(|a, b| a.settled && b.settled);
    for (at, group) in groups.enumerate() {
        let replay = |tally: &mut Tally| group.iter().for_each(|file| report(tally, file));
        match runs {
            Some(runs) if group[0].settled => tally.again(runs[at], replay),
            _ => replay(tally),
        }
    }
    tally.finish(&Ask::default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// To the last bit where the order matters; sums but for rounding.
    #[test]
    fn settled_runs_change_nothing_but_the_last_bits_of_sums(
        files in prop::collection::vec((
            prop::collection::vec(
                (
                    0..24_u8,
                    prop_oneof![
                        6 => 0.0..1e6_f64,
                        2 => prop::sample::select(vec![0.0, -0.0, f64::NAN, 0.1, f64::INFINITY]),
                    ],
                    (0..4_u8).prop_map(f64::from),
                ),
                0..12,
            ),
            any::<bool>(),
        ), 1..12),
        rounds in prop::collection::vec((0..12_usize, 0..4_u8, 0.0..1e6_f64), 1..8),
    ) {
        let filed = |(process, (readings, settled)): (usize, (Vec<_>, bool))| {
            Filed { process: process as u32, readings, settled }
        };
        let mut files: Vec<Filed> = files.into_iter().enumerate().map(filed).collect();
        let names = ["Python", "Ruby", "Gitlab"].map(|rules| (format!("folded_{rules}").into(), merged as Fold));
        let folds: Arc<HashMap<Box<str>, Fold>> = Arc::new(names.into_iter().collect());
        let mut tally = Tally::with_folds(Arc::clone(&folds));
        let mut all = Tally::with_folds(Arc::clone(&folds));
        for (at, what, value) in rounds {
            let runs: Vec<RunId> = files.iter().map(|_| RunId::new()).collect();
            for round in 0..3 {
                let page = scrape_files(&mut tally, &files, Some(&runs));
                all.begin();
                all.merge(&tally);
                let of_all = all.finish(&Ask::default());
                let plain = scrape_files(&mut Tally::with_folds(Arc::clone(&folds)), &files, None);
                for page in [page, of_all] {
                    prop_assert_eq!(page.families.len(), plain.families.len());
                    for (ours, plain) in page.families.iter().zip(&plain.families) {
                        let name = &*plain.name;
                        prop_assert_eq!(&*ours.name, name);
                        prop_assert_eq!(ours.samples.len(), plain.samples.len());
                        for (ours, plain) in ours.samples.iter().zip(&plain.samples) {
                            prop_assert_eq!(&ours.series.labels, &plain.series.labels);
                            let (ours, plain) = (ours.value, plain.value);
                            let sum = name.starts_with("sum") || name.starts_with("average");
                            let near = sum && (ours - plain).abs() <= 1e-12 * plain.abs();
                            let same = ours.to_bits() == plain.to_bits() || ours.is_nan() && plain.is_nan();
                            prop_assert!(near || same, "{} {} {}", name, ours, plain);
                        }
                    }
                }
                // Those that are not settled go on between two scrapes, or a scrape is broken off.
                for file in files.iter_mut().filter(|file| !file.settled) {
                    file.readings.iter_mut().for_each(|reading| reading.1 += value);
                }
                if round == 1 {
                    tally.begin();
                    let origin = tally.origin(&Process::new("0"), "");
                    tally.report(origin);
                    let readings = files.iter().flat_map(|file| &file.readings).take(at);
                    let series: Vec<SeriesId> = tally.sequence.series.clone();
                    readings.zip(series).for_each(|(reading, series)| tally.add(series, -reading.1, 9.0));
                }
            }
            let count = files.len();
            let file = &mut files[at % count];
            match what {
                0 => file.settled = true,
                1 if !file.settled => file.readings.push((at as u8, value, 2.0)),
                2 if count > 1 => drop(files.remove(at % count)),
                _ => file.settled = false,
            }
        }
    }
}

#[test]
fn whoever_passes_a_page_on_is_told_how_it_was_merged_and_when_its_numbers_were_set() {
    let mut tally = Tally::default();
    let (latest, sum) = (Aggregation::MOST_RECENT.live(), Aggregation::SUM);
    let latest = tally.family(&Statement::new(Kind::Gauge, "latest", "", latest));
    let sum = tally.family(&Statement::new(Kind::Counter, "done", "", sum));
    let [a, b, never] = ["a", "b", "never"].map(|it| tally.series(latest, "latest", [Label::new("of", it)]));
    let done = tally.series(sum, "done_total", []).unwrap();
    for (process, times) in [("1", [5.0, 0.0]), ("2", [4.0, 7.0])] {
        let origin = tally.origin(&Process::new(process), "");
        tally.report(origin);
        tally.add(b.unwrap(), times[1], times[1]);
        tally.add(a.unwrap(), times[0], times[0]);
        tally.add(never.unwrap(), 9.0, 0.0);
        tally.add(done, 1.0, 0.0);
    }
    let page = tally.finish(&Ask::default());
    let [latest, done] = &tally.meanings()[..] else { panic!("there are two families") };
    let shown: Vec<f64> = page.families[0].samples.iter().map(|sample| sample.value).collect();
    // Each was set to its time.
    assert_eq!((shown, &latest.times[..]), (vec![5.0, 7.0], &[5.0, 7.0][..]));
    assert_eq!(latest.aggregation.to_string(), "livemostrecent");
    assert_eq!(done, &Meaning { aggregation: Aggregation::SUM, rules: Rules::Python, times: Vec::new() });
}
