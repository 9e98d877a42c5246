//! A hundred processes a second, each with files of its own: no scrape fails, totals are exact, nothing grows.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::http;
use crate::page;
use crate::running::Running;
use crate::shop::promtool_accepts;
use crate::tools::{app, multiprom, python};

/// Processes started in a second.
const RATE: usize = 100;

/// For how many seconds; the environment's MULTIPROM_STORM_SECONDS for longer ones.
const SECONDS: usize = 12;

#[test]
fn a_hundred_processes_a_second_are_counted_and_folded() {
    let seconds =
        std::env::var("MULTIPROM_STORM_SECONDS").map_or(SECONDS, |text| text.parse().expect("a number"));
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let metrics = directory.join("metrics");
    std::fs::create_dir(&metrics).expect("make a directory");
    let mut command = multiprom();
    command.args(["serve", "--fold", "--listen", "127.0.0.1:0"]).arg(&metrics);
    let mut exporter = Running::start("multiprom", &mut command, directory);
    let address = exporter.address("serving ");
    let mut command = python();
    command.arg(app("storm.py")).args([RATE.to_string(), seconds.to_string()]);
    let mut storm = Running::start("storm", command.env("PROMETHEUS_MULTIPROC_DIR", &metrics), directory);

    let mut watched = Watched::default();
    let mut early = Use::default();
    while !storm.has_succeeded() {
        watched.look(address, &metrics);
        if watched.pages == 30 {
            early = Use::of(&exporter);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let started: f64 = storm.log().trim().parse().expect("the number of processes");
    assert!(started > RATE as f64 * seconds as f64 / 3.0, "{started} processes");
    watched.look(address, &metrics);
    assert_eq!(watched.jobs, started);
    // Two folds, and a moment in which the next has begun.
    let most = RATE * 11 * FILES_OF_ONE;
    assert!(watched.most_files < most, "{} files", watched.most_files);
    let late = Use::of(&exporter);
    assert!(late.files <= early.files + 5, "{early:?}, then {late:?}");
    assert!(late.kilobytes < early.kilobytes * 2 + 8_192, "{early:?}, then {late:?}");

    // When all are dead, their files go, and the page stays.
    exporter.wait_until("fold", |_| (files(&metrics) < 10).then_some(()));
    watched.look(address, &metrics);
    assert_eq!(watched.jobs, started);
    let page = http::page(address, "/metrics");
    assert_eq!(page::sum(&page, "storm_job_seconds_count"), started);
    assert_eq!(page::sum(&page, "storm_running_jobs"), 0.0);
    let own = http::page(address, "/metrics/self");
    assert!(
        page::sum(&own, "multiprom_folded_files_total") >= 2.0 * started,
        "{}",
        String::from_utf8_lossy(&own)
    );
    promtool_accepts(&own, directory);
    let failed = String::from_utf8_lossy(&own);
    assert!(failed.contains("multiprom_collections_total{result=\"failed\"} 0"), "{failed}");
}

/// Counter, histogram, gauge.
const FILES_OF_ONE: usize = 3;

/// What the page has said so far.
#[derive(Default)]
struct Watched {
    pages: usize,
    jobs: f64,
    seconds: f64,
    most_files: usize,
}

impl Watched {
    fn look(&mut self, exporter: SocketAddr, metrics: &Path) {
        let page = http::page(exporter, "/metrics");
        let (jobs, seconds) =
            (page::sum(&page, "storm_jobs_total"), page::sum(&page, "storm_job_seconds_sum"));
        assert!(
            jobs >= self.jobs && seconds >= self.seconds,
            "{} then {jobs}, {} then {seconds}",
            self.jobs,
            self.seconds
        );
        (self.jobs, self.seconds) = (jobs, seconds);
        self.pages += 1;
        self.most_files = self.most_files.max(files(metrics));
    }
}

fn files(metrics: &Path) -> usize {
    std::fs::read_dir(metrics).expect("list the directory").count()
}

/// What a process uses.
#[derive(Debug, Default)]
struct Use {
    kilobytes: usize,
    files: usize,
}

impl Use {
    fn of(process: &Running) -> Use {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("read its status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kilobytes = resident.trim().trim_end_matches(" kB").parse().expect("a number");
        let files = std::fs::read_dir(format!("/proc/{}/fd", process.pid())).expect("list its files").count();
        Use { kilobytes, files }
    }
}
