//! `--process-metrics` of directories.

use metrics_core::{Aggregation, Registry};
use store_mmap::MmapStore;
use tempfile::TempDir;

use crate::process::{multiprom, run};
use crate::recorded::Recorded;

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
