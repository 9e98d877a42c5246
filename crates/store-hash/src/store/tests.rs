//! The three disciplines against the testkit and each other.

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
