//! Databases that hold what no gateway has written: nothing panics, what can be read is shown, and errors say what to do.

use std::collections::BTreeSet;

use groups_redis::Options;
use metrics_core::Kind;
use push_groups::{GroupStore, Outcome};
use redis_testkit::RedisServer;

use crate::gateway::{Deed, Gateway, change, key};

const KEYS: [&str; 9] =
    ["meta", "groups", "changed", "gone", "made", "made:before", "names", "series", "once"];

fn push(value: f64) -> Deed {
    Deed::Push(vec![("n", Kind::Gauge)], value)
}

fn path(name: &str) -> String {
    format!("{{push:multiprom#0}}:{name}")
}

fn jobs(gateway: &Gateway) -> BTreeSet<&str> {
    gateway.groups.keys().map(|key| key.job()).collect()
}

#[test]
fn whatever_stands_under_a_key_groups_are_shown_as_long_as_they_are_there() {
    let server = RedisServer::start();
    let others: [(&str, &[&str]); 7] = [
        ("SET", &[""]),
        ("SET", &["something"]),
        ("HSET", &["n", "nonsense", "push_time_seconds", "", "x", "g-1"]),
        ("ZADD", &["inf", "job", "nan-is-none", "x"]),
        ("ZADD", &["1e300", "x", "-inf", "y", "0.5", "z"]),
        ("RPUSH", &["x"]),
        ("SADD", &["x"]),
    ];
    for name in KEYS {
        for (command, values) in others {
            server.cli(&["FLUSHALL"]);
            let mut gateway = Gateway::new(&server.url(), Options { log_length: 2, ..Options::default() });
            for job in ["a", "b", "c"] {
                gateway.does(job, &push(1.0)).unwrap();
            }
            gateway.does("c", &Deed::Delete).unwrap();
            gateway.follow().unwrap();
            server.cli(&["DEL", &path(name)]);
            server.cli(&[&[command, &path(name)], values].concat());
            let about = format!("{name} by {command} {values:?}");

            // Whether it is shown to who follows, and who begins.
            let cursor = gateway.cursor;
            for begins in [false, true] {
                gateway.cursor = cursor.filter(|_| !begins);
                match gateway.follow() {
                    Ok(_) if name == "groups" => {}
                    Ok(_) => assert_eq!(jobs(&gateway), BTreeSet::from(["a", "b"]), "{about}"),
                    Err(error) => {
                        assert!(matches!(name, "meta" | "groups") && !error.passing, "{about}: {error}");
                        let told = ["delete", "choose another namespace"];
                        assert!(
                            told.iter().all(|told| error.what.contains(told)) || name == "meta",
                            "{error}"
                        );
                    }
                }
            }
            // Changes are made or refused, and what comes of them is seen.
            let mut refused = false;
            for deed in [push(2.0), Deed::Fail, Deed::Delete, push(3.0)] {
                let held = gateway.groups.get(&key("a")).cloned();
                let once = push_groups::Once { id: "x".into(), keep: std::time::Duration::from_secs(1) };
                let change = change(&key("a"), held.as_deref(), &deed);
                let change = push_groups::Change { once: Some(once), ..change };
                match gateway.store.commit(&[change]) {
                    Ok(_) => {}
                    Err(error) => {
                        refused = true;
                        assert!(!error.passing && error.what.contains("delete"), "{about}: {error}");
                    }
                }
                let _ = gateway.follow();
            }
            // What helps.
            let wiped = gateway.store.wipe();
            if refused || wiped.is_err() {
                server.cli(&["DEL", &path(name)]);
                gateway.store.wipe().unwrap_or_else(|error| panic!("{about}: {error}"));
            }
            gateway.follow().unwrap_or_else(|error| panic!("{about}: {error}"));
            assert!(gateway.groups.is_empty());
            for value in [4.0, 5.0, 6.0] {
                let made = gateway.does("a", &push(value));
                assert!(matches!(made, Ok(Outcome::Made { .. })), "{about}: {made:?}");
            }
            gateway.follow().unwrap();
            assert_eq!(gateway.number("a"), Some(6.0), "{about}");
        }
    }
}

