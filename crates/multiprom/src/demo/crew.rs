//! The worker processes of the demo, and what they say about themselves.

use std::fs;
use std::io::Read;
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
    workers: Vec<Worker>,
    reports: Arc<Reports>,
    killed: u64,
}

/// A worker process, and the thread that reads what it says.
struct Worker {
    process: Child,
    reader: JoinHandle<()>,
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
        let (directory, reports) = (directory.to_owned(), Arc::default());
        let mut crew = Crew { directory, workers: Vec::new(), reports, killed: 0 };
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
        for Worker { process, .. } in &mut self.workers {
            if let Some(status) = process.try_wait().context("look after a worker")? {
                bail!("worker {} ended by itself: {status}", process.id());
            }
        }
        Ok(())
    }

    /// Kills the oldest worker in the middle of whatever it does, and starts another. Their process ids.
    pub(crate) fn replace_one(&mut self) -> anyhow::Result<(u32, u32)> {
        let mut worker = self.workers.remove(0);
        let killed = worker.process.id();
        worker.kill()?;
        self.killed += 1;
        worker.hear_out()?;
        mark_dead(&self.directory, killed)?;
        let hired = self.hire_one()?;
        Ok((killed, hired))
    }

    /// Lets all workers finish the requests that they have begun and end; reads their last reports.
    pub(crate) fn dismiss(&mut self) -> anyhow::Result<()> {
        for worker in &mut self.workers {
            // A worker stops when its standard input ends, which it also does when this process dies.
            drop(worker.process.stdin.take());
        }
        let deadline = Instant::now() + LAST_REQUESTS;
        while let Some(worker) = self.workers.last_mut() {
            if worker.process.try_wait().context("wait for a worker")?.is_none() {
                if Instant::now() < deadline {
                    thread::sleep(Duration::from_millis(5));
                    continue;
                }
                worker.kill()?;
                self.killed += 1;
            }
            if let Some(worker) = self.workers.pop() {
                worker.hear_out()?;
            }
        }
        Ok(())
    }

    /// Starts a worker: this program again, with another command. Its process id.
    fn hire_one(&mut self) -> anyhow::Result<u32> {
        let program = std::env::current_exe().context("find this program")?;
        let mut process = Command::new(program)
            .arg("demo-worker")
            .arg(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal goes to a whole process group; the workers are ended in order instead.
            .process_group(0)
            .spawn()
            .context("start a worker")?;
        let id = process.id();
        let pipe = process.stdout.take().context("the pipe from a worker is missing")?;
        let reports = self.reports.clone();
        let reader = thread::spawn(move || read_reports(pipe, &reports));
        self.workers.push(Worker { process, reader });
        Ok(id)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            // One that cannot be killed has ended.
            let _ = worker.kill();
        }
    }
}

impl Worker {
    /// Ends it at once, and waits until it is gone.
    fn kill(&mut self) -> anyhow::Result<()> {
        let id = self.process.id();
        self.process.kill().with_context(|| format!("kill worker {id}"))?;
        self.process.wait().with_context(|| format!("wait for worker {id}"))?;
        Ok(())
    }

    /// Reads what it has said to the end. It must have ended, or this waits for it.
    fn hear_out(self) -> anyhow::Result<()> {
        match self.reader.join() {
            Ok(()) => Ok(()),
            Err(_) => bail!("the thread that reads a worker's reports panicked"),
        }
    }
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

/// Removes what a dead process no longer counts for, as `mark_process_dead` of the Python client does and a
/// real server's `child_exit` hook calls: the gauges that are about the living.
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
