//! Several threads that update one store.

use std::sync::{Arc, Barrier};

use metrics_core::{Aggregation, Declaration, Desc, Kind, Part, Registry, Store};

use crate::subject::Subject;

const THREADS: usize = 4;
/// Updates of each kind and thread.
const UPDATES: usize = 2000;

/// Checks that no update is lost when several threads ask one store for the same children and update them at
/// once.
///
/// # Panics
/// When updates are lost, a label set is refused, or a thread panics.
pub fn check_threads(place: impl Fn() -> Subject) {
    let subject = place();
    let store = (subject.open)().unwrap_or_else(|error| panic!("open a store: {error}"));
    let counter = declare(Kind::Counter, "updates_total");
    let gauge = declare(Kind::Gauge, "balance");
    let histogram = declare(Kind::Histogram, "sizes");
    let summary = declare(Kind::Summary, "waits");
    let child = |desc: &Arc<Desc>, label: &str| {
        store.child(desc, &[label]).unwrap_or_else(|error| panic!("{desc} is refused: {error}"))
    };
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (start, child) = (&start, &child);
            let (counter, gauge, histogram, summary) = (&counter, &gauge, &histogram, &summary);
            scope.spawn(move || {
                start.wait();
                for update in 0..UPDATES {
                    child(counter, "all").add(0.5);
                    child(counter, &format!("set {}", update % 100)).add(1.0);
                    child(gauge, "all").add(if (thread + update) % 2 == 0 { 3.0 } else { -3.0 });
                    child(histogram, "all").observe(update % 3, 0.25);
                    child(summary, "all").observe(0, 0.125);
                }
            });
        }
    });
    let all = (THREADS * UPDATES) as f64;
    let expect = |desc: &Arc<Desc>, label: &str, part: Part, expected: f64| {
        let got = child(desc, label).get(part);
        assert!(
            got == expected,
            "{desc} {label:?}: {part:?} is {got}; expected {expected}: updates are lost"
        );
    };
    expect(&counter, "all", Part::Value, all * 0.5);
    for set in 0..100 {
        expect(&counter, &format!("set {set}"), Part::Value, all / 100.0);
    }
    expect(&gauge, "all", Part::Value, 0.0);
    for bucket in 0..3 {
        let in_bucket = (0..UPDATES).filter(|update| update % 3 == bucket).count() * THREADS;
        expect(&histogram, "all", Part::Bucket(bucket), in_bucket as f64);
    }
    expect(&histogram, "all", Part::Count, all);
    expect(&histogram, "all", Part::Sum, all * 0.25);
    expect(&summary, "all", Part::Count, all);
    expect(&summary, "all", Part::Sum, all * 0.125);
    check_local_handles(store);
}

/// Checks that nothing is lost between a counter's handles of one thread each and its shared handle.
fn check_local_handles(store: Box<dyn Store>) {
    let counter = Registry::new(store).counter("rows_total", "Help.").register();
    let counter = counter.unwrap_or_else(|error| panic!("a counter is refused: {error}"));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for update in 0..UPDATES {
                    // Some live longer than others; the first of the next come when others have gone.
                    let local = counter.local();
                    (0..=update % 3).for_each(|_| local.inc());
                    counter.inc();
                }
            });
        }
    });
    let expected: usize = (0..UPDATES).map(|update| THREADS * (update % 3 + 2)).sum();
    let got = counter.get();
    assert!(got == expected as f64, "local handles: {got} counted; expected {expected}: updates are lost");
}

fn declare(kind: Kind, name: &str) -> Arc<Desc> {
    let aggregation = (kind == Kind::Gauge).then_some(Aggregation::SUM);
    let declaration =
        Declaration { labels: &["label"], aggregation, ..Declaration::new(kind, name, "Help.") };
    Arc::new(Desc::new(&declaration).expect("these families are declared as they should be"))
}
