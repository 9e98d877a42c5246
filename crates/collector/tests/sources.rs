//! A collector of sources that are not directories: all or nothing, in order, kept from scrape to scrape.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use collector::{Ask, CollectError, Collector, Rules, Source, SourceError, Statement, Tally};
use exposition::Format;
use metrics_core::{Aggregation, Kind, Label, Process, Snapshot};
use proptest::prelude::*;
use support::{block_on, encoded};

/// Numbers that a test sets: process, family, label, value.
#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<Vec<Number>>>);

#[derive(Clone, Debug)]
struct Number {
    process: String,
    family: Statement,
    label: String,
    value: f64,
}

fn number(process: &str, family: Statement, label: &str, value: f64) -> Number {
    Number { process: process.to_owned(), family, label: label.to_owned(), value }
}

fn counter(name: &str) -> Statement {
    Statement::new(Kind::Counter, name, "Help.", Aggregation::SUM)
}

fn gauge(name: &str, mode: &str) -> Statement {
    Statement::new(Kind::Gauge, name, "Help.", mode.parse().unwrap())
}

impl Numbers {
    fn of(numbers: &[Number]) -> Numbers {
        Numbers(Arc::new(Mutex::new(numbers.to_vec())))
    }

    fn set(&self, numbers: &[Number]) {
        *self.0.lock().unwrap() = numbers.to_vec();
    }
}

#[async_trait]
impl Source for Numbers {
    fn name(&self) -> String {
        "numbers".to_owned()
    }

    async fn read(&self, _: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        for Number { process, family, label, value } in &*self.0.lock().unwrap() {
            let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
            let id = into.family(family);
            let sample = format!("{}{suffix}", family.name);
            let series = into.series(id, &sample, [Label::new("l", label)]).unwrap();
            let origin = into.origin(&Process::new(process.as_str()), "memory");
            into.report(origin);
            into.add(series, *value, 1.0);
        }
        Ok(())
    }
}

/// A source that does what it is told.
#[derive(Clone, Default)]
struct Moody {
    fails: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
}

#[async_trait]
impl Source for Moody {
    fn name(&self) -> String {
        "moody".to_owned()
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        assert!(!self.panics.load(Ordering::Relaxed), "out of temper");
        while self.hangs.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err(SourceError::new("ask the oracle", "it is silent"));
        }
        Ok(())
    }
}

fn collector(sources: Vec<Box<dyn Source>>) -> Collector {
    Collector::new(sources)
}

fn page(collector: &Collector) -> Arc<Snapshot> {
    block_on(collector.collect(&Ask::default())).unwrap()
}

fn text(collector: &Collector) -> String {
    encoded(Format::TEXT, &page(collector))
}

