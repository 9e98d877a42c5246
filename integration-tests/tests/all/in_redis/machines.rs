//! Machines that forward their directories: real Python workers in each, exporters that are killed, one page of all.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use redis_testkit::RedisServer;

use super::{Missing, Watch, exporter, wait_for, wait_until_retired_but};
use crate::http;
use crate::page;
use crate::running::{Running, signal_kill};
use crate::shop::promtool_accepts;
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
    let mut machines = ["one", "two"].map(|name| {
        let mut command = python();
        command.arg(app("storm.py")).args([RATE, SECONDS]);
        Machine::start(name, command, &server, directory)
    });
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
    let own = machines.each_mut().map(|machine| machine.own("storm_jobs_total"));
    assert_eq!(own.iter().sum::<f64>(), started);
    // And once more, when there is nothing to send.
    machines.iter_mut().for_each(|machine| machine.restart_exporter(&server, directory));
    std::thread::sleep(Duration::from_millis(2_500));
    let watched = watch.end();
    assert!(watched.failed.is_empty(), "{:?}", watched.failed);
    assert_eq!(watched.last.sum("storm_jobs_total"), started);
    assert_eq!(super::processes(&server), 2, "each machine is one process, however often it was killed");
}

/// A worker of gunicorn serves so many requests.
const REQUESTS_OF_A_WORKER: &str = "20";
/// And each machine so many.
const REQUESTS: usize = 300;

#[test]
fn requests_that_gunicorns_on_two_machines_have_served_are_on_one_page() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let (_of_all, address) = exporter("of-all", &["--fold"], &server.url(), directory);
    let watch = Watch::start(address, Missing::Never);
    let mut machines =
        ["one", "two"].map(|name| Machine::start(name, gunicorn(directory), &server, directory));
    let shops = machines.each_mut().map(|machine| machine.workers.address("Listening at: "));
    let (mut sent, mut answered) = (0.0, 0.0);
    for turn in 0..REQUESTS {
        for shop in shops {
            sent += 1.0;
            // A worker that ends may not have read the request.
            answered += f64::from(u8::from(http::get(shop, "/buy").is_ok_and(|answer| answer.status == 200)));
        }
        if turn % 100 == 50 {
            machines[turn / 100 % 2].restart_exporter(&server, directory);
        }
    }
    let recycled: usize =
        machines.iter().map(|machine| machine.workers.log().matches("Autorestarting worker").count()).sum();
    assert!(recycled > 10, "{recycled} workers recycled");
    let own = machines.each_mut().map(|machine| machine.own("http_requests_total"));
    let counted: f64 = own.iter().sum();
    assert!(answered <= counted && counted <= sent, "{answered} <= {counted} <= {sent}");
    let page = wait_for(address, "all is there", |page| page.sum("http_requests_total") == counted);
    assert_eq!(page.sum("http_request_duration_seconds_count"), counted);
    assert_eq!(page.sum("shop_basket_items_bucket{le=\"+Inf\"}"), counted);
    promtool_accepts(&http::page(address, "/metrics"), directory);

    // One is away for longer than the exporter of all waits, while its application counts on.
    let [one, two] = &mut machines;
    signal_kill(&one.exporter.pid());
    wait_until_retired_but(1, &server);
    let before = wait_for(address, "a page", |_| true).sum("http_requests_total");
    assert_eq!(before, counted);
    for _ in 0..20 {
        assert_eq!(http::get(shops[1], "/buy").map(|answer| answer.status).ok(), Some(200));
    }
    one.restart_exporter(&server, directory);
    let counted = one.own("http_requests_total") + two.own("http_requests_total");
    wait_for(address, "all is there", |page| page.sum("http_requests_total") == counted);
    let watched = watch.end();
    assert!(watched.failed.is_empty(), "{:?}", watched.failed);
}

/// The shop, whose workers are recycled.
fn gunicorn(directory: &Path) -> Command {
    let mut command = python();
    command.args(["-m", "gunicorn", "--bind", "127.0.0.1:0", "--workers", "2"]);
    command.args(["--max-requests", REQUESTS_OF_A_WORKER]);
    command.arg("--pythonpath").arg(app("")).arg("shop:application");
    command.env("HOME", directory).current_dir(directory);
    command
}

/// A directory, in which short-lived workers count, and its exporter.
struct Machine {
    name: String,
    metrics: PathBuf,
    workers: Running,
    exporter: Running,
}

impl Machine {
    fn start(name: &str, mut command: Command, server: &RedisServer, directory: &Path) -> Machine {
        let metrics = directory.join(name);
        std::fs::create_dir(&metrics).expect("make a directory");
        command.env("PROMETHEUS_MULTIPROC_DIR", &metrics);
        let workers = Running::start(&format!("{name}-workers"), &mut command, directory);
        let exporter = forwards(name, &metrics, server, directory);
        Machine { name: name.to_owned(), metrics, workers, exporter }
    }

    /// The sum of all series of one name on its own page.
    fn own(&mut self, name: &str) -> f64 {
        let address = self.exporter.address("serving ");
        page::sum(&http::page(address, "/metrics"), name)
    }

    /// Kills the exporter, whatever it does, and starts another one.
    fn restart_exporter(&mut self, server: &RedisServer, directory: &Path) {
        signal_kill(&self.exporter.pid());
        self.exporter = forwards(&self.name, &self.metrics, server, directory);
    }
}

fn forwards(name: &str, metrics: &Path, server: &RedisServer, directory: &Path) -> Running {
    let mut command = multiprom();
    command.args(["serve", "--fold", "--listen", "127.0.0.1:0", "--push-redis", &server.url()]).arg(metrics);
    Running::start(name, &mut command, directory)
}
