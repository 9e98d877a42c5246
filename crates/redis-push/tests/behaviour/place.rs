//! Machines with a directory each, and the Redis to which they send.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use collector::{Ask, Catalog, Collector, DirSource, Directory, Liveness, Source};
use dialects::{Dialect, HEADER_LEN, push_record};
use redis_fleet::{FleetSource, Janitor};
use redis_link::{Address, Timeouts};
use redis_push::{PushError, Pushed, Pusher, What};
use redis_testkit::RedisServer;
use tempfile::TempDir;

/// A server for all tests that leave it as it is.
pub(crate) fn server() -> &'static RedisServer {
    static SERVER: OnceLock<RedisServer> = OnceLock::new();
    SERVER.get_or_init(RedisServer::start)
}

/// An application of its own in a Redis.
pub(crate) struct Application {
    url: String,
    prefix: String,
    shards: usize,
}

impl Application {
    pub(crate) fn new(url: String) -> Application {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("test-{}", LAST.fetch_add(1, Ordering::Relaxed));
        Application { url, prefix, shards: 1 }
    }

    /// The same, whose processes are shared out.
    pub(crate) fn sharded(self, shards: usize) -> Application {
        Application { shards, ..self }
    }

    fn address(&self) -> Address {
        Address::parse(&self.url).unwrap()
    }

    /// Every sample of the page with its value.
    pub(crate) fn page(&self) -> BTreeMap<String, f64> {
        self.page_of(Liveness::AsFiled)
    }

    pub(crate) fn page_of(&self, liveness: Liveness) -> BTreeMap<String, f64> {
        let source = FleetSource::new(self.address(), &self.prefix, Timeouts::default()).unwrap();
        samples(Box::new(source), liveness)
    }

    pub(crate) fn value(&self, sample: &str) -> f64 {
        self.page().get(sample).copied().unwrap_or_default()
    }

    /// Takes all out who are there: nobody has been heard of for long enough.
    pub(crate) fn retire_all(&self) {
        let dead_after = Duration::ZERO;
        let mut janitor =
            Janitor::new(self.address(), &self.prefix, Timeouts::default(), dead_after).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        janitor.tidy().unwrap();
    }

    pub(crate) fn key(&self, name: &str) -> String {
        self.key_of(0, name)
    }

    /// Of a shard.
    pub(crate) fn key_of(&self, shard: usize, name: &str) -> String {
        format!("{{{}#{shard}}}:{name}", self.prefix)
    }
}

fn samples(source: Box<dyn Source>, liveness: Liveness) -> BTreeMap<String, f64> {
    let collector = Collector::new(vec![source]);
    let mut ask = Ask::default();
    ask.liveness = liveness;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let page = runtime.block_on(collector.collect(&ask)).unwrap();
    let samples = page.families.iter().flat_map(|family| &family.samples);
    samples
        .map(|sample| {
            let labels: Vec<String> = sample
                .series
                .labels
                .iter()
                .map(|label| format!("{}={:?}", label.name, label.value_text()))
                .collect();
            (format!("{}{{{}}}", sample.series.name, labels.join(",")), sample.value)
        })
        .collect()
}

/// A machine, and the directory of an application on it.
pub(crate) struct Machine {
    directory: TempDir,
}

impl Machine {
    pub(crate) fn new() -> Machine {
        Machine { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// A worker's file, as Python's client writes it: keys, values and times.
    pub(crate) fn write(&self, name: &str, records: &[(&str, f64, f64)]) {
        let mut file = vec![0; HEADER_LEN];
        for (key, value, time) in records {
            push_record(Dialect::PYTHON, key.as_bytes(), *value, *time, &mut file);
        }
        let used = u32::try_from(file.len()).unwrap();
        file[..4].copy_from_slice(&used.to_ne_bytes());
        // In place, as a worker does: it is the same file.
        fs::write(self.file(name), file).unwrap();
    }

    /// A worker that has done so many jobs.
    pub(crate) fn jobs(&self, worker: &str, done: f64) {
        self.write(&format!("counter_{worker}.db"), &[(JOBS, done, 0.0)]);
    }

    /// As in a start script: the files of the application go, and nothing else.
    pub(crate) fn wipe(&self) {
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "db") {
                fs::remove_file(path).unwrap();
            }
        }
    }

    /// A copy of all that is in it.
    pub(crate) fn copy(&self) -> Machine {
        let copy = Machine::new();
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.file(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        copy
    }

    pub(crate) fn source(&self) -> Box<dyn Source> {
        let directory = Directory { path: self.path().to_owned(), labels: Vec::new() };
        Box::new(DirSource::new(vec![directory], Catalog::default()).unwrap())
    }

    /// Every sample of the page of the machine alone.
    pub(crate) fn page(&self) -> BTreeMap<String, f64> {
        samples(self.source(), Liveness::AsFiled)
    }

    pub(crate) fn pusher(&self, application: &Application) -> Pusher {
        Pusher::new(What {
            directory: self.path().to_owned(),
            source: self.source(),
            liveness: Liveness::AsFiled,
            address: application.address(),
            prefix: application.prefix.clone(),
            shards: application.shards,
            timeouts: Timeouts::default(),
        })
        .unwrap()
    }
}

/// Pushes, and is killed after so many steps. Says whether it came to its end before.
pub(crate) fn push_killed_after(pusher: &mut Pusher, steps: usize) -> Option<Result<Pushed, PushError>> {
    let mut left = steps;
    let mut died = false;
    let pushed = pusher.push_in_steps(false, &mut || {
        died |= left == 0;
        left = left.saturating_sub(1);
        !died
    });
    (!died).then_some(pushed)
}

/// The key of a counter of jobs.
pub(crate) const JOBS: &str = r#"["jobs", "jobs_total", {}, "Jobs."]"#;
/// Its sample.
pub(crate) const JOBS_TOTAL: &str = "jobs_total{}";
