//! Servers that are emptied, or killed and started again, while processes count.

use std::time::Duration;

use redis_testkit::RedisServer;

use super::{Missing, Storm, Watch, exporter, wait_for, wait_until_retired_but};
use crate::tools::{output, worker};

/// What befalls a server, and whether what it had is lost.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Emptied,
    RestartedEmpty,
    /// It writes each change to a file.
    RestartedWithAll,
    /// It has written a dump some time ago.
    RestartedWithADump,
}

#[test]
fn who_counts_is_there_again_after_the_database_was_emptied() {
    living_and_dead_after(Trouble::Emptied, &[]);
}

#[test]
fn who_counts_is_there_again_after_a_restart_with_nothing() {
    living_and_dead_after(Trouble::RestartedEmpty, &[]);
}

#[test]
fn nothing_is_lost_by_a_restart_of_a_server_that_writes_everything_down() {
    living_and_dead_after(Trouble::RestartedWithAll, &["--appendonly", "yes"]);
}

#[test]
fn nothing_falls_by_a_restart_of_a_server_that_goes_back_to_a_dump() {
    living_and_dead_after(Trouble::RestartedWithADump, &["--save", "3600 1"]);
}

fn living_and_dead_after(trouble: Trouble, arguments: &[&str]) {
    let mut server = RedisServer::start_with(arguments);
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let (_exporter, address) = exporter("multiprom", &["--fold"], &server.url(), directory);
    // Fifty jobs of somebody who has ended.
    output(worker().args(["redis-jobs", &server.url(), "50", "close"]));
    let mut storms = ["one", "two", "three"].map(|name| Storm::start(name, &server.url(), directory));
    let heard = |page: &super::Page, storm: &Storm, least: [f64; 2]| {
        storm.counted(page).into_iter().zip(least).all(|(counted, least)| counted >= least)
    };
    for storm in &storms {
        wait_for(address, "each one is heard", |page| heard(page, storm, [1.0; 2]));
    }
    wait_for(address, "those who have ended stay", |page| page.sum("jobs_total") == 50.0);
    wait_until_retired_but(storms.len(), &server);
    let loses = matches!(trouble, Trouble::Emptied | Trouble::RestartedEmpty);
    let watch = Watch::start(address, if loses { Missing::AfterALoss } else { Missing::Never });

    for _ in 0..3 {
        if trouble == Trouble::RestartedWithADump {
            server.cli(&["SAVE"]);
            // What is counted meanwhile is in no dump.
            let dumped = storms.each_ref().map(Storm::acknowledged);
            for (storm, dumped) in storms.iter().zip(dumped) {
                wait_for(address, "it is ahead", |page| heard(page, storm, dumped));
            }
        }
        let before = storms.each_ref().map(Storm::acknowledged);
        match trouble {
            Trouble::Emptied => drop(server.cli(&["FLUSHALL"])),
            _ => {
                server.kill();
                std::thread::sleep(Duration::from_millis(500));
                server.restart();
            }
        }
        for (storm, before) in storms.iter().zip(before) {
            wait_for(address, "all is there again", |page| heard(page, storm, before));
        }
    }
    for storm in &mut storms {
        let all = storm.end();
        let page = wait_for(address, "a page of the end", |_| true);
        assert_eq!(storm.counted(&page), all);
    }
    let watched = watch.end();
    let page = wait_for(address, "a page of the end", |_| true);
    let of_the_dead = if loses { 0.0 } else { 50.0 };
    assert_eq!(page.sum("jobs_total"), of_the_dead, "what was kept of the dead goes with the database alone");
    assert!(trouble == Trouble::Emptied || !watched.failed.is_empty(), "a page without the server");
}
