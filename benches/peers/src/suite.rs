//! One run: what it is to measure, what it measures with, what it has measured.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

use crate::effort::Effort;
use crate::pin::Cores;
use crate::race::{Course, Racer, race};
use crate::row::Row;
use crate::sample::Sample;
use crate::team::{Deed, Team};
use crate::witness::Witness;

/// Clients of other languages, and the programs that drive them.
#[derive(Clone, Debug)]
pub struct Tools {
    /// Python with `prometheus_client`.
    pub python: PathBuf,
    /// Python with `gunicorn-prometheus-exporter`.
    pub redis_python: PathBuf,
    /// Ruby with `prometheus-client-mmap`.
    pub ruby: PathBuf,
    /// `benches/peers/drivers`.
    pub drivers: PathBuf,
}

/// One run of the suite.
pub struct Suite {
    /// How long and how often things are measured.
    pub effort: Effort,
    /// The cores that may be used.
    pub cores: Cores,
    /// Sees whether something else runs on them.
    pub witness: Witness,
    /// Programs of others.
    pub tools: Tools,
    /// Only races with this text in their name are run.
    only: Option<String>,
    /// Where everything is written: in memory where that can be.
    scratch: TempDir,
    /// The talk's table.
    pub talk: Vec<crate::talk::Cell>,
    /// Scrapes, taken apart.
    pub stages: Vec<crate::scrapes::Stages>,
    /// All rows so far.
    pub rows: Vec<Row>,
}

impl Suite {
    /// A run that has not begun.
    ///
    /// # Errors
    /// When no temporary directory can be made.
    pub fn new(effort: Effort, tools: Tools, only: Option<String>) -> anyhow::Result<Suite> {
        // On a disk, write-back stops updates now and then, which is not what is measured.
        let scratch = tempfile::Builder::new().prefix("multiprom-bench-").tempdir_in("/dev/shm");
        let scratch = scratch.or_else(|_| TempDir::new()).context("make a temporary directory")?;
        let cores = Cores::allowed();
        Ok(Suite {
            effort,
            witness: Witness::new(cores.clone()),
            cores,
            tools,
            only,
            scratch,
            talk: Vec::new(),
            stages: Vec::new(),
            rows: Vec::new(),
        })
    }

    /// Whether something of this name is to be measured. Says so when it is.
    pub fn wants(&self, name: &str) -> bool {
        let wanted = self.only.as_deref().is_none_or(|only| name.contains(only));
        if wanted {
            eprintln!("  {name}");
        }
        wanted
    }

    /// A directory of this name, empty.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.scratch.path().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(path)
    }

    /// Where [`Suite::directory`] makes directories.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Lets one thread do each of these deeds, in turns, on one core.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn race_alone(&self, deeds: &[(&str, &Deed)]) -> anyhow::Result<Vec<Sample>> {
        self.cores.pin(0);
        let racers = deeds.iter().map(|(name, deed)| Racer::timed(*name, move |times| deed(0, times)));
        let samples = race(&self.witness, Course::alone(&self.effort), &mut racers.collect::<Vec<_>>());
        self.cores.unpin();
        samples
    }

    /// Lets a team do each of these deeds, one deed after the other, each thread on one core.
    ///
    /// # Errors
    /// When one of them fails.
    pub fn race_threads(&self, deeds: &[(&str, Team, &Deed)]) -> anyhow::Result<Vec<Sample>> {
        self.cores.pin(0);
        let racers = deeds
            .iter()
            .map(|&(name, team, deed)| Racer::new(name, move |times| Ok(team.run(&self.cores, times, deed))));
        let most = deeds.iter().map(|&(_, team, _)| team.parts()).max().unwrap_or(1);
        let course = Course::together(&self.effort, most, self.cores.count());
        let samples = race(&self.witness, course, &mut racers.collect::<Vec<_>>());
        self.cores.unpin();
        samples
    }
}
