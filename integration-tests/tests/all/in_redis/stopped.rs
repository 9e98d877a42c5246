//! Processes that are stopped for so long that they are taken for dead, and go on.

use redis_testkit::RedisServer;

use super::{Missing, Storm, Watch, exporter, processes, wait_for, wait_until_retired_but};
use crate::running::signal;

#[test]
fn workers_that_are_stopped_for_longer_than_anybody_waits_go_on_exactly() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let (_exporter, address) = exporter("multiprom", &["--fold"], &server.url(), directory);
    let watch = Watch::start(address, Missing::Never);
    let mut storms = ["one", "two"].map(|name| Storm::start(name, &server.url(), directory));
    for storm in &storms {
        wait_for(address, "each one is heard", |page| storm.counted(page).iter().all(|&it| it > 0.0));
    }
    storms.iter().for_each(|storm| signal("STOP", &storm.running.pid()));
    // The exporter waits for 15 seconds.
    wait_until_retired_but(0, &server);
    let before = wait_for(address, "a page of the retired", |_| true);
    storms.iter().for_each(|storm| signal("CONT", &storm.running.pid()));
    for storm in &storms {
        let stopped_at = storm.counted(&before);
        wait_for(address, "it counts on", |page| storm.counted(page)[0] > stopped_at[0] + 100.0);
    }
    assert_eq!(processes(&server), 2);
    for storm in &mut storms {
        let all = storm.end();
        let page = wait_for(address, "a page of the end", |_| true);
        assert_eq!(storm.counted(&page), all);
    }
    let watched = watch.end();
    assert!(watched.failed.is_empty(), "{:?}", watched.failed);
}