#[test]
fn groups_that_cannot_be_read_are_left_out_named_and_replaced_by_a_push() {
    let server = RedisServer::start();
    let groups = path("groups");
    let mut gateway = Gateway::new(&server.url(), Options::default());
    for job in ["good", "short", "format", "content", "foreign", "number"] {
        gateway.does(job, &push(1.0)).unwrap();
    }
    let change_bytes = |job: &str, script: &str| {
        let script = format!(
            "local entry = redis.call('HGET', KEYS[1], ARGV[1])\n{script}\nreturn redis.call('HSET', KEYS[1], ARGV[1], entry)"
        );
        let field = format!("'job\\255{job}'");
        let script = script.replace("ARGV[1]", &field);
        assert_eq!(server.cli(&["EVAL", &script, "1", &groups]), "0\n");
    };
    change_bytes("short", "entry = string.sub(entry, 1, 56)");
    change_bytes("format", "entry = '\\2' .. string.sub(entry, 2)");
    change_bytes("content", "entry = entry .. 'x'");
    change_bytes("foreign", "entry = redis.call('HGET', KEYS[1], 'job\\255good')");
    change_bytes(
        "number",
        "entry = string.sub(entry, 1, 40) .. string.rep('\\255', 8) .. string.sub(entry, 49)",
    );
    server.cli(&["HSET", &groups, "nonsense", "x"]);

    let mut reader = Gateway::new(&server.url(), Options::default());
    reader.follow().unwrap();
    assert_eq!(jobs(&reader), BTreeSet::from(["good"]));
    let stats = reader.store.stats();
    assert_eq!(stats.damaged, 6);
    assert!(stats.last_damage.is_some_and(|why| why.contains(" at byte ")));
    for job in ["short", "format", "content", "foreign", "number"] {
        let made = reader.does(job, &push(2.0));
        assert!(matches!(made, Ok(Outcome::Made { .. })), "{job}: {made:?}");
        reader.follow().unwrap();
        assert_eq!(reader.number(job), Some(2.0));
    }
    reader.does("good", &Deed::Delete).unwrap();
    // Who follows learns of damage, too: it is gone.
    change_bytes(
        "short",
        "entry = entry .. 'x'; redis.call('ZADD', '{push:multiprom#0}:changed', 1000, 'job\\255short')",
    );
    reader.does("format", &push(3.0)).unwrap();
    assert!(!reader.follow().unwrap());
    assert_eq!(jobs(&reader), BTreeSet::from(["content", "foreign", "format", "number"]));
    let why = reader.store.stats().last_damage;
    assert_eq!(why.as_deref(), Some("the group {job=\"short\"}: a checksum of other bytes at byte 49"));
}

#[test]
fn without_its_state_a_shard_goes_on_behind_what_it_has() {
    let server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), Options::default());
    for job in ["a", "b", "c"] {
        gateway.does(job, &push(1.0)).unwrap();
    }
    gateway.follow().unwrap();
    server.cli(&["DEL", &path("meta")]);
    server.cli(&["ZADD", &path("gone"), "inf", "x", "1e300", "y"]);
    assert!(matches!(gateway.does("b", &push(2.0)), Ok(Outcome::Made { seq: 4, born: 2, .. })));
    assert!(gateway.follow().unwrap());
    assert_eq!((gateway.groups.len(), gateway.number("b")), (3, Some(2.0)));
}

#[test]
fn contents_of_16_mib_come_back_as_they_were() {
    let server = RedisServer::start();
    let mut gateway = Gateway::new(&server.url(), Options::default());
    let long = "x".repeat(16 << 20);
    let mut follower = Gateway::new(&server.url(), Options::default());
    follower.follow().unwrap();
    let mut content = push_groups::Content { checked: true, families: vec![] };
    let metric = push_groups::Metric {
        labels: vec![("l".into(), long.as_str().into())],
        created: None,
        value: push_groups::Value::Number { value: 1.0, exemplar: None },
    };
    let (name, help, unit) = ("n".into(), "".into(), "".into());
    let family = push_groups::Family { name, help, unit, kind: Kind::Gauge, metrics: vec![metric] };
    content.families.push(push_groups::Held { family, time: 0 });
    let content: std::sync::Arc<[u8]> = content.encode().into();
    let act = push_groups::Act::Push { content: content.clone(), lives: None };
    let long_one = push_groups::Change { act, ..change(&key("long"), None, &push(1.0)) };
    assert!(matches!(gateway.store.commit(&[long_one]).unwrap()[..], [Outcome::Made { .. }]));
    gateway.follow().unwrap();
    assert!(follower.follow().unwrap());
    // A failed push keeps it; one that expects another state is told of it.
    gateway.does("long", &Deed::Fail).unwrap();
    assert!(!follower.follow().unwrap());
    for found in [&gateway, &follower] {
        assert!(found.groups[&key("long")].content == content);
    }
    let stale = change(&key("long"), None, &push(1.0));
    let Outcome::Stale(Some(entry)) = gateway.store.commit(&[stale]).unwrap().remove(0) else {
        panic!("not stale")
    };
    assert!(entry.content == content && entry.failed > 0);
}
