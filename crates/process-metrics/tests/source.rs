//! Processes that a test starts and ends, as the page shows them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use collector::{Ask, Collector};
use process_metrics::{Group, ProcessSource, View};

/// A shell that does what it is told, line by line.
struct Shell(Child);

impl Shell {
    fn start() -> Shell {
        Shell(Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Has it do something, and waits until it is done.
    fn does(&mut self, what: &str) {
        writeln!(self.0.stdin.as_ref().unwrap(), "{what}; echo").unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(self.0.stdout.as_mut().unwrap(), &mut byte).unwrap();
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

const BURN: &str = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";

fn collector(groups: Vec<Group>, view: View) -> Collector {
    Collector::new(vec![Box::new(ProcessSource::new(groups, view))])
}

/// The samples of the page.
fn page(collector: &Collector) -> BTreeMap<String, f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let page = runtime.block_on(collector.collect(&Ask::default())).unwrap();
    let mut text = Vec::new();
    exposition::encode(exposition::Format::TEXT, &page, &mut text);
    let text = String::from_utf8(text).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn now() -> f64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

#[test]
fn a_sum_has_all_who_live_and_the_time_of_those_who_have_ended() {
    let listed = Arc::new(Mutex::new(Vec::new()));
    let list = listed.clone();
    let collector = collector(vec![Group::of(move || Ok(list.lock().unwrap().clone()))], View::Sum);
    let (mut a, b) = (Shell::start(), Shell::start());
    *listed.lock().unwrap() = vec![a.pid(), b.pid(), u32::MAX];
    a.does(BURN);
    let both = page(&collector);
    assert_eq!(both["process_threads"], 2.0);
    assert!(both["process_open_fds"] >= 6.0);
    assert!(both["process_max_fds"] >= both["process_open_fds"]);
    assert!(both["process_proportional_memory_bytes"] > 0.0);
    assert!(both["process_resident_memory_bytes"] >= both["process_proportional_memory_bytes"]);
    assert!((now() - both["process_start_time_seconds"]).abs() < 60.0, "{both:?}");
    assert!(both["process_cpu_seconds_total"] >= 0.02, "{both:?}");
    a.end();
    let one = page(&collector);
    assert_eq!(one["process_threads"], 1.0);
    assert!(one["process_cpu_seconds_total"] >= both["process_cpu_seconds_total"]);
    b.end();
    let none = page(&collector);
    assert_eq!((none["process_threads"], none.get("process_start_time_seconds")), (0.0, None));
    assert!(none["process_cpu_seconds_total"] >= both["process_cpu_seconds_total"]);
}

#[test]
fn of_descendants_no_cpu_time_is_missed() {
    let mut shell = Shell::start();
    let collector = collector(vec![Group::descendants_of(shell.pid())], View::Sum);
    assert_eq!(page(&collector)["process_cpu_seconds_total"], 0.0);
    // Nobody looks while it runs.
    shell.does(&format!("sh -c '{BURN}'"));
    let after = page(&collector);
    assert!(after["process_cpu_seconds_total"] >= 0.02, "{after:?}");
    assert_eq!(after["process_threads"], 0.0);
    shell.does("sleep 60 & echo");
    assert_eq!(page(&collector)["process_threads"], 1.0);
    shell.does("kill $!; wait");
    shell.end();
}

#[test]
fn each_process_has_its_pid_and_the_labels_of_its_group() {
    let (a, b) = (Shell::start(), Shell::start());
    let (shop, mail) = (a.pid(), b.pid());
    let labelled = |pid: u32, app: &str| {
        Group::of(move || Ok(vec![pid])).labelled(vec![("app".to_owned(), app.to_owned())])
    };
    let each = page(&collector(vec![labelled(shop, "shop"), labelled(mail, "mail")], View::Each));
    for (pid, app) in [(shop, "shop"), (mail, "mail")] {
        assert_eq!(each[&format!("process_threads{{app=\"{app}\",pid=\"{pid}\"}}")], 1.0, "{each:?}");
        assert!(each.contains_key(&format!("process_cpu_seconds_total{{app=\"{app}\",pid=\"{pid}\"}}")));
    }
    assert_eq!(each.len(), 14, "{each:?}");
    let sum = page(&collector(vec![labelled(shop, "shop"), labelled(mail, "mail")], View::Sum));
    assert_eq!((sum.len(), sum["process_threads{app=\"mail\"}"]), (14, 1.0));
    a.end();
    b.end();
}

#[test]
fn a_list_that_cannot_be_had_fails_the_scrape() {
    let collector = collector(vec![Group::of(|| Err(std::io::Error::other("no list")))], View::Sum);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(collector.collect(&Ask::default())).unwrap_err();
    assert_eq!(error.to_string(), "read process metrics: find the application's processes: no list");
}
