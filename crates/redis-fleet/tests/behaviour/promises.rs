//! What every store promises.

use std::sync::Arc;

use collector::Liveness;
use metrics_core::Store;
use store_testkit::Subject;

use crate::place::{Place, server};

fn subject() -> Subject {
    let place = Arc::new(Place::new(server().unix_url()));
    let same = Arc::clone(&place);
    Subject {
        open: Box::new(move || Ok(Box::new(place.open()) as Box<dyn Store>)),
        read: Some(Box::new(move |_| {
            same.flush();
            same.page(Liveness::AsFiled).unwrap()
        })),
        lazy: false,
    }
}

#[test]
fn it_is_equivalent_to_the_model_of_a_store() {
    store_testkit::check(subject);
}

#[test]
fn nothing_is_lost_between_threads() {
    store_testkit::check_threads(subject);
}
