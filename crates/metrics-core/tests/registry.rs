//! What an application sees: declaring, label sets, handles, what is dropped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics_core::{
    Aggregation, Buckets, Child, Counter, DeclareError, Desc, Family, Gauge, Histogram, Registry, Store,
    StoreError, Summary, Timer, Trace,
};
use store_hash::HashStore;

/// A registry, and what it has warned of.
fn listened() -> (Registry, Arc<Mutex<Vec<String>>>) {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&warnings);
    let registry = Registry::with_warnings(HashStore::atomic(), move |warning| {
        heard.lock().expect("no test panics while it holds this").push(warning.to_owned());
    });
    (registry, warnings)
}

fn registry() -> Registry {
    Registry::new(HashStore::atomic())
}

#[test]
fn declaring_the_same_twice_gives_the_same_family() {
    let registry = registry();
    let declare = || registry.counter("requests_total", "Requests.").labels(["method"]).unwrap();
    declare().with(["GET"]).inc();
    declare().with(["GET"]).inc();
    assert_eq!(declare().with(["GET"]).get(), 2.0);
    assert_eq!(registry.snapshot().families.len(), 1);
    // With and without the suffix is one name.
    registry.counter("requests", "Requests.").labels(["method"]).unwrap().with(["GET"]).inc();
    assert_eq!(declare().with(["GET"]).get(), 3.0);
}

