//! The three disciplines against the testkit and each other.

use forked::testing::{WAYS, alone, fork};
use metrics_core::{Declaration, Kind, Part};
use store_testkit::Subject;

use super::*;

const DISCIPLINES: [fn() -> HashStore; 3] = [HashStore::atomic, HashStore::mutex, HashStore::unsynchronised];

#[test]
fn each_discipline_keeps_a_stores_promises() {
    for open in DISCIPLINES {
        store_testkit::check(|| Subject::alone(move || Ok(Box::new(open()))));
    }
}

#[test]
fn the_disciplines_give_equal_snapshots_for_equal_sequences() {
    for open in DISCIPLINES {
        store_testkit::equal(|| Box::new(HashStore::atomic()), || Box::new(open()));
    }
}

#[test]
fn atomic_and_mutex_lose_no_update() {
    store_testkit::check_threads(|| Subject::alone(|| Ok(Box::new(HashStore::atomic()))));
    store_testkit::check_threads(|| Subject::alone(|| Ok(Box::new(HashStore::mutex()))));
}

fn child(store: &HashStore, kind: Kind) -> &'static dyn Child {
    let desc = Desc::new(&Declaration::new(kind, "any", "")).unwrap();
    store.child(&Arc::new(desc), &[]).unwrap()
}

#[test]
fn a_bucket_that_there_is_not_counts_as_the_last_one() {
    for open in DISCIPLINES {
        let histogram = child(&open(), Kind::Histogram);
        histogram.observe(usize::MAX, 2.0);
        assert_eq!(histogram.get(Part::Bucket(11)), 1.0);
        assert_eq!((histogram.get(Part::Count), histogram.get(Part::Sum)), (1.0, 2.0));
        assert_eq!(histogram.get(Part::Bucket(usize::MAX)), 0.0);
    }
}

#[test]
fn two_families_of_one_name_are_refused() {
    let store = HashStore::atomic();
    child(&store, Kind::Gauge);
    let other = Arc::new(Desc::new(&Declaration::new(Kind::Summary, "any", "")).unwrap());
    assert!(store.child(&other, &[]).is_err());
}

#[test]
fn a_forked_child_goes_on_from_a_copy_of_the_numbers() {
    alone("store::tests::a_forked_child_goes_on_from_a_copy_of_the_numbers", || {
        for (open, way) in DISCIPLINES.into_iter().zip(WAYS.into_iter().cycle()) {
            let store = open();
            let counter = child(&store, Kind::Counter);
            counter.add(2.0);
            let process = fork(way, || {
                counter.add(3.0);
                assert_eq!(child(&store, Kind::Counter).get(Part::Value), 5.0);
                assert_eq!(child(&open(), Kind::Counter).get(Part::Value), 0.0);
            });
            process.wait();
            assert_eq!(counter.get(Part::Value), 2.0);
        }
    });
}
