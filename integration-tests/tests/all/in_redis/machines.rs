//! Machines that forward their directories: real Python workers in each, exporters that are killed, one page of all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redis_testkit::RedisServer;

use super::{Missing, Watch, exporter, wait_for};
use crate::http;
use crate::page;
use crate::running::Running;
use crate::tools::{app, multiprom, python};

/// Processes that a machine starts in a second, and for how many seconds.
const RATE: &str = "12";
const SECONDS: &str = "10";

#[test]
fn two_machines_whose_exporters_are_killed_all_the_time_make_one_page() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let (_of_all, address) = exporter("of-all", &["--fold"], &server.url(), directory);
    let watch = Watch::start(address, Missing::Never);
    let mut machines = ["one", "two"].map(|name| Machine::start(name, &server, directory));
    let mut killed = 0;
    while machines.iter_mut().any(|machine| !machine.workers.has_succeeded()) {
        // Each at another moment of its second.
        std::thread::sleep(Duration::from_millis(700 + 130 * (killed % 5)));
        machines[killed as usize % 2].restart_exporter(&server, directory);
        killed += 1;
    }
    assert!(killed > 5, "{killed} exporters killed");
    let started: f64 =
        machines.iter().map(|machine| machine.workers.log().trim().parse::<f64>().expect("a number")).sum();
    assert!(started > 40.0, "{started} processes");
    let page = wait_for(address, "all is there", |page| page.sum("storm_jobs_total") == started);
    assert_eq!(page.sum("storm_job_seconds_count"), started);
    assert_eq!(page.sum("storm_job_seconds_bucket{le=\"+Inf\"}"), started);
    // Each machine's own page has its own.
    let own: f64 = machines
        .iter_mut()
        .map(|machine| {
            let address = machine.exporter.address("serving ");
            page::sum(&http::page(address, "/metrics"), "storm_jobs_total")
        })
        .sum();
    assert_eq!(own, started);
    // And once more, when there is nothing to send.
    machines.iter_mut().for_each(|machine| machine.restart_exporter(&server, directory));
    std::thread::sleep(Duration::from_millis(2_500));
    let watched = watch.end();
    assert!(watched.failed.is_empty(), "{:?}", watched.failed);
    assert_eq!(watched.last.sum("storm_jobs_total"), started);
    assert_eq!(super::processes(&server), 2, "each machine is one process, however often it was killed");
}

/// A directory, in which short-lived workers count, and its exporter.
struct Machine {
    name: String,
    metrics: PathBuf,
    workers: Running,
    exporter: Running,
}

impl Machine {
    fn start(name: &str, server: &RedisServer, directory: &Path) -> Machine {
        let metrics = directory.join(name);
        std::fs::create_dir(&metrics).expect("make a directory");
        let mut command = python();
        command.arg(app("storm.py")).args([RATE, SECONDS]).env("PROMETHEUS_MULTIPROC_DIR", &metrics);
        let workers = Running::start(&format!("{name}-workers"), &mut command, directory);
        let exporter = forwards(name, &metrics, server, directory);
        Machine { name: name.to_owned(), metrics, workers, exporter }
    }

    /// Kills the exporter, whatever it does, and starts another one.
    fn restart_exporter(&mut self, server: &RedisServer, directory: &Path) {
        crate::running::signal_kill(&self.exporter.pid());
        self.exporter = forwards(&self.name, &self.metrics, server, directory);
    }
}

fn forwards(name: &str, metrics: &Path, server: &RedisServer, directory: &Path) -> Running {
    let mut command = multiprom();
    command.args(["serve", "--fold", "--listen", "127.0.0.1:0", "--push-redis", &server.url()]).arg(metrics);
    Running::start(name, &mut command, directory)
}
