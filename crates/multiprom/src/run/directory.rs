//! The directory of a command's metrics, and what becomes of those that are in it.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, bail};
use collector::Catalog;
use dialects::{Dialect, FOLD_LOCK, FOLD_WINDOW, is_metrics_file, parse_file_name, parse_retired};
use liveness::{Claim, ClaimState, Life, Watch};
use metrics_core::Kind;
use tempfile::TempDir;

use super::leftover;
use crate::cli::run::OnRestart;
use crate::sources::metrics_files;

/// How the names of our dot-files begin; behind it stands the process, where one has claimed it.
const OURS: &str = ".multiprom-";

/// How the names of directories begin that are made.
pub(crate) const PREFIX: &str = "multiprom-";

/// Metrics may tell what other users should not know.
const OURS_ALONE: u32 = 0o700;

/// The directory of a command's metrics.
pub(crate) struct MetricsDirectory {
    /// Absolute: the command may change its directory before it looks for it.
    path: PathBuf,
    /// Where it was made for this run: what is removed when it is dropped, and the mark of a run that lives.
    made: Option<(TempDir, File)>,
}

impl MetricsDirectory {
    /// This directory, made where it is missing, for our user alone.
    pub(crate) fn given(path: PathBuf) -> anyhow::Result<MetricsDirectory> {
        let make = || {
            let path = std::path::absolute(&path)?;
            if !path.is_dir() {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                match DirBuilder::new().mode(OURS_ALONE).create(&path) {
                    // Somebody was faster.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
                    made => made?,
                }
            }
            Ok(path)
        };
        let path = make()
            .map_err(|error: io::Error| error)
            .with_context(|| format!("make directory {}", path.display()))?;
        Ok(MetricsDirectory { path, made: None })
    }

