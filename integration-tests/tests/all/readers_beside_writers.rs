//! A reader that looks again and again while processes come and go.

use std::collections::BTreeMap;

use crate::http::Connection;
use crate::page::sum;
use crate::running::Running;
use crate::tools::{multiprom, worker};

const SCRAPES: usize = 1_000;
const CROWDS: usize = 3; // processes that fork others, one for each scrape
const PROCESSES: f64 = (SCRAPES * CROWDS) as f64;

#[test]
fn counters_only_rise_in_a_thousand_scrapes_while_three_thousand_forked_processes_come_and_go() {
    let directory = tempfile::tempdir().expect("make a directory");
    let metrics = directory.path().join("metrics");
    std::fs::create_dir(&metrics).expect("make a directory");
    let mut serve = multiprom();
    serve.args(["serve", "--listen", "127.0.0.1:0"]).arg(&metrics);
    let mut exporter = Running::start("multiprom", &mut serve, directory.path());
    let address = exporter.address("serving ");
    let mut reader =
        Reader { connection: Connection::open(address).expect("connect"), last: BTreeMap::new() };

    let crowds = (0..CROWDS).map(|crowd| {
        let name = format!("crowd-{crowd}");
        Running::start(&name, worker().arg("crowd").arg(&metrics), directory.path())
    });
    let mut crowds: Vec<_> = crowds.collect();
    for _ in 0..SCRAPES {
        // A process of each crowd comes and goes while the page is made.
        crowds.iter_mut().for_each(|crowd| crowd.tell(b"."));
        reader.scrape(&exporter);
    }
    crowds.iter_mut().for_each(Running::end_of_input);
    while !crowds.iter_mut().all(Running::has_succeeded) {
        reader.scrape(&exporter);
    }
    let page = reader.scrape(&exporter);
    assert_eq!(sum(&page, "jobs_total"), 10.0 * PROCESSES);
    assert_eq!(sum(&page, "job_duration_seconds_count"), PROCESSES);
    assert_eq!(sum(&page, "job_duration_seconds_sum"), 0.5 * PROCESSES);
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
