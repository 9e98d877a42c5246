//! Sources, and what is kept of them from scrape to scrape.

use std::any::Any;
use std::collections::HashSet;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use foldhash::HashMap;
use metrics_core::Snapshot;
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinError;

use crate::own::{Collections, join};
use crate::{Ask, CollectError, Fold, Source, SourceError, Tally};

/// Sources and what is kept of them from scrape to scrape.
///
/// Scrapes of one collector run one after the other; whoever serves it lets scrapes that arrive meanwhile share
/// the one that runs.
pub struct Collector {
    sources: Arc<[Arc<dyn Source>]>,
    folds: Arc<HashMap<Box<str>, Fold>>,
    /// Held by a scrape from its beginning to its end, also beyond its deadline. No other lock is awaited
    /// under it.
    tallies: Arc<tokio::sync::Mutex<Tallies>>,
    /// Held for moments only.
    own: Mutex<Collections>,
}

/// What is kept from scrape to scrape.
#[derive(Default)]
struct Tallies {
    /// By source.
    each: Vec<Tally>,
    /// Of all sources, where there is more than one.
    all: Tally,
    /// What the log has been told.
    told: HashSet<String>,
}

/// A page, and what there is to say about it.
struct Collected {
    page: Arc<Snapshot>,
    readings: usize,
    /// Readings left out because of their kind.
    refused: usize,
    /// How long its sources were read, and how long the rest took.
    stages: Stages,
}

/// How long a scrape was at what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stages {
    pub(crate) read: Duration,
    pub(crate) merge: Duration,
}

impl Collector {
    /// A collector of these sources, in this order.
    pub fn new(sources: Vec<Box<dyn Source>>) -> Collector {
        Collector {
            sources: sources.into_iter().map(Arc::from).collect(),
            folds: Arc::default(),
            tallies: Arc::default(),
            own: Mutex::default(),
        }
    }

    /// Merges the numbers of the family `name` by a function of your own, whatever its sources say: it folds
    /// the numbers of the processes in the order of their files. In a histogram, each bucket by itself.
    ///
    /// To be called before the first scrape.
    ///
    /// ```
    /// use collector::Collector;
    /// let sources = Vec::new();
    /// let collector = Collector::new(sources).merging("vector_length", |a, b| a.hypot(b));
    /// # drop(collector);
    /// ```
    pub fn merging(mut self, name: &str, fold: Fold) -> Collector {
        Arc::make_mut(&mut self.folds).insert(name.into(), fold);
        self
    }

    /// The merged page. All sources are read at once; all or nothing.
    ///
    /// A read that goes on beyond the deadline is not wasted: the next scrape finds it done. Whoever drops the
    /// page before the next scrape saves that one a copy. To be called within a tokio runtime, whose clock is
    /// needed where there is a deadline.
    ///
    /// # Errors
    /// When a source cannot be read or the deadline passes: says which and why.
    pub async fn collect(&self, ask: &Ask) -> Result<Arc<Snapshot>, CollectError> {
        let begun = Instant::now();
        let progress = Arc::new(Progress::of(&self.sources));
        let scrape = self.scrape(ask, &progress);
        let ended = match ask.deadline {
            None => Ok(scrape.await),
            Some(deadline) => tokio::time::timeout_at(deadline.into(), scrape).await,
        };
        let ended = ended.unwrap_or_else(|_| Err(progress.late(&self.sources)));
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.sources_up(progress.answered.iter().map(|state| state.load(Ordering::Relaxed) == READ));
        match ended {
            Ok(Collected { page, readings, refused, stages }) => {
                own.done(begun.elapsed(), stages, &page, readings, refused);
                Ok(page)
            }
            Err(error) => {
                own.failed();
                Err(error)
            }
        }
    }

    /// Waits for its turn and scrapes. Where nobody waits for it any more, one that has begun goes on and one that has
    /// not does not begin: nothing gathers behind a source that is stuck.
    async fn scrape(&self, ask: &Ask, progress: &Arc<Progress>) -> Result<Collected, CollectError> {
        let tallies = Arc::clone(&self.tallies).lock_owned().await;
        progress.begun.store(true, Ordering::Relaxed);
        let (sources, folds) = (Arc::clone(&self.sources), Arc::clone(&self.folds));
        let (ask, progress) = (ask.clone(), Arc::clone(progress));
        let begun = tokio::task::spawn_blocking(move || scrape(&sources, &folds, tallies, &ask, &progress));
        let merge = |end| CollectError::Source { name: "merge".to_owned(), error: why(end) };
        begun.await.map_err(merge)?
    }

    /// The names of its sources, in order.
    pub fn sources(&self) -> Vec<String> {
        self.sources.iter().map(|source| source.name()).collect()
    }

    /// The collector's own metrics, `multiprom_*`: how its scrapes went, and what its sources say of
    /// themselves. Waits for nothing.
    pub fn own(&self) -> Snapshot {
        let names: Vec<String> = self.sources();
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).snapshot(&names);
        join([own].into_iter().chain(self.sources.iter().map(|source| source.own())))
    }
}

/// How far a scrape has come, for the message at its deadline.
struct Progress {
    begun: AtomicBool,
    /// By source: whether it was read, or failed, or has not answered.
    answered: Vec<AtomicU8>,
}

const WAITING: u8 = 0;
const READ: u8 = 1;
const FAILED: u8 = 2;

impl Progress {
    fn of(sources: &[Arc<dyn Source>]) -> Progress {
        Progress {
            begun: AtomicBool::new(false),
            answered: sources.iter().map(|_| AtomicU8::new(WAITING)).collect(),
        }
    }

