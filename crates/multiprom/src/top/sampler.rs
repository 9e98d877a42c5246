//! Reads sources again and again, merged and by process, and says how everything moved.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::{Ask, By, Collector, Liveness};
use metrics_core::{Label, Snapshot};

use super::lives::Watched;
use super::meter::{Meter, Row, meters, rows};
use super::worker::{Worker, workers};
use crate::cli::Sources;
use crate::sources::{collector_of_named, named};

/// See the head of this file.
pub(super) struct Sampler {
    merged: Collector,
    by_process: Collector,
    watched: Watched,
    /// The names of the labels that directories have.
    labels: Vec<String>,
    /// How the directories are called, for people.
    pub(super) name: String,
    last: Option<Last>,
}

/// What was read last.
struct Last {
    at: Instant,
    merged: Vec<Meter>,
    by_process: Vec<Meter>,
}

/// How everything moved.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) rows: Vec<Row>,
    pub(super) workers: Vec<Worker>,
    pub(super) files: usize,
    pub(super) damaged_files: usize,
}

impl Sampler {
    pub(super) fn new(sources: Sources) -> anyhow::Result<Sampler> {
        let named = named(sources)?;
        let paths: Vec<PathBuf> = named.directories.iter().map(|directory| directory.path.clone()).collect();
        let mut labels: Vec<String> = Vec::new();
        let of_directories = named.directories.iter().flat_map(|directory| &directory.labels);
        let of_databases = named.databases.iter().flat_map(|database| &database.foreign.labels);
        for (name, _) in of_directories.chain(of_databases) {
            if !labels.contains(name) {
                labels.push(name.clone());
            }
        }
        let directories = paths.iter().map(|path| path.display().to_string());
        let databases = named.databases.iter().map(|database| database.foreign.address.to_string());
        Ok(Sampler {
            merged: collector_of_named(&named)?,
            by_process: collector_of_named(&named)?,
            name: directories.chain(databases).collect::<Vec<_>>().join(" "),
            watched: Watched::new(paths),
            labels,
            last: None,
        })
    }

    /// Reads everything. Of the first reading no rates are known.
    pub(super) async fn sample(&mut self) -> anyhow::Result<Sample> {
        // As `serve` has it; of workers one sees who is dead.
        let mut together = Ask::default();
        together.liveness = Liveness::Observed;
        let mut apart = Ask::default();
        apart.by = By::Process;
        let lives = self.watched.look();
        let at = Instant::now();
        let merged: Arc<Snapshot> = self.merged.collect(&together).await?;
        let by_process = self.by_process.collect(&apart).await?;
        let now = Last { at, merged: meters(&merged), by_process: meters(&by_process) };
        let passed = self.last.as_ref().map(|last| at.duration_since(last.at).max(Duration::from_millis(1)));
        let since = |meters: fn(&Last) -> &[Meter]| self.last.as_ref().map(meters).zip(passed);
        let rows_merged = rows(since(|last| &last.merged), &now.merged);
        let rows_apart = rows(since(|last| &last.by_process), &now.by_process);
        let sample = Sample {
            rows: rows_merged,
            workers: workers(rows_apart, &self.labels, &lives),
            files: lives.files,
            damaged_files: damaged_files(&self.merged.own()),
        };
        self.last = Some(now);
        Ok(sample)
    }
}

/// What the collector says of its files.
fn damaged_files(own: &Snapshot) -> usize {
    let bad = own.families.iter().find(|family| &*family.name == "multiprom_directory_bad_files");
    let count = bad.map_or(0.0, |family| family.samples.iter().map(|sample| sample.value).sum());
    count as usize
}

/// A series for people: its name and labels, as far as they are no more than told already.
pub(super) fn labels_of(row: &Row) -> impl Iterator<Item = (&str, &[u8])> {
    row.meter.series.labels.iter().map(|label: &Label| (&*label.name, &*label.value))
}
