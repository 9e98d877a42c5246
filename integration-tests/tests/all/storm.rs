//! A hundred processes a second, each with files of its own: no scrape fails, totals are exact, nothing grows.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::growth::{Looks, Use, entries};
use crate::http;
use crate::page;
use crate::running::Running;
use crate::shop::promtool_accepts;
use crate::tools::{app, multiprom, python};

/// Processes started in a second.
const RATE: usize = 100;

/// Time from scrape to scrape: ten a second.
const SCRAPED_EVERY: Duration = Duration::from_millis(100);

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

    let pid = exporter.pid();
    let mut watched = Watched::default();
    let begun = Instant::now();
    while !storm.has_succeeded() {
        watched.look(address, &metrics);
        watched.used.look(&pid);
        let next = begun + SCRAPED_EVERY * watched.pages;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let lasted = begun.elapsed().as_secs_f64();
    let started: f64 = storm.log().trim().parse().expect("the number of processes");
    println!(
        "{started} processes in {lasted:.1} s; {} pages ({:.2} a second), the slowest in {:?}; at most {:?} files, {:?} kB \
         and {:?} open files by tenths of the time",
        watched.pages,
        f64::from(watched.pages) / lasted,
        watched.slowest,
        watched.files.tenths(),
        watched.used.kilobytes.tenths(),
        watched.used.open_files.tenths(),
    );
    assert!(started > (RATE * seconds) as f64 / 3.0, "{started} processes");
    assert!(f64::from(watched.pages) > lasted * 5.0, "{} pages in {lasted} s", watched.pages);
    watched.look(address, &metrics);
    assert_eq!(watched.jobs, started);
    // What five folds leave: on a machine that is busy one takes its time.
    let most = RATE * 25 * FILES_OF_ONE;
    assert!(watched.files.most() < most, "{} files", watched.files.most());
    watched.used.assert_flat();

    // When all are dead, their files go, and the page stays.
    exporter.wait_until("fold", |_| (entries(&metrics) < 10).then_some(()));
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

/// What was seen so far.
#[derive(Default)]
struct Watched {
    pages: u32,
    jobs: f64,
    seconds: f64,
    slowest: Duration,
    files: Looks,
    used: Use,
}

impl Watched {
    /// Asks for a page, which must come, with no counter less than before.
    fn look(&mut self, exporter: SocketAddr, metrics: &Path) {
        let asked = Instant::now();
        let page = http::page(exporter, "/metrics");
        self.slowest = self.slowest.max(asked.elapsed());
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
        self.files.saw(entries(metrics));
    }
}
