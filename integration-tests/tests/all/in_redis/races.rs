//! Exporters that take the dead out at the same time, beside processes that come and go.

use std::time::Duration;

use redis_testkit::RedisServer;

use super::{Hasty, Missing, Storm, Watch, exporter, wait_for, wait_until_retired_but};
use crate::recycled::Prometheus;
use crate::tools::{output, worker};

/// Short lives, and at most so many at a time.
const LIVES: usize = 100;
const AT_ONCE: usize = 4;
/// What each of them counts.
const JOBS: usize = 20;

#[test]
fn two_exporters_take_a_hundred_processes_out_and_no_counter_restarts() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let exporters = ["first", "second"].map(|name| exporter(name, &["--fold"], &server.url(), directory));
    let watches = exporters.each_ref().map(|(_, address)| Watch::start(*address, Missing::Never));
    let address = exporters[0].1;
    let mut prometheus = Prometheus::start(address, directory);
    let mut storm = Storm::start("storm", &server.url(), directory);
    let url = server.url();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                for life in 0..LIVES / AT_ONCE {
                    // Every fifth is not closed: it is taken for dead when nobody has heard of it for long.
                    let end = if life % 5 == 0 { "flush" } else { "close" };
                    output(worker().args(["redis-jobs", &url, &JOBS.to_string(), end]));
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
        }
    });
    let all = (LIVES * JOBS) as f64;
    let of_all = [("jobs_total", all), ("job_duration_seconds_count", all)];
    for (_, address) in &exporters {
        let page = wait_for(*address, "a page", |_| true);
        assert_eq!(of_all.map(|(name, _)| (name, page.sum(name))), of_all);
    }
    wait_until_retired_but(1, &server);
    for (_, address) in &exporters {
        let page = wait_for(*address, "a page", |_| true);
        assert_eq!(of_all.map(|(name, _)| (name, page.sum(name))), of_all);
        let seconds = page.sum("job_duration_seconds_sum");
        assert!((seconds - all * 0.1).abs() < 1e-9, "{seconds}");
    }
    let [updates, _] = storm.end();
    wait_for(address, "all is there", |page| storm.counted(page)[0] == updates);
    for watch in watches {
        let failed = watch.end().failed;
        assert!(failed.is_empty(), "{failed:?}");
    }
    prometheus.saw_no_restart(
        &[
            "jobs_total",
            "job_duration_seconds_bucket",
            "job_duration_seconds_count",
            "job_duration_seconds_sum",
            "storm_updates_total",
        ],
        all,
    );
}

#[test]
fn a_page_is_the_same_whoever_retires_whom() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    for _ in 0..5 {
        output(worker().args(["redis-jobs", &server.url(), "7", "close"]));
    }
    let (_exporter, address) = exporter("multiprom", &[], &server.url(), directory.path());
    let before = wait_for(address, "a page", |_| true);
    let janitors = [(); 3].map(|()| Hasty::start(&server.url(), Duration::from_secs(60)));
    wait_until_retired_but(0, &server);
    assert_eq!(janitors.map(Hasty::end).iter().sum::<usize>(), 5, "each one is retired once");
    let after = wait_for(address, "a page", |_| true);
    assert_eq!(before.0, after.0);
}
