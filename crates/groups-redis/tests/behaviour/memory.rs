//! How far back a shard remembers what was made and what is gone.

use std::slice::from_ref;
use std::sync::Arc;

use groups_redis::Options;
use metrics_core::Kind;
use push_groups::{GroupStore, Outcome};
use redis_testkit::RedisServer;

use crate::gateway::{Deed, Gateway, change, key};
use crate::lossy::{Loss, Lossy};

const N: &[(&str, Kind)] = &[("n", Kind::Gauge)];

fn push(value: f64) -> Deed {
    Deed::Push(N.to_vec(), value)
}

fn remembering(log_length: usize) -> Options {
    Options { log_length, ..Options::default() }
}

#[test]
fn what_was_made_is_recognised_so_many_changes_later() {
    let server = RedisServer::start();
    for (others, recognised) in [(0, true), (4, true), (5, true), (30, false)] {
        let mut gateway = Gateway::new(&server.url(), remembering(5));
        gateway.store.wipe().unwrap();
        let first = change(&key("a"), None, &push(1.0));
        let made = gateway.store.commit(from_ref(&first)).unwrap();
        gateway.follow().unwrap();
        gateway.does("a", &Deed::Delete).unwrap();
        for _ in 1..others {
            gateway.does("b", &push(2.0)).unwrap();
        }
        let again = gateway.store.commit(&[first]).unwrap();
        assert_eq!(again == made, recognised, "{others} others: {again:?} after {made:?}");
    }
}

#[test]
fn a_change_of_which_nobody_knows_any_more_whether_it_was_made_is_not_made_again() {
    let server = RedisServer::start();
    let way = Lossy::to(server.port());
    let mut gateway = Gateway::new(&way.url(), remembering(5));
    gateway.does("a", &Deed::Delete).unwrap();
    let first = change(&key("a"), None, &push(1.0));
    let url = server.url();
    let others = move || {
        let mut other = Gateway::new(&url, remembering(5));
        other.follow().unwrap();
        other.does("a", &Deed::Delete).unwrap();
        (0..12).for_each(|_| drop(other.does("b", &push(2.0)).unwrap()));
    };
    way.lose([Loss { after: 1, says: None, then: Box::new(others) }]);
    let error = gateway.store.commit(&[first]).unwrap_err();
    let told = format!(
        "change 1 groups in Redis: {}: it was tried before, and 5 changes later nobody knows whether it was made: \
         remember more (log_length), or look and push again",
        way.url()
    );
    assert_eq!((error.what, error.passing), (told, false));
    gateway.follow().unwrap();
    assert_eq!((gateway.number("a"), gateway.number("b")), (None, Some(2.0)));
}

#[test]
fn who_follows_learns_of_single_groups_until_deletions_are_forgotten() {
    let server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), remembering(3));
    let mut follower = Gateway::new(&server.url(), remembering(3));
    let jobs: Vec<String> = (0..8).map(|job| format!("job-{job}")).collect();
    for job in &jobs {
        gateway.does(job, &Deed::Push(vec![], 0.0)).unwrap();
    }
    assert!(follower.follow().unwrap());
    gateway.follow().unwrap();
    for (jobs, whole) in [(&jobs[..0], false), (&jobs[..3], false), (&jobs[3..7], true)] {
        for job in jobs {
            gateway.does(job, &Deed::Delete).unwrap();
        }
        assert_eq!(follower.follow().unwrap(), whole);
        gateway.follow().unwrap();
        assert_eq!(follower.groups, gateway.groups);
    }
    assert_eq!(follower.groups.len(), 1);
    assert_eq!(server.cli(&["ZCARD", "{push:multiprom#0}:gone"]), "3\n");
    // Whether the change that was the last one then was ever made is known no longer.
    for (pushes, whole) in [(3, false), (20, true)] {
        for value in 0..pushes {
            gateway.does("job-7", &push(value.into())).unwrap();
        }
        assert_eq!(follower.follow().unwrap(), whole);
        assert_eq!(follower.number("job-7"), Some(f64::from(pushes - 1)));
    }
}

