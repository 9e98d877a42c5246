//! Writers that are stopped for longer than anybody waits, and go on.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::http;
use crate::page::sum;
use crate::running::{Running, signal};
use crate::tools::{app, multiprom, output, python, worker};

/// Longer than it takes to look who lives, and to fold, twice.
const STOPPED: Duration = Duration::from_secs(12);

#[test]
fn writers_that_are_stopped_are_alive_and_go_on_exactly() {
    let directory = tempfile::tempdir().expect("make a directory");
    let path = directory.path();
    let metrics = path.join("metrics");
    std::fs::create_dir(&metrics).expect("make a directory");
    // Three processes that end, and three that stay: two of Python's client and one of ours each time.
    for mut command in writers(&metrics) {
        output(&mut command);
    }
    let [theirs, ours] = writers(&metrics);
    let mut theirs = Writer::start("python", theirs, path);
    let mut ours = Writer::start("worker", ours, path);
    let mut command = multiprom();
    command.args(["serve", "--fold", "--listen", "127.0.0.1:0"]).arg(&metrics);
    let mut exporter = Running::start("multiprom", &mut command, path);
    let address = exporter.address("serving ");
    let numbers = || {
        let page = http::page(address, "/metrics");
        (sum(&page, "stay_jobs_total"), sum(&page, "stay_alive"))
    };
    assert_eq!(numbers().0, 6.0);
    let files = |pids: &[String]| pids.iter().map(|pid| files_of(&metrics, pid)).collect::<Vec<_>>();
    let pids: Vec<String> = theirs.pids.iter().chain(&ours.pids).cloned().collect();
    let before = files(&pids);

    pids.iter().for_each(|pid| signal("-STOP", pid));
    let until = Instant::now() + STOPPED;
    while Instant::now() < until {
        assert_eq!(numbers(), (6.0, 3.0), "three of them live");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(files(&pids), before, "nobody takes their files away");
    assert!(metrics.join("counter_archive.db").exists(), "those who have ended are folded");

    pids.iter().for_each(|pid| signal("-CONT", pid));
    for writer in [&mut theirs, &mut ours] {
        writer.running.tell(b"once more\n");
        writer.running.wait_until("count again", |log| log.contains("counted").then_some(()));
    }
    assert_eq!(numbers(), (9.0, 3.0));
    for Writer { mut running, .. } in [theirs, ours] {
        running.end_of_input();
        running.wait_for_success();
    }
    exporter.wait_until("see that they have ended", |_| (numbers() == (9.0, 0.0)).then_some(()));
}

/// A program that counts, and its processes.
struct Writer {
    running: Running,
    pids: Vec<String>,
}

impl Writer {
    /// Starts one and waits until it has counted.
    fn start(name: &str, mut command: Command, directory: &Path) -> Writer {
        let mut running = Running::start(name, &mut command, directory);
        let ready = running.wait_until("count", |log| {
            Some(log.lines().find_map(|line| line.strip_prefix("ready "))?.to_owned())
        });
        // Ours says how its files are called: its pid, and what tells it from others of that.
        let pid = |id: &str| id.split('-').next().unwrap_or(id).to_owned();
        Writer { running, pids: ready.split(' ').map(pid).collect() }
    }
}

/// Python's client in two processes, and a store of ours in one.
fn writers(metrics: &Path) -> [Command; 2] {
    let (mut theirs, mut ours) = (python(), worker());
    theirs.arg(app("stay.py")).env("PROMETHEUS_MULTIPROC_DIR", metrics);
    ours.arg("stay").arg(metrics);
    [theirs, ours]
}

/// The names of the metrics files of a process.
fn files_of(metrics: &Path, pid: &str) -> Vec<String> {
    let entries = std::fs::read_dir(metrics).expect("list the directory");
    let names = entries.map(|entry| entry.expect("list it").file_name().into_string().expect("text"));
    let is_theirs = |name: &String| {
        let process = name.strip_suffix(".db").and_then(|name| name.rsplit('_').next());
        process.is_some_and(|process| process == pid || process.starts_with(&format!("{pid}-")))
    };
    let mut names: Vec<String> = names.filter(is_theirs).collect();
    names.sort();
    assert!(!names.is_empty(), "process {pid} has no file");
    names
}