#[test]
fn several_sources_merge_in_their_order() {
    let a = Numbers::of(&[
        number("1", counter("c"), "x", 1.0),
        number("1", gauge("first", "first"), "x", 1.0),
        number("1", gauge("all", "all"), "x", 1.0),
    ]);
    let b = Numbers::of(&[
        number("2", gauge("b", "sum"), "x", 7.0),
        number("2", gauge("first", "first"), "x", 2.0),
        number("2", gauge("all", "all"), "x", 2.0),
        number("2", counter("c"), "x", 2.0),
        number("2", counter("c"), "y", 4.0),
    ]);
    let collector = collector(vec![Box::new(a.clone()), Box::new(b)]);
    let expected = "\
# HELP c_total Help.
# TYPE c_total counter
c_total{l=\"x\"} 3.0
c_total{l=\"y\"} 4.0
# HELP first Help.
# TYPE first gauge
first{l=\"x\"} 1.0
# HELP all Help.
# TYPE all gauge
all{l=\"x\",pid=\"1\"} 1.0
all{l=\"x\",pid=\"2\"} 2.0
# HELP b Help.
# TYPE b gauge
b{l=\"x\"} 7.0
";
    assert_eq!(text(&collector), expected);
    assert_eq!(text(&collector), expected);
    a.set(&[number("1", counter("c"), "z", 1.0)]);
    let first = text(&collector);
    assert!(
        first.starts_with("# HELP c_total Help.\n# TYPE c_total counter\nc_total{l=\"z\"} 1.0\n"),
        "{first}"
    );
}

/// Numbers that stand back.
struct Modest(Numbers);

#[async_trait]
impl Source for Modest {
    fn name(&self) -> String {
        "modest".to_owned()
    }

    async fn read(&self, ask: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        self.0.read(ask, into).await
    }

    fn yields(&self) -> bool {
        true
    }
}

#[test]
fn a_family_that_stands_back_is_left_out_while_another_source_has_its_name() {
    let modest = || {
        Box::new(Modest(Numbers::of(&[
            number("2", counter("c"), "x", 2.0),
            number("2", gauge("g", "sum"), "x", 2.0),
            number("2", gauge("own", "sum"), "x", 2.0),
        ])))
    };
    let bold = Numbers::default();
    let collector = collector(vec![Box::new(bold.clone()), modest(), modest()]);
    let values = || -> Vec<(String, f64)> {
        let page = page(&collector);
        let value = |family: &metrics_core::FamilySnapshot| family.samples.iter().map(|one| one.value).sum();
        page.families.iter().map(|family| (family.name.to_string(), value(family))).collect()
    };
    let expected = |numbers: &[(&str, f64)]| -> Vec<(String, f64)> {
        numbers.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    };
    // Of several that stand back the first gives the numbers.
    assert_eq!(values(), expected(&[("c", 2.0), ("g", 2.0), ("own", 2.0)]));
    // Whatever the other family is like.
    bold.set(&[number("1", counter("c_total"), "y", 1.0), number("1", counter("g"), "x", 1.0)]);
    for _ in 0..2 {
        assert_eq!(values(), expected(&[("c", 1.0), ("g", 1.0), ("own", 2.0)]));
    }
}

#[test]
fn a_family_is_merged_by_a_function_of_the_users_own() {
    let numbers = Numbers::of(&[
        number("1", gauge("length", "sum"), "x", 3.0),
        number("2", gauge("length", "sum"), "x", 4.0),
        number("1", counter("served"), "x", 3.0),
        number("2", counter("served"), "x", 4.0),
    ]);
    let collector = collector(vec![Box::new(numbers)])
        .merging("length", |a, b| a.hypot(b))
        .merging("served_total", |a, b| a * 10.0 + b);
    let values: Vec<f64> = page(&collector).families.iter().map(|family| family.samples[0].value).collect();
    assert_eq!(values, [5.0, 34.0]);
}

#[test]
fn modes_that_node_has() {
    let numbers = |mode| {
        Numbers::of(&[
            number("1", gauge("g", mode), "x", 1.0),
            number("2", gauge("g", mode), "x", 2.0),
            number("3", gauge("g", mode), "x", 6.0),
        ])
    };
    let value = |mode| page(&collector(vec![Box::new(numbers(mode))])).families[0].samples[0].value;
    assert_eq!([value("average"), value("first"), value("liveaverage")], [3.0, 1.0, 3.0]);
}

#[test]
fn of_a_process_met_twice_ruby_keeps_the_first_number_and_python_the_last() {
    let value = |rules| {
        let family = Statement { rules, ..gauge("g", "all") };
        let twice = Numbers::of(&[number("1", family.clone(), "x", 1.0), number("1", family, "x", 2.0)]);
        page(&collector(vec![Box::new(twice)])).families[0].samples[0].value
    };
    assert_eq!([value(Rules::Ruby), value(Rules::Python), value(Rules::Gitlab)], [1.0, 2.0, 2.0]);
}

#[test]
fn one_failed_source_fails_the_page_and_is_named() {
    let numbers = Numbers::of(&[number("1", counter("c"), "x", 1.0)]);
    let moody = Moody::default();
    let collector = collector(vec![Box::new(numbers), Box::new(moody.clone())]);
    moody.fails.store(true, Ordering::Relaxed);
    let error = block_on(collector.collect(&Ask::default())).unwrap_err();
    assert_eq!(error.to_string(), "read moody: ask the oracle: it is silent");
    moody.fails.store(false, Ordering::Relaxed);
    moody.panics.store(true, Ordering::Relaxed);
    let error = block_on(collector.collect(&Ask::default())).unwrap_err();
    assert_eq!(error.to_string(), "read moody: its task ended: out of temper");
    moody.panics.store(false, Ordering::Relaxed);
    assert_eq!(page(&collector).families[0].samples[0].value, 1.0);
    assert_eq!(collector.sources(), ["numbers", "moody"]);
}

#[test]
fn a_source_that_hangs_is_named_at_the_deadline_and_hinders_nobody_after() {
    let numbers = Numbers::of(&[number("1", counter("c"), "x", 1.0)]);
    let moody = Moody::default();
    let collector = collector(vec![Box::new(numbers), Box::new(moody.clone())]);
    moody.hangs.store(true, Ordering::Relaxed);
    block_on(async {
        let soon = || {
            let mut ask = Ask::default();
            ask.deadline = Some(Instant::now() + Duration::from_millis(50));
            ask
        };
        let late = collector.collect(&soon()).await.unwrap_err();
        assert_eq!(late.to_string(), "collect: the deadline passed before an answer of moody");
        let behind = collector.collect(&soon()).await.unwrap_err();
        assert!(matches!(&behind, CollectError::Late { waiting_for } if waiting_for.is_empty()), "{behind}");
        moody.hangs.store(false, Ordering::Relaxed);
        assert_eq!(collector.collect(&Ask::default()).await.unwrap().families.len(), 1);
    });
}

/// A source that waits for what never comes, on whatever thread.
struct Forever;

#[async_trait]
impl Source for Forever {
    fn name(&self) -> String {
        "forever".to_owned()
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        std::future::pending().await
    }
}

#[test]
fn a_source_that_never_answers_does_not_keep_the_runtime_from_ending() {
    let current = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let several = || tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    for runtime in [current(), several()] {
        for sources in [1, 3] {
            let forever = || Box::new(Forever) as Box<dyn Source>;
            let collector = collector((0..sources).map(|_| forever()).collect());
            let mut soon = Ask::default();
            soon.deadline = Some(Instant::now() + Duration::from_millis(20));
            assert!(runtime.block_on(collector.collect(&soon)).is_err());
        }
        drop(runtime);
    }
}

#[test]
fn one_thread_that_may_block_is_enough_for_several_sources() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).max_blocking_threads(1).enable_time().build().unwrap();
    let numbers = |process, value| {
        Box::new(Numbers::of(&[number(process, counter("c"), "x", value)])) as Box<dyn Source>
    };
    let collector = collector(vec![numbers("1", 1.0), numbers("2", 2.0), numbers("3", 4.0)]);
    let mut ask = Ask::default();
    ask.deadline = Some(Instant::now() + Duration::from_secs(20));
    let page = runtime.block_on(collector.collect(&ask)).unwrap();
    assert_eq!(page.families[0].samples[0].value, 7.0);
}

#[test]
fn scrapes_at_once_all_get_the_page() {
    let numbers = Numbers::of(&[number("1", counter("c"), "x", 1.0)]);
    let other = Numbers::of(&[number("2", counter("c"), "x", 2.0)]);
    let collector = Arc::new(collector(vec![Box::new(numbers), Box::new(other)]));
    block_on(async {
        let scrapes: Vec<_> = (0..16)
            .map(|_| {
                let collector = Arc::clone(&collector);
                tokio::spawn(async move { collector.collect(&Ask::default()).await.unwrap() })
            })
            .collect();
        for scrape in scrapes {
            assert_eq!(scrape.await.unwrap().families[0].samples[0].value, 3.0);
        }
    });
}

#[test]
fn a_scrape_keeps_the_series_of_the_one_before() {
    let numbers = Numbers::of(&[number("1", counter("c"), "x", 1.0)]);
    let collector = collector(vec![Box::new(numbers.clone())]);
    let before = Arc::clone(&page(&collector).families[0].samples[0].series);
    numbers.set(&[number("1", counter("c"), "w", 1.0), number("1", counter("c"), "x", 2.0)]);
    let page = page(&collector);
    assert!(Arc::ptr_eq(&before, &page.families[0].samples[1].series));
}

#[test]
fn a_page_that_somebody_holds_does_not_change() {
    let numbers = Numbers::of(&[number("1", counter("c"), "x", 1.0)]);
    let collector = collector(vec![Box::new(numbers.clone())]);
    let held = page(&collector);
    numbers.set(&[number("1", counter("c"), "x", 2.0)]);
    assert_eq!(page(&collector).families[0].samples[0].value, 2.0);
    assert_eq!(held.families[0].samples[0].value, 1.0);
}

#[test]
fn forgetting_what_is_out_of_use_lets_no_counter_fall() {
    let numbers = Numbers::default();
    let collector = collector(vec![Box::new(numbers.clone())]);
    // Addends whose sum comes out a bit lower in another order.
    let tenths = |order: &mut dyn Iterator<Item = u32>| -> Vec<Number> {
        order.map(|n| number(&n.to_string(), counter("c"), "x", f64::from(n) / 10.0)).collect()
    };
    let sum = |numbers: &[Number]| numbers.iter().fold(0.0, |sum, number| sum + number.value);
    let (up, down) = (tenths(&mut (1..4)), tenths(&mut (1..4).rev()));
    let (high, low) = if sum(&up) > sum(&down) { (up, down) } else { (down, up) };
    assert!(sum(&low) < sum(&high));
    numbers.set(&high);
    let shown = page(&collector).families[0].samples[0].value;
    for worker in 0..40 {
        let of = |n: u32| number(&format!("{worker}-{n}"), gauge("all", "all"), "x", 1.0);
        let mut all = high.clone();
        all.extend((0..500).map(of));
        numbers.set(&all);
        assert_eq!(page(&collector).families[0].samples[0].value, shown);
    }
    // What was forgotten meanwhile is not what the page must not fall below.
    numbers.set(&low);
    assert_eq!(page(&collector).families[0].samples[0].value, shown);
}

/// The last value shown, as the invariant has it: no fall unless it is a real one.
fn guarded(value: f64, shown: Option<f64>) -> f64 {
    match shown {
        Some(shown) if value < shown && shown - value <= 1e-9 * shown => shown,
        _ => value,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Sums of the same numbers in another order differ in their last bits; a counter must not fall by them.
    #[test]
    fn a_counter_falls_only_when_it_really_does(
        addends in prop::collection::vec(0.0..1e6_f64, 2..8),
        rounds in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..4_u8), 1..12),
    ) {
        let mut addends = addends;
        let numbers = Numbers::default();
        let collector = collector(vec![Box::new(numbers.clone())]);
        let (mut counter_shown, mut gauge_shown) = (None, None);
        for (a, b, what) in rounds {
            let (a, b) = (a.index(addends.len()), b.index(addends.len()));
            match what {
                0 | 1 => addends.swap(a, b),
                2 => addends[a] += 1.0,
                _ => addends[a] *= 0.5,
            }
            let mut all = Vec::new();
            for (at, &value) in addends.iter().enumerate() {
                all.push(number(&at.to_string(), counter("c"), "x", value));
                all.push(number(&at.to_string(), gauge("g", "sum"), "x", value));
            }
            numbers.set(&all);
            let page = page(&collector);
            let sum = addends.iter().fold(0.0, |sum, value| sum + value);
            let expected = guarded(sum, counter_shown);
            prop_assert_eq!(page.families[0].samples[0].value.to_bits(), expected.to_bits());
            prop_assert_eq!(page.families[1].samples[0].value.to_bits(), sum.to_bits());
            counter_shown = Some(expected);
            gauge_shown = Some(sum);
        }
        prop_assert!(gauge_shown.is_some());
    }
}

#[test]
fn the_collectors_own_metrics_are_a_page_that_can_be_read() {
    let numbers = Numbers::of(&[number("1", counter("c"), "x", 1.0)]);
    let collector = collector(vec![Box::new(numbers)]);
    page(&collector);
    let own = encoded(Format::TEXT, &collector.own());
    assert!(own.contains("multiprom_collections_total{result=\"ok\"} 1.0\n"), "{own}");
    assert!(own.contains("multiprom_page_series 1.0\n"), "{own}");
    for line in own.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("multiprom_"), "{line}");
    }
    let read = exposition::parse(exposition::Syntax::Text0, own.as_bytes()).unwrap();
    assert!(read.families.iter().all(|family| !family.help.is_empty()));
}
