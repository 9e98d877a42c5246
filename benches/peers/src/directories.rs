//! Metrics directories, the same in every run but for the numbers of the processes that wrote them.
//!
//! Written by processes of their own through our own stores. Those of the living go on living, with their files
//! open and locked, until the directory is dropped: a collector may treat files of the dead in another way.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use collector::Catalog;
use dialects::{Dialect, HEADER_LEN, file_name, grown_len, header, initial_len, push_record};
use metrics_core::{Aggregation, Buckets, Declaration, Desc, Kind, Part, Registry};
use store_file::FileStore;
use store_mmap::MmapStore;

use crate::deed::BOUNDS;
use crate::driver::Driver;
use crate::families::value_in_bucket;

/// Whose files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// Of the records 40 % counters, 20 % gauges over 8 modes, 40 % histograms of 15 buckets.
    Python,
    /// client_ruby's DirectFileStore: 1,000 counters, 200 histograms of 11 buckets, all touched.
    Ruby,
    /// prometheus-client-mmap: the same series.
    Gitlab,
}

/// A directory that is kept as it is until this is dropped.
pub struct Written {
    /// Where it is.
    pub path: PathBuf,
    /// Kinds and bounds, for a client whose files do not tell.
    pub catalog: Catalog,
    _living: Vec<Driver>,
}

/// How many processes one writer plays: each has up to ten files open.
const PROCESSES_OF_A_WRITER: usize = 50;

/// Fills the directory with files of living processes. `records` matter to Python's files only.
///
/// # Errors
/// When a writer fails.
pub fn living(client: Client, path: PathBuf, processes: usize, records: usize) -> anyhow::Result<Written> {
    let writers = write(client, &path, processes, records, Some)?;
    Ok(Written { path, catalog: catalog(client)?, _living: writers })
}

/// Fills the directory with Python's files of processes that have ended, and of which Python's
/// `mark_process_dead` has removed the files of `live*` gauges.
///
/// # Errors
/// When a writer fails.
pub fn dead(path: PathBuf, processes: usize, records: usize) -> anyhow::Result<Written> {
    write(Client::Python, &path, processes, records, |_ended| None)?;
    for entry in std::fs::read_dir(&path)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("gauge_live") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(Written { path, catalog: Catalog::default(), _living: Vec::new() })
}

fn write(
    client: Client,
    path: &Path,
    processes: usize,
    records: usize,
    keep: impl Fn(Driver) -> Option<Driver>,
) -> anyhow::Result<Vec<Driver>> {
    let mut kept = Vec::new();
    for first in (0..processes).step_by(PROCESSES_OF_A_WRITER) {
        let job = Job {
            client,
            directory: path.to_owned(),
            first,
            processes: PROCESSES_OF_A_WRITER.min(processes - first),
            records,
        };
        kept.extend(keep(job.start()?));
    }
    Ok(kept)
}

/// What client_ruby's application knows and its files do not tell.
fn catalog(client: Client) -> anyhow::Result<Catalog> {
    if client != Client::Ruby {
        return Ok(Catalog::default());
    }
    let mut text =
        "# TYPE http_requests_total counter\n# TYPE http_request_duration_seconds histogram\n".to_owned();
    for bound in BOUNDS {
        text.push_str(&format!("http_request_duration_seconds_bucket{{le=\"{bound:?}\"}} 0\n"));
    }
    text.push_str("http_request_duration_seconds_bucket{le=\"+Inf\"} 0\n");
    Catalog::parse(text.as_bytes()).context("read the catalog of Ruby's families")
}

/// Bytes in use in the files of a directory.
///
/// # Errors
/// When one of them cannot be read.
pub fn used_bytes(path: &Path) -> anyhow::Result<u64> {
    let mut used = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if dialects::is_metrics_file(&entry.file_name().to_string_lossy()) {
            let mut head = [0; HEADER_LEN];
            std::os::unix::fs::FileExt::read_exact_at(&std::fs::File::open(entry.path())?, &mut head, 0)?;
            used += dialects::used(&head) as u64;
        }
    }
    Ok(used)
}

