//! The scrapes that run now, and who waits for them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use collector::{Ask, CollectError, Collector, Liveness};
use exposition::{Coding, Format};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::own::OwnMetrics;
use crate::page::Pages;

/// The sample names of a scrape, sorted, each once; everything where there are none.
pub(crate) type Names = Option<Arc<[String]>>;

/// The scrapes that run now. One that asks for the same names as one of them waits for its result, so that
/// any number of scrapes at the same moment costs one collection and one page of each format.
pub(crate) struct Scrapes {
    collector: Arc<Collector>,
    /// How long a collection may take.
    time: Duration,
    liveness: Liveness,
    /// Where they also stand on every page.
    inline: Option<Arc<OwnMetrics>>,
    shared: Arc<Shared>,
}

/// What a scrape leaves behind. No two of these locks are held together, and none for more than a lookup.
#[derive(Default)]
struct Shared {
    running: Mutex<HashMap<Names, watch::Receiver<Option<Outcome>>>>,
    last: Mutex<Option<Result<(), Failure>>>,
}

/// How a scrape ended.
type Outcome = Result<Arc<Pages>, Failure>;

/// Why there is no page.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// A source could not be read in time, or not at all.
    Collect(Arc<CollectError>),
    /// There is a fault in the exporter.
    Panic,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Collect(error) => error.fmt(f),
            Failure::Panic => f.write_str("the exporter panicked; its standard error says where"),
        }
    }
}

impl Scrapes {
    /// No scrapes yet. `inline` are put on every page.
    pub(crate) fn new(
        collector: Arc<Collector>,
        time: Duration,
        liveness: Liveness,
        inline: Option<Arc<OwnMetrics>>,
    ) -> Scrapes {
        Scrapes { collector, time, liveness, inline, shared: Arc::default() }
    }

    /// The page with `names` in this format and coding: of the scrape that runs, else of a new one.
    pub(crate) async fn page(&self, names: Names, format: Format, coding: Coding) -> Result<Bytes, Failure> {
        let mut outcome = self.join(names, format, coding);
        let pages = match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(ended)) => ended.clone()?,
            // It went without a word.
            _ => return Err(Failure::Panic),
        };
        pages.page(format, coding).await.ok_or(Failure::Panic)
    }

    /// How the last scrape ended; none where there was no scrape yet.
    pub(crate) fn last(&self) -> Option<Result<(), Failure>> {
        self.shared.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The scrape of `names` that runs; where there is none, a new one that makes its first page in this
    /// format and coding.
    fn join(&self, names: Names, format: Format, coding: Coding) -> watch::Receiver<Option<Outcome>> {
        let mut running = self.shared.running.lock().unwrap_or_else(PoisonError::into_inner);
        // One whose sender is gone has panicked; it is replaced.
        if let Some(outcome) = running.get(&names).filter(|outcome| outcome.has_changed().is_ok()) {
            return outcome.clone();
        }
        let (ended, outcome) = watch::channel(None);
        running.insert(names.clone(), outcome.clone());
        drop(running);
        let scrape = Scrape {
            collector: self.collector.clone(),
            inline: self.inline.clone(),
            deadline: Instant::now() + self.time,
            liveness: self.liveness,
            names,
            first: (format, coding),
        };
        let shared = self.shared.clone();
        // A task of its own: the client who started it may go away while others wait.
        tokio::spawn(async move {
            let names = scrape.names.clone();
            let result = scrape.run().await;
            if let Err(failure) = &result {
                tracing::warn!("no page: {failure}");
            }
            let last = result.as_ref().map(|_| ()).map_err(Failure::clone);
            *shared.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
            // First off the list, then the news: whoever hears it and asks again gets a new scrape.
            shared.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&names);
            ended.send_replace(Some(result));
        });
        outcome
    }
}

/// One scrape: what it asks for, and of whom.
struct Scrape {
    collector: Arc<Collector>,
    inline: Option<Arc<OwnMetrics>>,
    deadline: Instant,
    liveness: Liveness,
    names: Names,
    first: (Format, Coding),
}

impl Scrape {
    /// Collects, then makes the first page off the network threads.
    async fn run(self) -> Outcome {
        let mut ask = Ask::default();
        ask.deadline = Some(self.deadline);
        ask.names = self.names;
        ask.liveness = self.liveness;
        let snapshot =
            self.collector.collect(&ask).await.map_err(|error| Failure::Collect(Arc::new(error)))?;
        let pages = spawn_blocking(move || {
            let snapshot = match self.inline {
                Some(own) => Arc::new(own.append_to(&snapshot, &self.collector, ask.names.as_deref())),
                None => snapshot,
            };
            let (format, coding) = self.first;
            Arc::new(Pages::new(snapshot, format, coding))
        });
        pages.await.map_err(|_panic| Failure::Panic)
    }
}