#[test]
fn deletions_that_are_forgotten_are_told_of_whatever_else_is_remembered() {
    let server = RedisServer::start();
    for (before, deletions) in (0..5).flat_map(|before| (0..7).map(move |deletions| (before, deletions))) {
        let namespace = format!("{before}-{deletions}");
        let options = Options { namespace, log_length: 3, ..Options::default() };
        let mut gateway = Gateway::new(&server.url(), options.clone());
        let mut follower = Gateway::new(&server.url(), options);
        for job in 0..7 {
            gateway.does(&format!("job-{job}"), &Deed::Push(vec![], 0.0)).unwrap();
        }
        gateway.follow().unwrap();
        (0..before).for_each(|_| drop(gateway.does("job-0", &Deed::Push(vec![], 0.0)).unwrap()));
        follower.follow().unwrap();
        for job in 0..deletions {
            gateway.does(&format!("job-{job}"), &Deed::Delete).unwrap();
        }
        // One is there again.
        if deletions > 0 {
            gateway.does("job-0", &Deed::Push(vec![], 0.0)).unwrap();
        }
        let whole = follower.follow().unwrap();
        gateway.cursor = None;
        gateway.follow().unwrap();
        assert_eq!(follower.groups, gateway.groups, "{before} changes, then {deletions}");
        assert_eq!(gateway.groups.len(), 7 - deletions + usize::from(deletions > 0));
        assert!(whole || deletions <= 3, "{before} changes, then {deletions}");
    }
}

#[test]
fn a_server_that_went_back_and_made_the_same_change_again_is_noticed() {
    let mut server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), Options::default());
    let mut follower = Gateway::new(&server.url(), Options::default());
    let begun = gateway.does("a", &push(0.0)).unwrap();
    server.cli(&["SAVE"]);
    gateway.does("lost", &Deed::Push(vec![], 0.0)).unwrap();
    let twice = change(&key("twice"), None, &Deed::Push(vec![], 0.0));
    let first = gateway.store.commit(from_ref(&twice)).unwrap();
    follower.follow().unwrap();
    server.restart();
    let mut other = Gateway::new(&server.url(), Options::default());
    other.does("other", &Deed::Push(vec![], 0.0)).unwrap();
    let second = gateway.store.commit(&[twice]).unwrap();
    let seq = |outcome: &Outcome| match outcome {
        Outcome::Made { seq, .. } => *seq,
        other => panic!("{other:?}"),
    };
    assert_eq!([seq(&begun), seq(&first[0]), seq(&second[0])], [1, 3, 3]);
    assert!(follower.follow().unwrap());
    other.follow().unwrap();
    assert_eq!(follower.groups, other.groups);
    assert_eq!(follower.groups.keys().map(|key| key.job()).collect::<Vec<_>>(), ["a", "other", "twice"]);
}

#[test]
fn a_request_that_was_carried_out_is_not_again_until_that_is_forgotten() {
    let server = RedisServer::start();
    let gateway = Gateway::new(&server.url(), Options::default());
    let once = |keep| Some(push_groups::Once { id: "request".into(), keep });
    let keep = std::time::Duration::from_millis(300);
    let make = |job, keep| {
        let change =
            push_groups::Change { once: once(keep), ..change(&key(job), None, &Deed::Push(vec![], 0.0)) };
        gateway.store.commit(&[change]).unwrap().remove(0)
    };
    assert!(matches!(make("a", keep), Outcome::Made { .. }));
    assert_eq!(make("b", keep), Outcome::Repeated);
    std::thread::sleep(keep);
    assert!(matches!(make("b", keep), Outcome::Made { .. }));
    let groups = gateway.store.follow(None).unwrap().groups;
    assert_eq!(groups.iter().filter(|(_, entry): &&(_, Option<Arc<_>>)| entry.is_some()).count(), 2);
    assert_eq!(server.cli(&["ZCARD", "{push:multiprom#0}:once"]), "1\n");
}