/// What one writer is to write.
#[derive(Args, Clone, Debug)]
pub struct Job {
    /// Whose files.
    #[arg(long)]
    client: Client,
    /// Where.
    #[arg(long)]
    directory: PathBuf,
    /// Number of the first process that it plays: values differ from process to process.
    #[arg(long)]
    first: usize,
    /// How many processes it plays.
    #[arg(long)]
    processes: usize,
    /// How many records each of them has.
    #[arg(long)]
    records: usize,
}

impl Job {
    /// Starts the writer and waits until everything is written.
    fn start(&self) -> anyhow::Result<Driver> {
        let mut command = Command::new(std::env::current_exe()?);
        let client = self.client.to_possible_value();
        command
            .arg("write")
            .arg("--client")
            .arg(client.map_or_else(String::new, |it| it.get_name().to_owned()));
        command.arg("--directory").arg(&self.directory);
        for (option, value) in
            [("--first", self.first), ("--processes", self.processes), ("--records", self.records)]
        {
            command.args([option, &value.to_string()]);
        }
        Driver::start("writer of a directory", &mut command)
    }

    /// What that process does: it writes, says so, and lives until its standard input ends.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn work(&self) -> anyhow::Result<()> {
        for process in self.first..self.first + self.processes {
            // A second store of one process writes files of its own, as another process would.
            match self.client {
                Client::Python => write_python(&self.directory, process, self.records)?,
                Client::Ruby => write_ruby(&self.directory, process)?,
                Client::Gitlab => write_gitlab(&self.directory, process)?,
            }
        }
        println!("ready");
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
        Ok(())
    }
}

/// Some value of a process: mostly whole numbers.
fn value(process: usize, series: usize) -> f64 {
    let whole = ((series * 7_919 + process * 104_729) % 100_003) as f64;
    if series.is_multiple_of(5) { whole + 0.5 } else { whole }
}

const MODES: [&str; 8] = ["all", "liveall", "min", "max", "sum", "mostrecent", "livesum", "livemax"];
/// Python's default buckets, without `+Inf`.
const PYTHON_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

fn write_python(directory: &Path, process: usize, records: usize) -> anyhow::Result<()> {
    const COUNTERS: usize = 10;
    const HISTOGRAMS: usize = 5;
    const RECORDS_OF_A_HISTOGRAM: usize = 16;

    let registry = Registry::new(MmapStore::open(directory)?);
    let (counters, gauges) = (records * 40 / 100, records * 20 / 100);
    let histograms = (records - counters - gauges) / RECORDS_OF_A_HISTOGRAM;
    for family in 0..COUNTERS.min(counters) {
        let name = format!("app_requests_{family}");
        let requests = registry.counter(&name, "Requests served by this part of the application.");
        let requests = requests.labels(["method", "path"])?;
        for series in (family..counters).step_by(COUNTERS) {
            let path = format!("/api/v1/articles/{}", series / 20);
            let method = ["GET", "POST"][series / COUNTERS % 2];
            requests.with([method, &path]).inc_by(value(process, series));
        }
    }
    for (at, mode) in MODES.into_iter().enumerate() {
        let name = format!("app_level_{mode}");
        let level = registry.gauge(&name, "How full a queue is, by mode of aggregation.");
        let level = level.aggregation(mode.parse::<Aggregation>()?).labels(["queue", "host"])?;
        for series in (at..gauges).step_by(MODES.len()) {
            let queue = format!("queue-{}", series / MODES.len());
            level.with([&queue, "web-1.example.org"]).set(value(process, series));
        }
    }
    for family in 0..HISTOGRAMS.min(histograms) {
        let name = format!("app_duration_{family}_seconds");
        let duration = registry.histogram(&name, "Time to serve a request.");
        let duration = duration.buckets(Buckets::new(PYTHON_BOUNDS)?).labels(["method", "path"])?;
        for series in (family..histograms).step_by(HISTOGRAMS) {
            let path = format!("/api/v1/articles/{}", series / (2 * HISTOGRAMS));
            let child = duration.with([["GET", "POST"][series / HISTOGRAMS % 2], &path]);
            for turn in 0..1 + (series + process) % 4 {
                child.observe(PYTHON_BOUNDS[(series * 3 + turn * 5) % 14] / 2.0);
            }
        }
    }
    Ok(())
}

