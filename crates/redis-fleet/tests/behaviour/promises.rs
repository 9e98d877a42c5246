//! What every store promises.

use std::sync::Arc;

use collector::Liveness;
use metrics_core::Store;
use store_redis::{Options, Sending};
use store_testkit::Subject;

use crate::place::{Place, server};

fn subject() -> Subject {
    subject_as(Sending::Periodic)
}

fn subject_as(sending: Sending) -> Subject {
    let place = Arc::new(Place::new(server().unix_url()));
    let same = Arc::clone(&place);
    let open = move || Ok(Box::new(place.open_as(sending, Options::SHORTEST)) as Box<dyn Store>);
    Subject {
        open: Box::new(open),
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
fn so_it_is_where_each_change_is_sent_at_once() {
    store_testkit::check(|| subject_as(Sending::Synchronous));
    store_testkit::check_threads(|| subject_as(Sending::Synchronous));
}

#[test]
fn so_it_is_where_processes_share_their_numbers() {
    store_testkit::check(|| subject_as(Sending::Shared));
    store_testkit::check_threads(|| subject_as(Sending::Shared));
}

#[test]
fn nothing_is_lost_between_threads() {
    store_testkit::check_threads(subject);
}