    fn late(&self, sources: &[Arc<dyn Source>]) -> CollectError {
        let begun = self.begun.load(Ordering::Relaxed);
        let missing = sources.iter().zip(&self.answered);
        let missing = missing.filter(|(_, answered)| begun && answered.load(Ordering::Relaxed) == WAITING);
        CollectError::Late { waiting_for: missing.map(|(source, _)| source.name()).collect() }
    }
}

/// One scrape, on a thread that may block: it goes on when its caller has stopped waiting.
///
/// Handing work to a thread that sleeps costs as much as merging thousands of numbers. So the first source is read
/// on this thread; each other one has a thread of its own, or this one where none is free by then.
fn scrape(
    sources: &[Arc<dyn Source>],
    folds: &Arc<HashMap<Box<str>, Fold>>,
    mut tallies: OwnedMutexGuard<Tallies>,
    ask: &Ask,
    progress: &Arc<Progress>,
) -> Result<Collected, CollectError> {
    let begun = Instant::now();
    let runtime = Handle::current();
    let fresh = || Tally::with_folds(Arc::clone(folds));
    if tallies.each.len() != sources.len() {
        tallies.each.resize_with(sources.len(), fresh);
        tallies.all = fresh();
    }
    let mut readings = (0..sources.len()).map(|at| {
        let mut tally = std::mem::take(&mut tallies.each[at]);
        let (source, ask, progress) = (Arc::clone(&sources[at]), ask.clone(), Arc::clone(progress));
        async move {
            tally.begin();
            let read = source.read(&ask, &mut tally).await;
            progress.answered[at].store(if read.is_ok() { READ } else { FAILED }, Ordering::Relaxed);
            (tally, read)
        }
    });
    let first = readings.next();
    let others = readings.map(|reading| {
        let waiting = Arc::new(Mutex::new(Some(reading)));
        let taken = Arc::clone(&waiting);
        (waiting, tokio::task::spawn_blocking(move || take(&taken).map(run)))
    });
    let others: Vec<_> = others.collect();
    let first = first.map(run);
    let others = others.into_iter().map(|(waiting, elsewhere)| match take(&waiting) {
        Some(reading) => run(reading),
        None => runtime.block_on(elsewhere).map_err(why)?.expect("who has taken it runs it"),
    });
    let mut failed = None;
    for (at, done) in first.into_iter().chain(others).enumerate() {
        let (tally, read) = done.unwrap_or_else(|error| (fresh(), Err(error)));
        tallies.each[at] = tally;
        if let Err(error) = read
            && failed.is_none()
        {
            failed = Some(CollectError::Source { name: sources[at].name(), error });
        }
    }
    match failed {
        Some(error) => Err(error),
        None => {
            let read = begun.elapsed();
            let mut collected = merge(sources, &mut tallies, ask);
            collected.stages = Stages { read, merge: begun.elapsed() - read };
            Ok(collected)
        }
    }
}

fn take<T>(waiting: &Mutex<Option<T>>) -> Option<T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Runs a reading on this thread, which may block, until it has to wait for something; from then on as a task, which
/// ends with the runtime.
fn run<T: Send + 'static>(reading: impl Future<Output = T> + Send + 'static) -> Result<T, SourceError> {
    let runtime = Handle::current();
    let mut reading = Box::pin(reading);
    let begin = || runtime.block_on(poll_fn(|context| Poll::Ready(reading.as_mut().poll(context))));
    // A tally that a panic has left half made goes down with the reading.
    match catch_unwind(AssertUnwindSafe(begin)) {
        Ok(Poll::Ready(done)) => Ok(done),
        Ok(Poll::Pending) => runtime.block_on(runtime.spawn(reading)).map_err(why),
        Err(panic) => Err(panicked(&*panic)),
    }
}

fn merge(sources: &[Arc<dyn Source>], tallies: &mut Tallies, ask: &Ask) -> Collected {
    let Tallies { each, all, told } = tallies;
    let tally = match &mut each[..] {
        [only] => only,
        several => {
            all.begin();
            for (at, (source, tally)) in sources.iter().zip(&*several).enumerate() {
                if !source.yields() {
                    all.merge(tally);
                    continue;
                }
                let before = &several[..at];
                all.merge_without(tally, &mut |family| {
                    let other = before.iter().position(|other| other.has_stated(family));
                    if let Some(other) = other
                        && told.len() < MOST_TOLD
                        && told.insert(format!("{family} of {}", source.name()))
                    {
                        tracing::info!(
                            "left out {family} of {}: {} has it",
                            source.name(),
                            sources[other].name()
                        );
                    }
                    other.is_some()
                });
            }
            all
        }
    };
    let page = tally.finish(ask);
    let mut refused = 0;
    for conflict in tally.conflicts() {
        refused += conflict.readings;
        if told.len() < MOST_TOLD && told.insert(format!("{} {}", conflict.family, conflict.place)) {
            tracing::warn!(
                family = &*conflict.family,
                file = conflict.place,
                "left out {} readings of a {}: {} is a {} already",
                conflict.readings,
                conflict.refused,
                conflict.family,
                conflict.shown,
            );
        }
    }
    Collected { page, readings: tally.readings(), refused, stages: Stages::default() }
}

/// Different things that one collector or source tells the log, at most: each is told once.
pub(crate) const MOST_TOLD: usize = 10_000;

fn why(end: JoinError) -> SourceError {
    match end.try_into_panic() {
        Ok(panic) => panicked(&*panic),
        Err(_) => SourceError::new("its task ended", "the runtime shuts down"),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> SourceError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
    SourceError::new("its task ended", text)
}