#[test]
fn declaring_otherwise_under_one_name_is_an_error_that_names_both() {
    let registry = registry();
    let _ = registry.counter("requests_total", "Requests.").labels(["method"]).unwrap();
    let error = registry.counter("requests_total", "Requests.").labels(["code"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "declare counter requests{code} (sum): its name is taken by counter requests{method} (sum)"
    );
    let error = registry.counter("requests_total", "Other help.").labels(["method"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "declare counter requests{method} (sum): its name is taken by counter requests{method} (sum) with \
         other help"
    );
    let _ = registry.histogram("size", "Sizes.").register().unwrap();
    let other_buckets = Buckets::new([1.0]).unwrap();
    assert!(registry.histogram("size", "Sizes.").buckets(other_buckets).register().is_err());
    let _ = registry.gauge("level", "Level.").register().unwrap();
    assert!(registry.gauge("level", "Level.").aggregation(Aggregation::MAX).register().is_err());
    assert_eq!(registry.snapshot().families.len(), 3);
}

#[test]
fn families_whose_samples_would_share_a_name_conflict() {
    type Declare = fn(&Registry, &str) -> bool;
    let counter: Declare = |registry, name| registry.counter(name, "").register().is_ok();
    let gauge: Declare = |registry, name| registry.gauge(name, "").register().is_ok();
    let histogram: Declare = |registry, name| registry.histogram(name, "").register().is_ok();
    let summary: Declare = |registry, name| registry.summary(name, "").register().is_ok();
    let table: [(Declare, &str, Declare, &str, bool); 13] = [
        (histogram, "x", counter, "x", false),
        (histogram, "x", gauge, "x_count", false),
        (histogram, "x", gauge, "x_sum", false),
        (histogram, "x", gauge, "x_bucket", false),
        (histogram, "x", summary, "x_sum", false),
        (histogram, "x", gauge, "x_total", true),
        (histogram, "x", counter, "x_count", false),
        (summary, "x", gauge, "x_count", false),
        (summary, "x", gauge, "x_bucket", true),
        (counter, "x", gauge, "x_total", false),
        (counter, "x", gauge, "x_sum", true),
        (counter, "x", counter, "x_y", true),
        (gauge, "xy", gauge, "x", true),
    ];
    for (at, (first, name, second, other, together)) in table.into_iter().enumerate() {
        let one_way = registry();
        assert!(first(&one_way, name));
        assert_eq!(second(&one_way, other), together, "row {at}");
        let other_way = registry();
        assert!(second(&other_way, other));
        assert_eq!(first(&other_way, name), together, "row {at}, the other way round");
    }
}

#[test]
fn wrong_declarations_are_errors_and_leave_nothing_behind() {
    let registry = registry();
    assert!(matches!(registry.gauge("a b", "").register(), Err(DeclareError::Name(_))));
    assert!(matches!(registry.gauge("a", "").labels(["pid"]), Err(DeclareError::Label { .. })));
    assert!(matches!(registry.gauge("a", "").unit("seconds").register(), Err(DeclareError::Unit { .. })));
    assert!(registry.snapshot().families.is_empty());
}

#[test]
fn a_family_without_labels_is_on_the_page_at_0_once_registered() {
    let registry = registry();
    let jobs = registry.counter("jobs_total", "").register().unwrap();
    assert_eq!(registry.snapshot().families[0].samples[0].value, 0.0);
    jobs.inc();
    assert_eq!(registry.snapshot().families[0].samples[0].value, 1.0);
}

#[test]
fn label_sets_can_be_put_on_the_page_ahead() {
    let registry = registry();
    let jobs = registry.counter("jobs_total", "").labels(["queue"]).unwrap();
    assert!(registry.snapshot().families[0].samples.is_empty());
    jobs.start_at_zero([["mail"], ["print"]]).unwrap();
    let values: Vec<f64> =
        registry.snapshot().families[0].samples.iter().map(|sample| sample.value).collect();
    assert_eq!(values, [0.0, 0.0]);
}

#[test]
fn values_go_by_the_declared_order_of_names() {
    let registry = registry();
    let family = registry.counter("a_total", "").labels(["z", "a"]).unwrap();
    family.with(["of z", "of a"]).inc();
    assert_eq!(family.with(["of a", "of z"]).get(), 0.0);
    let page = registry.snapshot();
    let series = &page.families[0].samples[0].series;
    assert_eq!(series.label("z"), Some(&b"of z"[..]));
    assert_eq!(&*series.labels[0].name, "a");
}

#[test]
fn a_counter_never_goes_down() {
    let (registry, warnings) = listened();
    let jobs = registry.counter("jobs_total", "").labels(["queue"]).unwrap();
    let mail = jobs.with(["mail"]);
    mail.inc_by(2.5);
    mail.inc_by(-1.0);
    mail.inc_by(f64::NAN);
    mail.inc_by(f64::NEG_INFINITY);
    jobs.with(["print"]).inc_by(-1.0);
    mail.inc_by(0.0);
    assert_eq!(mail.get(), 2.5);
    assert_eq!(registry.rejected(), 4);
    assert_eq!(
        *warnings.lock().unwrap(),
        ["counter jobs{queue} (sum): a counter cannot grow by -1; dropped"]
    );
}

#[test]
fn each_family_warns_for_itself() {
    let (registry, warnings) = listened();
    registry.counter("a_total", "").register().unwrap().inc_by(-1.0);
    registry.counter("b_total", "").register().unwrap().inc_by(-1.0);
    assert_eq!(warnings.lock().unwrap().len(), 2);
}

#[test]
fn a_gauge_goes_up_and_down() {
    let gauge = registry().gauge("level", "").register().unwrap();
    gauge.set(10.0);
    gauge.inc();
    gauge.dec();
    gauge.add(0.5);
    gauge.sub(3.0);
    assert_eq!(gauge.get(), 7.5);
}

#[test]
fn a_most_recent_gauge_is_only_set() {
    let (registry, warnings) = listened();
    for (name, aggregation) in [("a", Aggregation::MOST_RECENT), ("b", Aggregation::MOST_RECENT.live())] {
        let gauge = registry.gauge(name, "").aggregation(aggregation).register().unwrap();
        gauge.set(5.0);
        gauge.inc();
        gauge.dec();
        gauge.add(2.0);
        gauge.sub(2.0);
        assert_eq!(gauge.get(), 5.0);
    }
    assert_eq!(registry.rejected(), 8);
    assert_eq!(warnings.lock().unwrap().len(), 2);
}

#[test]
fn a_gauge_takes_the_present_time() {
    let gauge = registry().gauge("last_run_seconds", "").register().unwrap();
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let before = now();
    gauge.set_to_current_time();
    assert!((before..=now()).contains(&gauge.get()));
}

#[test]
fn an_observation_counts_in_the_first_bucket_that_holds_it() {
    let registry = registry();
    let histogram =
        registry.histogram("size", "").buckets(Buckets::new([1.0, 2.0]).unwrap()).register().unwrap();
    for value in [0.0, 1.0, 1.5, 3.0] {
        histogram.observe(value);
    }
    assert_eq!((histogram.count(), histogram.sum()), (4.0, 5.5));
    let page = registry.snapshot();
    let lines: Vec<(&str, Option<&[u8]>, f64)> = page.families[0]
        .samples
        .iter()
        .map(|sample| (&*sample.series.name, sample.series.label("le"), sample.value))
        .collect();
    assert_eq!(
        lines,
        [
            ("size_sum", None, 5.5),
            ("size_bucket", Some(&b"1.0"[..]), 2.0),
            ("size_bucket", Some(&b"2.0"[..]), 3.0),
            ("size_bucket", Some(&b"+Inf"[..]), 4.0),
            ("size_count", None, 4.0),
        ]
    );
}

#[test]
fn nan_is_observed_above_all_bounds() {
    let registry = registry();
    let histogram = registry.histogram("size", "").buckets(Buckets::new([1.0]).unwrap()).register().unwrap();
    histogram.observe(f64::NAN);
    assert!(histogram.sum().is_nan());
    let values: Vec<f64> =
        registry.snapshot().families[0].samples[1..].iter().map(|line| line.value).collect();
    assert_eq!(values, [0.0, 1.0, 1.0]);
}

#[test]
fn a_summary_shows_count_and_sum() {
    let registry = registry();
    let summary = registry.summary("wait", "").register().unwrap();
    summary.observe(1.5);
    summary.observe(2.0);
    let page = registry.snapshot();
    let lines: Vec<(&str, f64)> =
        page.families[0].samples.iter().map(|sample| (&*sample.series.name, sample.value)).collect();
    assert_eq!(lines, [("wait_count", 2.0), ("wait_sum", 3.5)]);
}

#[test]
fn a_timer_observes_when_dropped_or_stopped_but_not_when_discarded() {
    let histogram = registry().histogram("seconds", "").register().unwrap();
    drop(histogram.start_timer());
    assert_eq!(histogram.count(), 1.0);
    let seconds = histogram.start_timer().stop();
    assert!(seconds >= 0.0 && seconds <= histogram.sum());
    assert_eq!(histogram.count(), 2.0);
    histogram.start_timer().discard();
    assert_eq!(histogram.count(), 2.0);
    let summary = registry().summary("seconds", "").register().unwrap();
    summary.start_timer().stop();
    assert_eq!(summary.count(), 1.0);
}

#[test]
fn a_snapshot_keeps_declarations_in_order_with_help_and_unit() {
    let registry = registry();
    let _ = registry.gauge("z_bytes", "Last letter.").unit("bytes").register().unwrap();
    let _ = registry.counter("a_total", "First letter.").register().unwrap();
    let families = registry.snapshot().families;
    let shown: Vec<_> =
        families.iter().map(|family| (&*family.name, &*family.help, family.unit.as_deref())).collect();
    assert_eq!(shown, [("z_bytes", "Last letter.", Some("bytes")), ("a", "First letter.", None)]);
}

#[test]
fn later_snapshots_share_their_series() {
    let registry = registry();
    let _ = registry.counter("a_total", "").register().unwrap();
    let [first, second] = [registry.snapshot(), registry.snapshot()];
    assert!(Arc::ptr_eq(&first.families[0].samples[0].series, &second.families[0].samples[0].series));
}

/// Refuses label values that are longer than three bytes.
struct Choosy(HashStore);

impl Store for Choosy {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        if labels.iter().any(|label| label.len() > 3) {
            return Err(StoreError::new(format!("keep {labels:?}"), "too long"));
        }
        self.0.child(desc, labels)
    }
}

#[test]
fn updates_of_a_refused_label_set_are_counted_and_harm_nothing() {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&warnings);
    let registry = Registry::with_warnings(Choosy(HashStore::atomic()), move |warning| {
        heard.lock().unwrap().push(warning.to_owned());
    });
    let family = registry.counter("a_total", "").labels(["of"]).unwrap();
    family.with(["long"]).inc();
    family.with(["longer"]).inc();
    family.with(["ok"]).inc();
    assert_eq!(family.with(["ok"]).get(), 1.0);
    assert_eq!(family.with(["long"]).get(), 0.0);
    assert_eq!(registry.rejected(), 2);
    assert_eq!(*warnings.lock().unwrap(), [r#"updates of a["long"] are lost: keep ["long"]: too long"#]);
    assert_eq!(family.try_with(["long"]).unwrap_err().to_string(), r#"keep ["long"]: too long"#);
    assert!(family.start_at_zero([["ok"], ["long"]]).is_err());
    assert_eq!(registry.snapshot().families[0].samples.len(), 1);
}

#[test]
fn a_warning_does_not_wait_for_standard_error() {
    let counter = Registry::new(HashStore::atomic()).counter("a_total", "").register().unwrap();
    // As a forked process finds it, if a thread of its parent was writing.
    let _held = std::io::stderr().lock();
    let (done, warned) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        counter.inc_by(-1.0);
        done.send(()).unwrap();
    });
    warned.recv_timeout(Duration::from_secs(60)).unwrap();
}

#[test]
fn threads_that_declare_and_count_at_once_agree() {
    let registry = registry();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..200 {
                    let name = format!("family_{}_total", number % 20);
                    let family = registry.counter(&name, "").labels(["of"]).unwrap();
                    family.with([&format!("{}", number % 30)]).inc();
                }
            });
        }
    });
    let page = registry.snapshot();
    assert_eq!(page.families.len(), 20);
    let values = page.families.iter().flat_map(|family| &family.samples).map(|sample| sample.value);
    assert_eq!(values.sum::<f64>(), 800.0);
}

#[test]
fn handles_can_be_copied_and_shared() {
    fn copied_and_shared<T: Copy + Send + Sync>() {}
    copied_and_shared::<Registry>();
    copied_and_shared::<Family<Counter, 2>>();
    copied_and_shared::<Counter>();
    copied_and_shared::<Gauge>();
    copied_and_shared::<Histogram>();
    copied_and_shared::<Summary>();
    fn sent<T: Send>() {}
    sent::<Timer<Histogram>>();
    sent::<Trace>();
}
