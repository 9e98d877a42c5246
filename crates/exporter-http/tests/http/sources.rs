//! Sources that do as they are told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

use async_trait::async_trait;
use collector::{Ask, Catalog, DirSource, Directory, Source, SourceError, Statement, Tally};
use metrics_core::{Aggregation, Kind, Process};
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// A source without metrics.
pub(crate) struct Empty;

#[async_trait]
impl Source for Empty {
    fn name(&self) -> String {
        "nothing".to_owned()
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        Ok(())
    }
}

/// A source that fails until it is mended.
#[derive(Clone, Default)]
pub(crate) struct Fragile {
    mended: Arc<AtomicUsize>,
}

impl Fragile {
    pub(crate) fn mend(&self) {
        self.mended.store(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Source for Fragile {
    fn name(&self) -> String {
        "fragile".to_owned()
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        match self.mended.load(Ordering::SeqCst) {
            0 => Err(SourceError::new("read the fragile source", "it is broken")),
            _ => Ok(()),
        }
    }
}

/// A source with a counter of its readings, which fails as long as it is told to.
#[derive(Clone, Default)]
pub(crate) struct Counting {
    reads: Arc<AtomicUsize>,
    fails: Arc<AtomicUsize>,
}

impl Counting {
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails.into(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Source for Counting {
    fn name(&self) -> String {
        "counting".to_owned()
    }

    async fn read(&self, _: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        let reads = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        if self.fails.load(Ordering::SeqCst) == 1 {
            return Err(SourceError::new("count", "it is broken"));
        }
        let family = into.family(&Statement::new(Kind::Counter, "reads", "Readings.", Aggregation::SUM));
        let origin = into.origin(&Process { id: String::new(), labels: vec![] }, "");
        into.report(origin);
        let series = into.series(family, "reads_total", vec![]).unwrap();
        into.add(series, reads as f64, 0.0);
        Ok(())
    }
}

/// A source with a fault of its own.
pub(crate) struct Panicking;

#[async_trait]
impl Source for Panicking {
    fn name(&self) -> String {
        "panicking".to_owned()
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        panic!("this source always does");
    }
}

/// A source whose every read waits until the test lets it go.
#[derive(Clone)]
pub(crate) struct Gated {
    begun: Arc<Semaphore>,
    gate: Arc<Semaphore>,
    reads: Arc<AtomicUsize>,
}

impl Gated {
    pub(crate) fn new() -> Gated {
        Gated { begun: Arc::new(Semaphore::new(0)), gate: Arc::new(Semaphore::new(0)), reads: Arc::default() }
    }

    /// Waits until another read has begun.
    pub(crate) async fn read_begins(&self) {
        self.begun.acquire().await.unwrap().forget();
    }

    /// Lets one read go.
    pub(crate) fn let_one_go(&self) {
        self.gate.add_permits(1);
    }

    /// Lets every read go, now and later.
    pub(crate) fn let_all_go(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Source for Gated {
    fn name(&self) -> String {
        "gated".to_owned()
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.begun.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        Ok(())
    }
}

/// A source that keeps its thread, as one on a dead network file system does, until it is freed.
#[derive(Clone, Default)]
pub(crate) struct Stuck {
    threads: Arc<AtomicUsize>,
    free: Arc<(Mutex<bool>, Condvar)>,
}

impl Stuck {
    pub(crate) fn free(&self) {
        *self.free.0.lock().unwrap() = true;
        self.free.1.notify_all();
    }

    /// Waits until it has taken a thread.
    pub(crate) async fn holds_a_thread(&self) {
        while self.threads() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// How many threads it has taken so far.
    pub(crate) fn threads(&self) -> usize {
        self.threads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Source for Stuck {
    fn name(&self) -> String {
        "stuck".to_owned()
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        let stuck = self.clone();
        let thread = tokio::task::spawn_blocking(move || {
            stuck.threads.fetch_add(1, Ordering::SeqCst);
            let free = stuck.free.0.lock().unwrap();
            drop(stuck.free.1.wait_while(free, |free| !*free).unwrap());
        });
        thread.await.map_err(|error| SourceError::new("read the stuck source", error))
    }
}

/// A directory that the Python client wrote, and the folder with what it prints for it.
pub(crate) struct Recorded {
    pub(crate) folder: std::path::PathBuf,
    pub(crate) directory: TempDir,
}

pub(crate) fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../collector/tests/fixtures/python-multiprocess")
}

impl Recorded {
    pub(crate) fn new(case: &str) -> Recorded {
        let folder = fixtures().join(case);
        let directory = TempDir::new().unwrap();
        let archive = std::fs::File::open(folder.join("files.tar.gz")).unwrap();
        tar::Archive::new(flate2::read::GzDecoder::new(archive)).unpack(directory.path()).unwrap();
        Recorded { folder, directory }
    }

    pub(crate) fn source(&self) -> DirSource {
        let directory = Directory { path: self.directory.path().to_owned(), labels: vec![] };
        DirSource::new(vec![directory], Catalog::default()).unwrap()
    }

    /// A page that the Python client printed.
    pub(crate) fn expected(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).unwrap()
    }
}