    /// A new one for our user alone, in memory where the machine has a file system of it.
    pub(crate) fn fresh(keep: bool) -> anyhow::Result<MetricsDirectory> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let in_memory = [Some("/dev/shm".into()), runtime, Some("/run".into())].into_iter().flatten();
        let in_memory = in_memory.filter(|parent| parent.is_absolute() && is_in_memory(parent));
        let mut made = Err(io::ErrorKind::NotFound.into());
        for parent in in_memory.chain([std::env::temp_dir()]) {
            leftover::remove_in(&parent);
            made = tempfile::Builder::new()
                .prefix(PREFIX)
                .permissions(Permissions::from_mode(OURS_ALONE))
                .tempdir_in(parent);
            if made.is_ok() {
                break;
            }
        }
        let made = made.context("make a directory for metrics")?;
        let path = std::path::absolute(made.path()).context("make a directory for metrics")?;
        if keep {
            let kept = made.keep();
            tracing::info!("the metrics are kept in {}", kept.display());
            return Ok(MetricsDirectory { path, made: None });
        }
        let mark = leftover::mark(&path).with_context(|| format!("mark directory {}", path.display()))?;
        Ok(MetricsDirectory { path, made: Some((made, mark)) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was made for this run, and goes with it.
    pub(crate) fn is_made(&self) -> bool {
        self.made.is_some()
    }

    /// Removes what should not be on the page of a new run.
    pub(crate) fn prepare(&self, on_restart: OnRestart, catalog: &Catalog) -> anyhow::Result<()> {
        if self.made.is_some() {
            return Ok(());
        }
        let operation = || format!("look after the metrics in {}", self.path.display());
        // Whoever folds files puts their numbers elsewhere.
        let _folding = self.lock_folding().with_context(operation)?;
        let names = metrics_files(&self.path).with_context(operation)?;
        let lives = self.lives(&names).with_context(operation)?;
        match on_restart {
            OnRestart::Wipe => self.wipe(&names, &lives).with_context(operation),
            OnRestart::Keep => self.drop_gauges(&names, &lives, catalog).with_context(operation),
        }
    }

    /// Keeps others from folding while the lock is held; none where nobody ever has.
    fn lock_folding(&self) -> anyhow::Result<Option<File>> {
        let file = match File::open(self.path.join(FOLD_LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.with_context(|| format!("open {FOLD_LOCK}"))?,
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => {
                bail!("another multiprom folds the files of this directory; end it")
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {FOLD_LOCK}")),
        }
    }

    fn lives(&self, names: &[String]) -> io::Result<Vec<Life>> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Nothing of this run has started; whose files nobody has are dead.
        let found = Watch::of_stopped().look(&self.path, &names)?;
        if let Some(doubt) = found.doubt {
            tracing::warn!(
                "whether somebody still writes into {} cannot be told: {doubt}",
                self.path.display()
            );
        }
        Ok(found.lives)
    }

    fn wipe(&self, names: &[String], lives: &[Life]) -> anyhow::Result<()> {
        let alive: Vec<&str> = names
            .iter()
            .zip(lives)
            .filter(|(_, life)| **life == Life::Alive)
            .map(|(name, _)| &**name)
            .collect();
        let others = self.dot_files()?;
        let claimed = others.iter().filter_map(|name| name.strip_prefix(OURS)).any(|writer| {
            Claim::read(&self.path, writer).is_some_and(|claim| claim.state == ClaimState::Held)
        });
        if !alive.is_empty() || claimed {
            let holders =
                liveness::examine(&self.path, &alive).map(|found| found.holders).unwrap_or_default();
            bail!(
                "{} still written{}; end them, give another --directory, or let counters go on (--on-restart keep)",
                match &alive[..] {
                    [] => "there are".to_owned(),
                    [only] => format!("{only} is"),
                    [first, rest @ ..] => format!("{first} and {} other files are", rest.len()),
                },
                match &holders[..] {
                    [] => String::new(),
                    [only] => format!(" by process {only}"),
                    several => {
                        let pids: Vec<String> = several.iter().map(u32::to_string).collect();
                        format!(" by processes {}", pids.join(", "))
                    }
                }
            );
        }
        for name in names.iter().chain(&others) {
            self.remove(name)?;
        }
        if !names.is_empty() {
            tracing::info!("removed {} metrics files of before from {}", names.len(), self.path.display());
        }
        Ok(())
    }

    /// Our dot-files: those of processes, and metrics files that were being made or folded. The locks of those who fold
    /// stay.
    fn dot_files(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let unborn = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new"));
            let is_lock = [FOLD_LOCK, FOLD_WINDOW].contains(&&*name);
            if name.starts_with(OURS) && !is_lock || unborn.is_some_and(is_metrics_file) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Removes gauges of processes that have ended: they say how things are, not what has happened.
    fn drop_gauges(&self, names: &[String], lives: &[Life], catalog: &Catalog) -> anyhow::Result<()> {
        let dead = names.iter().zip(lives).filter(|(_, life)| **life == Life::Dead).map(|(name, _)| name);
        let gauges: Vec<&String> = dead.filter(|name| is_gauge(name, catalog)).collect();
        let removed = gauges.len();
        let dot_files = self.dot_files()?;
        let half_folded = dot_files
            .iter()
            .filter(|name| parse_retired(name).is_some_and(|retired| is_gauge(retired.original, catalog)));
        for name in gauges.into_iter().chain(half_folded) {
            self.remove(name)?;
        }
        if !names.is_empty() {
            tracing::info!(
                "{} metrics files of before go on, {removed} with gauges of processes that have ended are removed",
                names.len() - removed
            );
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> anyhow::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.with_context(|| format!("remove {name}")),
        }
    }

    /// Removes it, if it was made for this run. How the command ended counts for more than what is left of it.
    pub(crate) fn close(self) {
        // Whoever folds files may still be about it.
        const ATTEMPTS: u32 = 20;
        let Some((made, _mark)) = self.made else { return };
        let path = made.keep();
        for attempt in 1..=ATTEMPTS {
            match fs::remove_dir_all(&path) {
                Ok(()) => return,
                // The command has tidied up.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                Err(error) if attempt == ATTEMPTS => tracing::warn!("remove {}: {error}", path.display()),
                Err(_) => sleep(Duration::from_millis(10)),
            }
        }
    }
}

/// Whether a file holds gauges: Python's and GitLab's names say so, of Ruby's the catalog knows.
fn is_gauge(name: &str, catalog: &Catalog) -> bool {
    let metric = parse_file_name(Dialect::Ruby, name).and_then(|parts| parts.metric);
    let kind = match metric {
        Some(metric) => catalog.kind(metric),
        None => parse_file_name(Dialect::PYTHON, name).and_then(|parts| parts.kind),
    };
    kind == Some(Kind::Gauge)
}

/// Whether a directory is in memory.
fn is_in_memory(path: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994; // TMPFS_MAGIC of linux/magic.h
    rustix::fs::statfs(path).is_ok_and(|about| about.f_type as u64 == TMPFS)
}
