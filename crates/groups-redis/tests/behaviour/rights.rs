//! A user who may do what `PROTOCOL.md` says that a gateway needs, and no more: all works, and nothing does without one
//! of its rights.

use groups_redis::{Options, Wait};
use metrics_core::Kind;
use push_groups::{Change, GroupStore, Once, Outcome};
use redis_testkit::RedisServer;

use crate::gateway::{Deed, Gateway, change, key};

const PROTOCOL: &str = include_str!("../../PROTOCOL.md");

/// The rights of the row that begins so.
fn rights(who: &str) -> Vec<&'static str> {
    let row = PROTOCOL.lines().find(|line| line.starts_with(&format!("| {who} | "))).unwrap();
    let rights = row.split('`').filter(|part| part.starts_with('+')).flat_map(str::split_whitespace);
    rights.map(|right| right.trim_start_matches('+')).collect()
}

/// The address for a new user who may do so much on the keys of the gateway.
fn user(server: &RedisServer, name: &str, rights: &[&str]) -> String {
    let rights: Vec<String> = rights.iter().map(|right| format!("+{right}")).collect();
    let mut command = vec!["ACL", "SETUSER", name, "reset", "on", ">s3cret", "~{push:multiprom#*"];
    command.extend(rights.iter().map(String::as_str));
    assert_eq!(server.cli(&command), "OK\n");
    server.cli(&["FLUSHALL"]);
    server.cli(&["SCRIPT", "FLUSH"]);
    format!("redis://{name}:s3cret@127.0.0.1:{}/0", server.port())
}

/// Everything that a gateway does.
fn all(url: &str, wait_replicas: Wait) -> Result<(), String> {
    let options = Options { log_length: 2, wait_replicas, ..Options::default() };
    let mut gateway = Gateway::new(url, options);
    let told = |error: push_groups::StoreError| error.to_string();
    let push = Deed::Push(vec![("n", Kind::Gauge)], 1.0);
    gateway.follow().map_err(told)?;
    for round in 0..5 {
        let job = format!("job-{round}");
        for deed in [&push, &Deed::Fail, &Deed::Push(vec![("m", Kind::Gauge)], 2.0)] {
            assert!(matches!(gateway.does(&job, deed).map_err(told)?, Outcome::Made { .. }));
            gateway.follow().map_err(told)?;
        }
        let once = Some(Once { id: job.as_str().into(), keep: std::time::Duration::from_secs(9) });
        let change = Change { once, ..change(&key("once"), None, &Deed::Delete) };
        assert!(matches!(gateway.store.commit(&[change]).map_err(told)?[..], [Outcome::Made { .. }]));
        gateway.does(&job, &Deed::Delete).map_err(told)?;
        gateway.follow().map_err(told)?;
    }
    gateway.store.wipe().map_err(told)?;
    assert!(gateway.follow().map_err(told)? && gateway.groups.is_empty());
    Ok(())
}

#[test]
fn a_gateway_needs_what_is_written_and_nothing_else() {
    let server = RedisServer::start();
    let needed = rights("a gateway");
    all(&user(&server, "whole", &needed), Wait::Auto).unwrap();
    all(&user(&server, "informed", &[&needed[..], &["info"]].concat()), Wait::Auto).unwrap();
    for missing in &needed {
        let others: Vec<&str> = needed.iter().filter(|right| right != &missing).copied().collect();
        let why = all(&user(&server, &format!("not-{missing}"), &others), Wait::Auto).unwrap_err();
        assert!(why.contains("NOPERM") && why.contains(&format!("'{missing}'")), "without {missing}: {why}");
        assert!(!why.contains("s3cret"), "{why}");
        // Nothing is half done.
        assert_eq!(server.cli(&["EXISTS", "{push:multiprom#0}:meta"]), "0\n", "without {missing}");
    }
}

#[test]
fn who_waits_for_replicas_needs_a_right_of_its_own() {
    let server = RedisServer::start();
    let replica = RedisServer::start_with(&["--replicaof", &format!("127.0.0.1 {}", server.port())]);
    while !server.cli(&["INFO", "replication"]).contains("state=online") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let (needed, besides) =
        (rights("a gateway"), rights("where there are replicas, or some are waited for, besides"));
    assert_eq!(besides, ["wait"]);
    all(&user(&server, "whole", &[&needed[..], &besides[..]].concat()), Wait::Auto).unwrap();
    let why = all(&user(&server, "not-wait", &needed), Wait::Auto).unwrap_err();
    assert!(why.contains("NOPERM") && why.contains("'wait'"), "{why}");
    drop(replica);
}