/// Series of the counter in Ruby's and GitLab's directories.
const COUNTER_SERIES: usize = 1_000;
/// Label sets of the histogram there.
const HISTOGRAM_SETS: usize = 200;

fn counter_labels(series: usize) -> [String; 3] {
    let path = format!("/articles/{}", series / 4);
    [["GET", "POST"][series % 2].to_owned(), path, ["200", "404"][series / 2 % 2].to_owned()]
}

fn histogram_labels(set: usize) -> [String; 2] {
    [["GET", "POST"][set % 2].to_owned(), format!("/articles/{}", set / 2)]
}

fn write_ruby(directory: &Path, process: usize) -> anyhow::Result<()> {
    let registry = Registry::new(FileStore::open(directory)?);
    let requests = registry.counter("http_requests_total", "").labels(["method", "path", "code"])?;
    for series in 0..COUNTER_SERIES {
        requests.with(counter_labels(series).each_ref().map(|value| &**value)).inc_by(value(process, series));
    }
    let duration = registry.histogram("http_request_duration_seconds", "").buckets(Buckets::new(BOUNDS)?);
    let duration = duration.labels(["method", "path"])?;
    for set in 0..HISTOGRAM_SETS {
        let child = duration.with(histogram_labels(set).each_ref().map(|value| &**value));
        (0..=BOUNDS.len()).for_each(|bucket| child.observe(value_in_bucket(bucket)));
    }
    Ok(())
}

/// Our stores do not write GitLab's dialect: it has no place for times. The bytes are known all the same.
fn write_gitlab(directory: &Path, process: usize) -> anyhow::Result<()> {
    let labels = ["method", "path", "code"];
    let requests = Desc::new(&Declaration {
        labels: &labels,
        ..Declaration::new(Kind::Counter, "http_requests_total", "")
    })?;
    let mut file = vec![0; HEADER_LEN];
    for series in 0..COUNTER_SERIES {
        let labels = counter_labels(series);
        push_gitlab(&requests, labels.each_ref().map(|value| &**value).as_slice(), &mut file, |_| {
            value(process, series)
        });
    }
    finish_gitlab(directory, &requests, process, file)?;

    let declared = Declaration {
        labels: &labels[..2],
        buckets: Some(Buckets::new(BOUNDS)?),
        ..Declaration::new(Kind::Histogram, "http_request_duration_seconds", "")
    };
    let duration = Desc::new(&declared)?;
    let sum: f64 = (0..=BOUNDS.len()).map(value_in_bucket).sum();
    let mut file = vec![0; HEADER_LEN];
    for set in 0..HISTOGRAM_SETS {
        let labels = histogram_labels(set);
        // One observation in each bucket; on disk they are cumulative.
        push_gitlab(&duration, labels.each_ref().map(|value| &**value).as_slice(), &mut file, |part| {
            match part {
                Part::Bucket(bucket) => bucket as f64 + 1.0,
                Part::Count => BOUNDS.len() as f64 + 1.0,
                _ => sum,
            }
        });
    }
    finish_gitlab(directory, &duration, process, file)
}

fn push_gitlab(desc: &Desc, labels: &[&str], file: &mut Vec<u8>, value: impl Fn(Part) -> f64) {
    for (part, key) in dialects::keys(Dialect::Gitlab, desc, labels, "") {
        push_record(Dialect::Gitlab, &key, value(part), 0.0, file);
    }
}

fn finish_gitlab(directory: &Path, desc: &Desc, process: usize, mut file: Vec<u8>) -> anyhow::Result<()> {
    let used = file.len();
    let head = header(used).context("the file is too long")?;
    file[..HEADER_LEN].copy_from_slice(&head);
    let len = grown_len(Dialect::Gitlab, initial_len(Dialect::Gitlab), used as u64);
    ensure!(len >= used as u64, "{used} bytes do not fit {len}");
    file.resize(len as usize, 0);
    let name = file_name(Dialect::Gitlab, desc, &format!("process_id_{process}"));
    let path = directory.join(name);
    std::fs::write(&path, file).with_context(|| format!("write {}", path.display()))
}
