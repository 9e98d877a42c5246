//! `--process-metrics` of directories.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use metrics_core::{Aggregation, Registry};
use store_mmap::MmapStore;
use tempfile::TempDir;

use crate::files::Files;
use crate::process::{multiprom, run};
use crate::recorded::Recorded;
use crate::run::Running;
use crate::serve::{Server, get};

/// A directory into which this process writes.
fn written() -> (TempDir, Registry) {
    let directory = TempDir::new().unwrap();
    let registry = Registry::new(MmapStore::open(directory.path()).unwrap());
    registry.counter("served", "Requests served.").register().unwrap().inc();
    (directory, registry)
}

fn page(view: &str, directory: &TempDir) -> (String, String) {
    let mut command = multiprom(&["collect", "--process-metrics", view]);
    let (code, page, errors) = run(command.arg(directory.path()));
    assert_eq!(code, Some(0), "{errors}");
    (page, errors)
}

#[test]
fn they_are_of_the_processes_that_have_the_files_open() {
    let (directory, _registry) = written();
    assert_eq!(page("off", &directory).0.lines().count(), 3);
    let (sum, _) = page("sum", &directory);
    let cpu = "# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n\
               # TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ";
    assert!(sum.starts_with("# HELP served_total ") && sum.contains(cpu), "{sum}");
    let (each, _) = page("each", &directory);
    let threads = format!("process_threads{{pid=\"{}\"}} ", std::process::id());
    assert!(each.contains(&threads), "{each}");
}

#[test]
fn what_the_application_says_itself_stands() {
    let (directory, registry) = written();
    let own = registry.gauge("process_open_fds", "As the application counts.").aggregation(Aggregation::SUM);
    own.register().unwrap().set(4711.0);
    let (page, log) = page("sum", &directory);
    let expected = "# HELP process_open_fds As the application counts.\n\
                    # TYPE process_open_fds gauge\nprocess_open_fds 4711.0\n";
    assert!(page.contains(expected) && page.contains("\nprocess_max_fds "), "{page}");
    assert_eq!(page.matches("# TYPE process_open_fds").count(), 1, "{page}");
    assert_eq!(log.matches("left out process_open_fds of process metrics: directory ").count(), 1, "{log}");
}

#[test]
fn where_nobody_is_seen_the_log_says_why() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let mut command = multiprom(&["collect", "--process-metrics", "sum", recorded.path()]);
    let (code, page, log) = run(&mut command);
    assert_eq!(code, Some(0), "{log}");
    assert!(page.contains("\nprocess_threads 0.0\n"), "{page}");
    assert_eq!(
        log.matches("may miss processes: no process that has one of the files open").count(),
        1,
        "{log}"
    );
}

/// A shell that has a metrics file open, and has used the processor for a while.
fn busy_writer(files: &Files, name: &str) -> Child {
    let burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; read line <&3";
    let script = format!("exec 3<&0 9>>{}; {burn}", files.join(name).display());
    let mut shell = Command::new("sh");
    let mut shell = shell.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    shell.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    shell
}

fn kill(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn what_the_dead_have_used_counts_for_the_next_server_where_files_are_folded() {
    for folds in [true, false] {
        let files = Files::new();
        for name in ["counter_1.db", "counter_2.db", "counter_3.db"] {
            files.python(name, &[(r#"["a", "a_total", {}, "A."]"#, 1.0)]);
        }
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--process-metrics", "sum"];
        arguments.extend(folds.then_some("--fold"));
        arguments.push(files.path());
        let start = || {
            let mut server = Server::start(&arguments);
            let address = server.next_address();
            (server, address)
        };
        let cpu = |address: &str| {
            let (_, page) = get(address, "/metrics");
            let cpu = page.lines().find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
            cpu.unwrap_or_else(|| panic!("{page}")).parse::<f64>().unwrap()
        };
        let [first, second, third] =
            ["counter_1.db", "counter_2.db", "counter_3.db"].map(|name| busy_writer(&files, name));
        let (server, address) = start();
        let all = cpu(&address);
        assert!(all >= 0.06, "{all} s of three");
        // One ends and is seen to have ended, another one ends while nobody looks.
        kill(first);
        let before = cpu(&address);
        assert!(before >= all, "{before} after {all}");
        // By SIGKILL.
        drop(server);
        kill(second);
        let (_server, address) = start();
        let after = cpu(&address);
        assert_eq!(after >= before, folds, "{after} after {before}");
        kill(third);
    }
}

#[test]
fn what_was_used_before_counts_for_a_run_that_keeps_its_counters() {
    let files = Files::new();
    let burn = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; read line; exit 0";
    let used = |on_restart| {
        let mut running = Running::start(&["--directory", files.path(), "--on-restart", on_restart], burn);
        assert_eq!(running.line(), "done");
        let used = running.number("process_cpu_seconds_total");
        assert_eq!(running.end().0, Some(0));
        used
    };
    let first = used("wipe");
    let second = used("keep");
    assert!(first >= 0.02 && second >= first + 0.02, "{first}, {second}");
    let third = used("wipe");
    assert!(third < second, "{second}, {third}");
}
