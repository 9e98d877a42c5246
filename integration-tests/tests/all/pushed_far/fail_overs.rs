//! Two gateways on servers whose masters are killed.

use redis_testkit::{RedisCluster, RedisServer};
use tempfile::TempDir;

use crate::http;

use super::pushing::{Pushing, shown};
use super::scraping::Scraping;
use super::{gateway, until};

/// Who pushes at once.
const PUSHERS: u64 = 4;

/// So many pushes and pages of each gateway lie before, between and behind what happens.
const PUSHES: u64 = 300;
const PAGES: f64 = 10.0;

/// Pushes to two gateways, which Prometheus scrapes, while something happens to their servers; `during` is told how to
/// wait until many have pushed, and Prometheus has scraped, again.
fn nothing_is_lost(url: &str, flags: &[&str], during: impl FnOnce(&dyn Fn(&str))) {
    let directory = TempDir::new().expect("a directory");
    let endpoint = format!("--redis.endpoint={url}");
    let flags = [&[endpoint.as_str(), "--web.own-metrics=separate"], flags].concat();
    let (_one, one) = gateway("one", directory.path(), &flags);
    let (_two, two) = gateway("two", directory.path(), &flags);
    let scraping = Scraping::start([one, two], directory.path());
    let pushing = Pushing::start([one, two], PUSHERS);
    let goes_on = |when: &str| {
        let (pushes, pages) = (pushing.count() + PUSHES, scraping.pages());
        // NaN before the first page.
        let pages = pages.max(0.0) + PAGES;
        until(&format!("pushes and pages go on {when}"), || {
            pushing.count() > pushes && scraping.pages() > pages
        });
    };
    goes_on("at first");
    during(&goes_on);
    let pushed = pushing.end();
    eprintln!("{} pushes were acknowledged, {} refused and tried again", pushed.count, pushed.refused);

    let pages = || [one, two].map(|gateway| http::get(gateway, "/metrics").expect("a gateway answers"));
    // A page is of some time ago, and says so, while a server does not answer.
    until("both pages are of now", || {
        pages().iter().all(|page| page.status == 200 && page.header("age").is_none())
    });
    let [of_one, of_two] = pages();
    assert_eq!(shown(&of_one.body), pushed.acknowledged);
    assert_eq!(of_one.text(), of_two.text());
    scraping.saw_all_and_no_fall(&pushed);
}

#[test]
fn masters_of_a_cluster_that_are_killed_take_nothing_along() {
    let mut cluster = RedisCluster::start(3);
    (0..3).for_each(|master| cluster.add_replica(master));
    const SHARDS: usize = 8;
    let owners: Vec<usize> =
        (0..SHARDS).map(|shard| cluster.owner(&format!("{{push:multiprom#{shard}}}:meta"))).collect();
    assert!((0..3).all(|master| owners.contains(&master)), "{owners:?}");
    let url = cluster.url();
    nothing_is_lost(&url, &[&format!("--redis.shards={SHARDS}")], |goes_on| {
        cluster.nodes[0].kill();
        becomes_master(&cluster.nodes[3]);
        goes_on("without the first master");
        // It comes back with nothing, and gets it all from who took its place.
        cluster.nodes[0].restart();
        until("the first master is a replica", || is_replica_of(&cluster.nodes[0], &cluster.nodes[3]));
        cluster.nodes[1].kill();
        becomes_master(&cluster.nodes[4]);
        goes_on("without the second master");
        cluster.nodes[3].kill();
        becomes_master(&cluster.nodes[0]);
        goes_on("with the first master again");
    });
}

#[test]
fn a_master_behind_sentinels_that_is_killed_takes_nothing_along() {
    let mut master = RedisServer::start();
    let replica = || {
        let replica = RedisServer::start_with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
        until("the replica has what its master has", || is_replica_of(&replica, &master));
        replica
    };
    let one = replica();
    let sentinels = master.start_sentinels("");
    let two = replica();
    for sentinel in &sentinels {
        until("the sentinels know both replicas", || {
            sentinel.cli(&["SENTINEL", "MASTER", "shop"]).contains("num-slaves\n2\n")
        });
    }
    let hosts = sentinels.each_ref().map(|one| format!("127.0.0.1:{}", one.port()));
    nothing_is_lost(&format!("redis+sentinel://{}/shop", hosts.join(",")), &[], |goes_on| {
        master.kill();
        until("a replica takes its place", || [&one, &two].iter().any(|replica| is_master(replica)));
        goes_on("without the master");
    });
}

fn becomes_master(server: &RedisServer) {
    until("a replica takes its master's place", || is_master(server));
}

fn is_master(server: &RedisServer) -> bool {
    server.cli(&["ROLE"]).starts_with("master\n")
}

fn is_replica_of(server: &RedisServer, master: &RedisServer) -> bool {
    let told = server.cli(&["INFO", "replication"]);
    told.contains(&format!("master_port:{}\r\n", master.port())) && told.contains("master_link_status:up\r\n")
}
