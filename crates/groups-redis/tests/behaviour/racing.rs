//! Gateways that push at once.

use std::thread;

use groups_redis::Options;
use metrics_core::Kind;
use push_groups::{GroupStore, Outcome};
use redis_testkit::RedisServer;

use crate::gateway::{Deed, Gateway};

#[test]
fn of_two_gateways_that_count_in_one_group_neither_loses_anything() {
    let server = RedisServer::start();
    let url = server.url();
    let count = || {
        let mut gateway = Gateway::new(&url, Options::default());
        for _ in 0..200 {
            loop {
                gateway.follow().unwrap();
                let next = gateway.number("a").unwrap_or_default() + 1.0;
                let held = gateway.groups.get(&crate::gateway::key("a")).cloned();
                let deed = Deed::Push(vec![("n", Kind::Counter)], next);
                let change = crate::gateway::change(&crate::gateway::key("a"), held.as_deref(), &deed);
                match gateway.store.commit(&[change]).unwrap().remove(0) {
                    Outcome::Made { .. } => break,
                    Outcome::Stale(Some(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(gateway.store.stats().retries, 0);
    };
    thread::scope(|scope| {
        let racers = [scope.spawn(count), scope.spawn(count)];
        racers.into_iter().for_each(|racer| racer.join().unwrap());
    });
    let mut reader = Gateway::new(&url, Options::default());
    reader.follow().unwrap();
    assert_eq!(reader.number("a"), Some(400.0));
}

#[test]
fn of_two_groups_that_exclude_each_other_one_is_made_and_the_index_is_empty_when_all_are_gone() {
    let server = RedisServer::start();
    let url = server.url();
    let kinds = [Kind::Gauge, Kind::Counter];
    let race = |at: usize| {
        let mut gateway = Gateway::new(&url, Options::default());
        let mut made = 0;
        for round in 0..100 {
            let job = format!("job-{at}-{}", round % 3);
            let pushed = gateway.does(&job, &Deed::Push(vec![("n", kinds[at])], 1.0)).unwrap();
            made += usize::from(matches!(pushed, Outcome::Made { .. }));
            // What is on the page excludes nothing.
            let mut kinds = Vec::new();
            for (_, entry) in gateway.store.follow(None).unwrap().groups {
                let content = push_groups::Content::decode(&entry.unwrap().content).unwrap();
                kinds.extend(content.families.iter().map(|held| held.family.kind));
            }
            assert!(kinds.windows(2).all(|pair| pair[0] == pair[1]), "{kinds:?}");
            gateway.does(&job, &Deed::Delete).unwrap();
        }
        made
    };
    let made = thread::scope(|scope| {
        let racers = [scope.spawn(|| race(0)), scope.spawn(|| race(1))];
        racers.map(|racer| racer.join().unwrap())
    });
    assert!(made[0] + made[1] > 0, "{made:?}");
    for key in ["names", "series", "groups", "changed"] {
        assert_eq!(server.cli(&["EXISTS", &format!("{{push:multiprom#0}}:{key}")]), "0\n", "{key}");
    }
}

#[test]
fn a_wipe_amid_pushes_leaves_what_came_after_it_and_its_index() {
    let server = RedisServer::start();
    let url = server.url();
    thread::scope(|scope| {
        for at in 0..2 {
            let url = &url;
            scope.spawn(move || {
                let mut gateway = Gateway::new(url, Options::default());
                for round in 0..300 {
                    let job = format!("job-{at}-{}", round % 7);
                    let name = if at == 0 { "n" } else { "m" };
                    let made =
                        gateway.does(&job, &Deed::Push(vec![(name, Kind::Gauge)], round.into())).unwrap();
                    assert!(matches!(made, Outcome::Made { .. }), "{made:?}");
                }
            });
        }
        let gateway = Gateway::new(&url, Options::default());
        for _ in 0..40 {
            gateway.store.wipe().unwrap();
            thread::sleep(std::time::Duration::from_millis(2));
        }
    });
    let mut reader = Gateway::new(&url, Options::default());
    reader.follow().unwrap();
    assert!(!reader.groups.is_empty());
    // Each group has a series of its own and two of its push times; each name is in as many groups as it says.
    let series = server.cli(&["HLEN", "{push:multiprom#0}:series"]);
    assert_eq!(series.trim().parse::<usize>().unwrap(), reader.groups.len() * 3);
    let of = |name: &str| server.cli(&["HGET", "{push:multiprom#0}:names", name]).trim().to_owned();
    assert_eq!(of("push_time_seconds"), format!("g{}", reader.groups.len()));
    let with =
        |at: usize| reader.groups.keys().filter(|key| key.job().starts_with(&format!("job-{at}"))).count();
    assert_eq!(
        [of("n"), of("m")],
        [with(0), with(1)].map(|count| match count {
            0 => String::new(),
            count => format!("g{count}"),
        })
    );
}
