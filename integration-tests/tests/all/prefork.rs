//! Celery and puma, each one command with its page: workers are killed and recycled, what is counted is the work done.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::http;
use crate::one_command::processes_with;
use crate::page;
use crate::running::{Running, signal, signal_kill};
use crate::tools::{app, multiprom, output, puma, python};

#[test]
fn celerys_workers_are_killed_and_recycled_and_all_jobs_are_counted() {
    let directory = tempfile::tempdir().expect("make a directory");
    let mut jobs = Jobs::start(directory.path());
    jobs.send(40);
    jobs.are_done_and_counted();
    // Nobody works: a worker that is killed now takes nothing with it.
    let killed = jobs.last_worker();
    signal_kill(&killed);
    jobs.send(40);
    jobs.are_done_and_counted();
    assert_ne!(jobs.last_worker(), killed);
    // Eighty jobs, ten for each worker, and two that live.
    assert!(jobs.workers().len() >= 8, "{:?}", jobs.workers());
    // The master: a worker may be about to end.
    let metrics = metrics_directory(&only_child(&jobs.running.pid()));
    let page = http::page(jobs.exporter, "/metrics");
    assert_eq!(page::sum(&page, "jobs_running"), 0.0);
    // The master, two workers and those who were.
    assert!(page::sum(&page, "process_threads") >= 3.0);
    let Jobs { mut running, exporter, .. } = jobs;
    signal("TERM", &running.pid());
    running.wait_for_success();
    assert_nothing_is_left(&metrics, &[exporter]);
}

#[test]
fn pumas_workers_are_killed_and_all_requests_are_counted() {
    let directory = tempfile::tempdir().expect("make a directory");
    let mut command = under_multiprom(&puma(), directory.path());
    command.arg("--config").arg(app("puma.rb"));
    let mut running = Running::start("puma", &mut command, directory.path());
    let exporter = running.address("serving ");
    let shop = running.address("Listening on ");
    let booted = |running: &mut Running, times: usize| {
        running.wait_until("boot", |log| (log.matches(" booted in ").count() >= times).then_some(()));
    };
    booted(&mut running, 2);
    let mut served = 0;
    let mut workers = BTreeSet::new();
    let mut serve = |requests: u64| {
        for _ in 0..requests {
            let answer = http::get(shop, "/buy").expect("ask for a page");
            assert_eq!(answer.status, 200);
            served += 1;
            workers.insert(answer.header("x-worker").expect("a worker says who it is").to_owned());
        }
        let page = http::page(exporter, "/metrics");
        let text = String::from_utf8_lossy(&page);
        assert_eq!(page::sum(&page, "shop_requests_total"), f64::from(served), "{text}");
        assert_eq!(page::sum(&page, "shop_order_items_count"), f64::from(served), "{text}");
        workers.clone()
    };
    let first = serve(60);
    let metrics = metrics_directory(first.first().expect("a worker"));
    for worker in &first {
        signal_kill(worker);
    }
    // In their places others go on, in the same files or in new ones.
    booted(&mut running, 2 + first.len());
    let all = serve(60);
    assert!(all.len() > first.len(), "{all:?}");
    signal("TERM", &running.pid());
    running.wait_for_success();
    assert_nothing_is_left(&metrics, &[exporter, shop]);
}

/// Celery with two workers, who end after ten jobs.
struct Jobs {
    running: Running,
    exporter: SocketAddr,
    directory: PathBuf,
    sent: u32,
}

impl Jobs {
    fn start(directory: &Path) -> Jobs {
        let mut celery = python();
        celery.args(["-m", "celery"]);
        let mut command = under_multiprom(&celery, directory);
        command.args(["-m", "celery", "--app", "jobs", "--workdir"]).arg(app("jobs"));
        command.args(["worker", "--concurrency", "2", "--max-tasks-per-child", "10", "--loglevel", "INFO"]);
        command.args(["--without-gossip", "--without-mingle", "--without-heartbeat"]);
        let mut running = Running::start("celery", command.env("JOBS_DIRECTORY", directory), directory);
        let exporter = running.address("serving ");
        running.wait_until("start", |log| log.contains(" ready.").then_some(()));
        Jobs { running, exporter, directory: directory.to_owned(), sent: 0 }
    }

    fn send(&mut self, jobs: u32) {
        let mut send = python();
        send.arg(app("jobs/jobs.py")).args(["send", &self.sent.to_string(), &(self.sent + jobs).to_string()]);
        output(send.env("JOBS_DIRECTORY", &self.directory));
        self.sent += jobs;
    }

    /// Waits until all jobs are done; they are then on the page.
    fn are_done_and_counted(&mut self) {
        let (directory, sent) = (self.directory.clone(), self.sent as usize);
        self.running.wait_until("do all jobs", |_| (done(&directory).len() == sent).then_some(()));
        let page = http::page(self.exporter, "/metrics");
        let text = String::from_utf8_lossy(&page);
        let sent = f64::from(self.sent);
        assert_eq!(page::sum(&page, "jobs_done_total"), sent, "{text}");
        assert_eq!(page::sum(&page, "jobs_size_bytes_count"), sent, "{text}");
        assert_eq!(page::sum(&page, "jobs_size_bytes_sum"), sent * (sent - 1.0) / 2.0, "{text}");
    }

    fn workers(&self) -> BTreeSet<String> {
        done(&self.directory).into_iter().collect()
    }

    fn last_worker(&self) -> String {
        done(&self.directory).pop().expect("somebody has worked")
    }
}

/// Who has done the jobs that are noted, in their order.
fn done(directory: &Path) -> Vec<String> {
    let noted = std::fs::read_to_string(directory.join("done")).unwrap_or_default();
    noted.lines().filter_map(|line| line.split_once(' ')).map(|(_, worker)| worker.to_owned()).collect()
}

/// A command's program under `multiprom run`, and what both need of the environment.
fn under_multiprom(program: &Command, directory: &Path) -> Command {
    let mut command = multiprom();
    command.args(["run", "--listen", "127.0.0.1:0", "--"]).arg(program.get_program());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", directory).current_dir(directory);
    command
}

/// The process that a process has started.
fn only_child(pid: &str) -> String {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("list the children of a process");
    let [child] = children.split_ascii_whitespace().collect::<Vec<_>>()[..] else { panic!("{children:?}") };
    child.to_owned()
}

/// The directory that a process was told of.
fn metrics_directory(pid: &str) -> PathBuf {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("read a worker's environment");
    let environment = String::from_utf8_lossy(&environment);
    let value = environment.split('\0').find_map(|line| line.strip_prefix("PROMETHEUS_MULTIPROC_DIR="));
    value.expect("a worker knows the directory").into()
}

fn assert_nothing_is_left(metrics: &Path, addresses: &[SocketAddr]) {
    assert!(!metrics.exists());
    assert_eq!(processes_with(metrics), Vec::<String>::new());
    for &address in addresses {
        assert!(TcpStream::connect(address).is_err(), "somebody listens at {address}");
    }
}
