//! The worker processes of the demo, and what they say about themselves.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::worker::{ANSWERED, BEGUN};

/// How long workers may take to end when asked to; a request takes milliseconds.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// The worker processes and their reports. Dropping it kills those that still run.
pub(crate) struct Crew {
    directory: PathBuf,
    /// Oldest first.
    workers: Vec<Child>,
    reports: Arc<Reports>,
    readers: Vec<JoinHandle<()>>,
    killed: u64,
}

/// What all workers have said, those that are dead included: a byte in a pipe outlives its writer.
#[derive(Default)]
struct Reports {
    begun: AtomicU64,
    answered: AtomicU64,
}

impl Crew {
    /// Starts so many workers that count in `directory`.
    pub(crate) fn hire(workers: usize, directory: &Path) -> anyhow::Result<Crew> {
        let mut crew = Crew {
            directory: directory.to_owned(),
            workers: Vec::new(),
            reports: Arc::default(),
            readers: Vec::new(),
            killed: 0,
        };
        for _ in 0..workers {
            crew.hire_one()?;
        }
        Ok(crew)
    }

    /// How many workers run.
    pub(crate) fn len(&self) -> usize {
        self.workers.len()
    }

    /// How many were killed so far.
    pub(crate) fn killed(&self) -> u64 {
        self.killed
    }

    /// How many requests workers have begun, as far as their reports are read.
    pub(crate) fn begun(&self) -> u64 {
        self.reports.begun.load(Ordering::SeqCst)
    }

    /// How many requests workers have answered, as far as their reports are read.
    pub(crate) fn answered(&self) -> u64 {
        self.reports.answered.load(Ordering::SeqCst)
    }

    /// Complains about a worker that ended by itself.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        for worker in &mut self.workers {
            if let Some(status) = worker.try_wait().context("look after a worker")? {
                bail!("worker {} ended by itself: {status}", worker.id());
            }
        }
        Ok(())
    }

    /// Kills the oldest worker in the middle of whatever it does, and starts another. Their process ids.
    pub(crate) fn replace_one(&mut self) -> anyhow::Result<(u32, u32)> {
        let mut worker = self.workers.remove(0);
        let killed = worker.id();
        end_now(&mut worker).with_context(|| format!("kill worker {killed}"))?;
        self.killed += 1;
        mark_dead(&self.directory, killed)?;
        let hired = self.hire_one()?;
        Ok((killed, hired))
    }

    /// Lets all workers finish the requests that they have begun and end; reads their last reports.
    pub(crate) fn dismiss(&mut self) -> anyhow::Result<()> {
        for worker in &mut self.workers {
            // A worker stops when its standard input ends. It also does so when this process dies.
            drop(worker.stdin.take());
        }
        let deadline = Instant::now() + LAST_REQUESTS;
        for mut worker in self.workers.drain(..) {
            while worker.try_wait().context("wait for a worker")?.is_none() {
                if Instant::now() > deadline {
                    end_now(&mut worker).context("kill a worker that did not end")?;
                    self.killed += 1;
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        for reader in self.readers.drain(..) {
            if reader.join().is_err() {
                bail!("a thread that reads reports panicked");
            }
        }
        Ok(())
    }

    /// Starts a worker: this program again, with another command.
    fn hire_one(&mut self) -> anyhow::Result<u32> {
        let program = std::env::current_exe().context("find this program")?;
        let mut worker = Command::new(program)
            .arg("demo-worker")
            .arg(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal goes to a whole process group; the workers are ended in order instead.
            .process_group(0)
            .spawn()
            .context("start a worker")?;
        if let Some(pipe) = worker.stdout.take() {
            let reports = self.reports.clone();
            self.readers.push(thread::spawn(move || read_reports(pipe, &reports)));
        }
        let id = worker.id();
        self.workers.push(worker);
        Ok(id)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // One that cannot be killed has ended.
            let _ = end_now(worker);
        }
    }
}

fn end_now(worker: &mut Child) -> io::Result<()> {
    worker.kill()?;
    worker.wait()?;
    Ok(())
}

/// Counts the reports of one worker until its pipe ends, which is when the worker has ended.
fn read_reports(mut pipe: ChildStdout, reports: &Reports) {
    let mut bytes = [0; 4096];
    while let Ok(len @ 1..) = pipe.read(&mut bytes) {
        let said = |what: u8| bytes.iter().take(len).filter(|&&byte| byte == what).count() as u64;
        // In this order nobody sees more answered than begun.
        reports.begun.fetch_add(said(BEGUN), Ordering::SeqCst);
        reports.answered.fetch_add(said(ANSWERED), Ordering::SeqCst);
    }
}

/// Removes what a dead process no longer counts for, as `mark_process_dead` of the Python client does and a real
/// server's `child_exit` hook calls: the gauges that are about the living.
fn mark_dead(directory: &Path, process: u32) -> anyhow::Result<()> {
    let (plain, ours) = (format!("_{process}.db"), format!("_{process}-r"));
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let entry = entry.with_context(|| format!("list {}", directory.display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("gauge_live") && (name.ends_with(&plain) || name.contains(&ours)) {
            let path = entry.path();
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}
