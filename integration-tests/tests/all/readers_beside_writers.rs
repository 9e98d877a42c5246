//! A reader that looks again and again while processes come and go.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::http::Connection;
use crate::page::sum;
use crate::running::Running;
use crate::tools::{multiprom, output, worker};

const SCRAPES: usize = 1_000;
const PROCESSES: usize = 3_000;
const AT_ONCE: usize = 3;

#[test]
fn counters_only_rise_in_a_thousand_scrapes_while_three_thousand_processes_come_and_go() {
    let directory = tempfile::tempdir().expect("make a directory");
    let metrics = directory.path().join("metrics");
    std::fs::create_dir(&metrics).expect("make a directory");
    let mut serve = multiprom();
    serve.args(["serve", "--listen", "127.0.0.1:0"]).arg(&metrics);
    let mut exporter = Running::start("multiprom", &mut serve, directory.path());
    let address = exporter.address("serving ");
    let mut reader =
        Reader { connection: Connection::open(address).expect("connect"), last: BTreeMap::new() };

    let started = AtomicUsize::new(0);
    let mut scrapes = 0;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| write(&started, &metrics))).collect();
        while scrapes < SCRAPES || writers.iter().any(|writer| !writer.is_finished()) {
            reader.scrape(&exporter);
            scrapes += 1;
        }
    });
    let page = reader.scrape(&exporter);
    assert_eq!(sum(&page, "jobs_total"), 10.0 * PROCESSES as f64);
    assert_eq!(sum(&page, "job_duration_seconds_count"), PROCESSES as f64);
    assert_eq!(sum(&page, "job_duration_seconds_sum"), 0.5 * PROCESSES as f64);
}

/// Starts short-lived processes, one after the other.
fn write(started: &AtomicUsize, metrics: &Path) {
    while started.fetch_add(1, Relaxed) < PROCESSES {
        output(worker().arg("once").arg(metrics));
    }
}

/// Somebody who remembers what the last page said.
struct Reader {
    connection: Connection,
    last: BTreeMap<String, f64>,
}

impl Reader {
    fn scrape(&mut self, exporter: &Running) -> Vec<u8> {
        let answer = self.connection.get("/metrics");
        let answer = answer.unwrap_or_else(|error| panic!("scrape: {error}\n{}", exporter.log()));
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), exporter.log());
        let mut seen = BTreeMap::new();
        for line in answer.text().lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            seen.insert(series.to_owned(), value.parse::<f64>().expect("a number"));
        }
        for (series, last) in &self.last {
            let now = seen.get(series).unwrap_or_else(|| panic!("{series} {last} is gone"));
            assert!(now >= last, "{series} fell from {last} to {now}");
        }
        self.last = seen;
        answer.body
    }
}
