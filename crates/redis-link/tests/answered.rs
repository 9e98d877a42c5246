//! Whether anybody has ever answered on a link.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::time::{Duration, Instant};

use redis::pipe;
use redis_link::{Address, Link, Timeouts};
use redis_testkit::{RedisCluster, RedisServer};

fn link(url: &str) -> Link {
    let timeouts = Timeouts { connect: Duration::from_millis(500), answer: Duration::from_millis(500) };
    Link::new(Address::parse(url).unwrap(), timeouts).for_key("a")
}

/// Whether it has had an answer after one attempt, and whether the attempt went well.
fn attempt(link: &Link) -> (bool, bool) {
    let went_well = link.run(pipe().cmd("GET").arg("a")).is_ok();
    (link.has_answered(), went_well)
}

#[test]
fn a_server_has_answered_once_it_has_said_anything_and_from_then_on() {
    let mut server = RedisServer::start();
    let link = link(&server.url());
    assert!(!link.has_answered());
    // The system takes its connections, and nobody answers.
    server.pause();
    assert_eq!(attempt(&link), (false, false));
    server.resume();
    server.kill();
    assert_eq!(attempt(&link), (false, false));
    server.restart();
    assert_eq!(attempt(&link), (true, true));
    server.kill();
    assert_eq!(attempt(&link), (true, false));
}

#[test]
fn a_refusal_is_an_answer() {
    let server = RedisServer::start_with(&["--requirepass", "g3heim"]);
    let wrong_password = server.url().replace("redis://", "redis://:guess3d@");
    for url in [server.url(), wrong_password] {
        assert_eq!(attempt(&link(&url)), (true, false), "{url}");
    }
    let server = RedisServer::start();
    server.cli(&["LPUSH", "a", "x"]);
    assert_eq!(attempt(&link(&server.url())), (true, false));
}

#[test]
fn sentinels_that_name_a_master_have_not_answered_for_it() {
    let mut master = RedisServer::start();
    let sentinel = master.start_sentinel();
    let url = format!("redis+sentinel://127.0.0.1:{}/shop", sentinel.port());
    master.kill();
    let absent = link(&url);
    assert_eq!(attempt(&absent), (false, false));
    master.restart();
    let begun = Instant::now();
    while attempt(&absent) != (true, true) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not answer");
    }
    let refused = link(&format!("{url}?sentinel_pass=x"));
    assert_eq!(attempt(&refused), (true, false));
}

#[test]
fn a_cluster_has_answered_when_any_of_its_nodes_has() {
    let mut cluster = RedisCluster::start(3);
    let owner = cluster.owner("a");
    let url = cluster.url();
    cluster.nodes[owner].kill();
    assert_eq!(attempt(&link(&url)), (true, false));
    cluster.nodes.iter_mut().for_each(RedisServer::kill);
    assert_eq!(attempt(&link(&url)), (false, false));
}
