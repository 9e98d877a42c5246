//! `multiprom run`: the application and its page are one command, which leaves nothing behind.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use crate::http;
use crate::page;
use crate::running::{Running, signal};
use crate::tools::{app, collect, multiprom, output, python};

#[test]
fn gunicorn_is_reloaded_upgraded_and_ended_under_one_command() {
    let directory = tempfile::tempdir().expect("make a directory");
    let mut shop = Shop::start(directory.path());
    shop.serves(20);
    let metrics = shop.metrics_directory();

    // A reload is no restart: the page goes on.
    shop.tell("HUP");
    shop.running.wait_until("reload", |log| (log.matches("Booting worker").count() >= 8).then_some(()));
    shop.running
        .wait_until("end old workers", |log| (log.matches("Worker exiting").count() >= 4).then_some(()));
    shop.serves(20);

    // An upgrade: another master beside the old one, which is ended by its own pid.
    let old = master(shop.running.log(), 0).expect("the first master has a pid");
    shop.tell("USR2");
    let new = shop.running.wait_until("upgrade", |log| {
        let started = log.matches("Booting worker").count() >= 12;
        started.then(|| master(log.to_owned(), 1)).flatten()
    });
    shop.serves(20);
    signal("QUIT", &old);
    let handed_over = format!("process {old} has ended, process {new} goes on in its place");
    shop.running.wait_until("hand over", |log| log.contains(&handed_over).then_some(()));
    shop.serves(20);
    assert_eq!(shop.metrics_directory(), metrics);

    // Signals are the new master's now, and its end is the command's.
    shop.tell("TTIN");
    shop.running
        .wait_until("add a worker", |log| (log.matches("Booting worker").count() >= 13).then_some(()));
    shop.tell("TERM");
    let Shop { mut running, application, exporter, .. } = shop;
    running.wait_for_success();
    assert!(running.log().contains(&format!("[{new}] [INFO] Shutting down: Master")), "{}", running.log());
    assert!(!metrics.exists());
    assert_eq!(processes_with(&metrics), Vec::<String>::new());
    for address in [application, exporter] {
        assert!(TcpStream::connect(address).is_err(), "somebody listens at {address}");
    }
}

/// The shop under gunicorn, as one command.
struct Shop {
    running: Running,
    application: SocketAddr,
    exporter: SocketAddr,
    /// How many requests were answered so far.
    answered: u64,
    /// CPU time that the page told last.
    cpu_seconds: f64,
}

impl Shop {
    fn start(directory: &Path) -> Shop {
        let gunicorn = Path::new(python().get_program()).with_file_name("gunicorn");
        let mut command = multiprom();
        command.args(["run", "--listen", "127.0.0.1:0", "--"]).arg(gunicorn);
        command.arg("--config").arg(app("gunicorn.conf.py"));
        command.arg("--pythonpath").arg(app("")).arg("shop:application");
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", directory).current_dir(directory);
        let mut running = Running::start("multiprom", &mut command, directory);
        let exporter = running.address("serving ");
        let application = running.address("Listening at: ");
        running.wait_until("start workers", |log| (log.matches("Booting worker").count() >= 4).then_some(()));
        Shop { running, application, exporter, answered: 0, cpu_seconds: 0.0 }
    }

    /// Sends a signal to the one command.
    fn tell(&self, what: &str) {
        signal(what, &self.running.pid());
    }

    /// Answers some requests, of which the page has all, and says what its processes use.
    fn serves(&mut self, requests: u64) {
        for _ in 0..requests {
            // A worker that is being replaced may close a connection that it has not read.
            while http::get(self.application, "/buy").is_err() {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            self.answered += 1;
        }
        let page = http::page(self.exporter, "/metrics");
        let number = |name| page::sum(&page, name);
        assert_eq!(number("http_requests_total"), self.answered as f64);
        // A master and four workers.
        assert!(number("process_threads") >= 5.0);
        assert!(number("process_resident_memory_bytes") > number("process_proportional_memory_bytes"));
        let cpu_seconds = number("process_cpu_seconds_total");
        assert!(cpu_seconds >= self.cpu_seconds && cpu_seconds > 0.0, "{} {cpu_seconds}", self.cpu_seconds);
        self.cpu_seconds = cpu_seconds;
    }

    /// The directory that was made for it.
    fn metrics_directory(&self) -> PathBuf {
        let environment = std::fs::read(format!("/proc/{}/environ", self.any_worker()))
            .expect("read a worker's environment");
        let environment = String::from_utf8_lossy(&environment);
        let value = environment.split('\0').find_map(|line| line.strip_prefix("PROMETHEUS_MULTIPROC_DIR="));
        value.expect("a worker knows the directory").into()
    }

    fn any_worker(&self) -> String {
        let answer = http::get(self.application, "/merged").expect("ask a worker");
        answer.header("x-worker").expect("a worker says who it is").to_owned()
    }
}

/// The pid of gunicorn's master that started so many masters after the first.
fn master(log: String, number: usize) -> Option<String> {
    let line = log.lines().filter(|line| line.contains("[INFO] Starting gunicorn")).nth(number)?;
    Some(line.split('[').nth(2)?.split(']').next()?.to_owned())
}

/// The processes that were told of this directory.
pub(crate) fn processes_with(directory: &Path) -> Vec<String> {
    let text = directory.to_str().expect("the directory is UTF-8").as_bytes();
    let knows = |pid: &String| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(text.len()).any(|window| window == text)
    };
    let entries = std::fs::read_dir("/proc").expect("list processes");
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).filter(knows).collect()
}

#[test]
fn a_shell_sees_the_command_stop_and_end_as_if_it_were_alone() {
    let mut terminal = python();
    terminal.arg(app("terminal.py")).arg(multiprom().get_program());
    terminal.args(["run", "--log-level", "error", "--listen", "127.0.0.1:0", "--", "sh", "-c"]);
    terminal.arg("trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.1; done");
    let shown = String::from_utf8(output(&mut terminal)).expect("it is text");
    let lines: Vec<&str> = shown.lines().filter(|line| !line.starts_with("multiprom: serving")).collect();
    let expected = ["ready", "now stopped True", "now continued", "interrupted", "now ended 3"];
    assert_eq!(lines, expected, "{shown}");
}

#[test]
fn counters_go_on_in_the_next_run_where_that_is_wanted() {
    let directory = tempfile::tempdir().expect("make a directory");
    let metrics = directory.path().join("metrics");
    let count = |on_restart: &str| {
        let mut command = multiprom();
        command.args(["run", "--listen", "127.0.0.1:0", "--on-restart", on_restart, "--directory"]);
        command.arg(&metrics).arg("--").arg(python().get_program()).arg(app("count.py")).arg("1");
        output(&mut command);
        let page = collect([&metrics]);
        let gauges = String::from_utf8_lossy(&page).matches("\nshared_level_all_ratio{").count();
        (
            page::sum(&page, "shared_sent_bytes_total"),
            page::sum(&page, "shared_latency_seconds_count"),
            gauges,
        )
    };
    let bytes = (0..200).sum::<u64>() as f64;
    assert_eq!(count("wipe"), (bytes, 200.0, 2));
    assert_eq!(count("keep"), (2.0 * bytes, 400.0, 2));
    assert_eq!(count("keep"), (3.0 * bytes, 600.0, 2));
    assert_eq!(count("wipe"), (bytes, 200.0, 2));
}
