//! What the log is told, and that it is told once. Alone in its binary: the subscriber is the program's.
#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write;
use std::fs;
use std::sync::Mutex;

use collector::{Ask, Catalog};
use dialects::{Dialect, HEADER_LEN, push_record};
use support::{block_on, collector};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Lines of level, message and fields.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Writes events of this crate into [`LOG`].
struct Listener;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Listener {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.target().starts_with("collector") && *about.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LOG.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[test]
fn damage_conflicts_and_guesses_are_told_once_with_the_file() {
    tracing::subscriber::set_global_default(Listener).unwrap();
    let root = tempfile::tempdir().unwrap();
    let file = |dialect, name: &str, key: &str| {
        let mut bytes = vec![0; HEADER_LEN];
        push_record(dialect, key.as_bytes(), 1.0, 0.0, &mut bytes);
        let used = bytes.len() as u32;
        bytes[..4].copy_from_slice(&used.to_ne_bytes());
        fs::write(root.path().join(name), bytes).unwrap();
    };
    file(Dialect::PYTHON, "counter_1.db", r#"["jobs", "jobs_total", {}, "Jobs."]"#);
    file(Dialect::PYTHON, "foo_1.db", r#"["jobs", "jobs_total", {}, "Jobs."]"#);
    file(Dialect::PYTHON, "gauge_all_1.db", r#"["jobs", "jobs", {}, "Jobs."]"#);
    file(Dialect::Ruby, "metric_waiting___1.bin", "pid=1");
    let path = root.path().join("histogram_1.db");
    fs::write(&path, b"ab").unwrap();

    let collector = collector(root.path(), Catalog::default());
    for _ in 0..3 {
        block_on(collector.collect(&Ask::default())).unwrap();
    }
    let at = root.path().display().to_string();
    let mut log: Vec<String> = LOG.lock().unwrap().iter().map(|line| line.replace(&at, "DIR")).collect();
    log.sort();
    assert_eq!(
        log,
        [
            "INFO message=guessed from its keys: a gauge merged by all; a catalog would tell metric=\"waiting\"",
            "WARN message=a damaged file counts up to its last whole record: shorter than its header \
             file=DIR/histogram_1.db offset=0",
            "WARN message=left out 1 readings of a gauge: jobs is a counter already family=\"jobs\" \
             file=\"DIR/gauge_all_1.db\"",
            "WARN message=left out: its name tells no kind of metric file=DIR/foo_1.db",
        ]
    );
}
