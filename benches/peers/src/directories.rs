//! Metrics directories, the same in every run but for the numbers of the processes that wrote them.
//!
//! Written by processes of their own through our own stores. Those of the living go on living, with their files
//! open and locked, until the directory is dropped: a collector may treat files of the dead in another way.

mod gitlab;
mod python;
mod ruby;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use collector::Catalog;
use dialects::HEADER_LEN;

use crate::deed::BOUNDS;
use crate::driver::Driver;

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
    age(&path)?;
    Ok(Written { path, catalog: catalog(client)?, _living: writers })
}

/// Fills the directory with Python's files of processes that have ended, and of which Python's
/// `mark_process_dead` has removed the files of `live*` gauges.
///
/// # Errors
/// When a writer fails.
pub fn dead(path: PathBuf, processes: usize, records: usize) -> anyhow::Result<Written> {
    write(Client::Python, &path, processes, records, |_ended| None)?;
    remove(&path, "gauge_live")?;
    age(&path)?;
    Ok(Written { path, catalog: Catalog::default(), _living: Vec::new() })
}

/// Fills the directory with Python's files of living processes and of `ended` others, whose page has the series of the
/// living alone: of the ended ones the files of gauges that show each process are removed as well.
///
/// # Errors
/// When a writer fails.
pub fn living_and_dead(
    path: PathBuf,
    processes: usize,
    ended: usize,
    records: usize,
) -> anyhow::Result<Written> {
    write(Client::Python, &path, ended, records, |_ended| None)?;
    remove(&path, "gauge_live")?;
    remove(&path, "gauge_all")?;
    living(Client::Python, path, processes, records)
}

fn remove(path: &Path, beginning: &str) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(beginning) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Waits until the directory is so old that a collector needs not list it again.
fn age(path: &Path) -> anyhow::Result<()> {
    const OLD: Duration = Duration::from_millis(3_500);
    let modified = std::fs::metadata(path)?.modified()?;
    std::thread::sleep(OLD.saturating_sub(modified.elapsed().unwrap_or_default()));
    Ok(())
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
                Client::Python => python::write(&self.directory, process, self.records)?,
                Client::Ruby => ruby::write(&self.directory, process)?,
                Client::Gitlab => gitlab::write(&self.directory, process)?,
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
