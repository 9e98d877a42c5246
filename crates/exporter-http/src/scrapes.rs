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

use crate::Options;
use crate::last_good::LastGood;
use crate::own::OwnMetrics;
use crate::page::{Pages, Stale};

/// The sample names of a scrape, sorted, each once; everything where there are none.
pub(crate) type Names = Option<Arc<[String]>>;

/// The scrapes that run now. One that asks for the same names as one of them waits for its result, so that
/// any number of scrapes at the same moment costs one collection and one page of each format.
pub(crate) struct Scrapes {
    collector: Arc<Collector>,
    /// How long a collection may take.
    time: Duration,
    liveness: Liveness,
    own: Arc<OwnMetrics>,
    /// Whether they also stand on every page.
    inline: bool,
    /// Where pages may be served that are not new.
    last_good: Option<Arc<LastGood>>,
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
    /// No scrapes yet.
    pub(crate) fn new(collector: Arc<Collector>, own: Arc<OwnMetrics>, options: &Options) -> Scrapes {
        Scrapes {
            collector,
            time: options.collection_time,
            liveness: options.liveness,
            own,
            inline: options.own_metrics_inline,
            last_good: options.stale_for.map(|stale_for| Arc::new(LastGood::new(stale_for))),
            shared: Arc::default(),
        }
    }

    /// The page with `names` in this format and coding: of the scrape that runs, else of a new one. And how old it is,
    /// where it is none of now.
    pub(crate) async fn page(
        &self,
        names: Names,
        format: Format,
        coding: Coding,
    ) -> Result<(Bytes, Option<Duration>), Failure> {
        let mut outcome = self.join(names, format, coding);
        let pages = match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(ended)) => ended.clone()?,
            // It went without a word.
            _ => return Err(Failure::Panic),
        };
        let page = pages.page(format, coding).await.ok_or(Failure::Panic)?;
        Ok((page, pages.stale.as_ref().map(|stale| stale.age)))
    }

    /// How the last scrape ended, whatever page was served instead; none where there was no scrape yet.
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
            own: self.own.clone(),
            inline: self.inline,
            last_good: self.last_good.clone(),
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
            let last = match &result {
                Ok(pages) => pages.stale.as_ref().map_or(Ok(()), |stale| Err(stale.failure.clone())),
                Err(failure) => Err(failure.clone()),
            };
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
    own: Arc<OwnMetrics>,
    inline: bool,
    last_good: Option<Arc<LastGood>>,
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
        ask.names = self.names.clone();
        ask.liveness = self.liveness;
        let begun = Instant::now();
        let collected = self.collector.collect(&ask).await;
        let collected = collected.map_err(|error| Failure::Collect(Arc::new(error)));
        let result = match (collected, &self.last_good) {
            (Ok(snapshot), last_good) => {
                if let Some(last_good) = last_good {
                    last_good.keep(&self.names, begun, &snapshot);
                }
                Ok((snapshot, None))
            }
            (Err(failure), last_good) => {
                let last = last_good.as_ref().and_then(|last| last.get(&self.names, Instant::now()));
                last.map(|(snapshot, age)| (snapshot, Some(Stale { age, failure: failure.clone() })))
                    .ok_or(failure)
            }
        };
        let age = result.as_ref().ok().and_then(|(_, stale)| stale.as_ref()).map(|stale| stale.age);
        self.own.served_page_of_age(age.unwrap_or_default());
        let (snapshot, stale) = result?;
        if let Some(Stale { age, failure }) = &stale {
            tracing::warn!("a page that is {:.1} s old is served: {failure}", age.as_secs_f64());
        }
        let pages = spawn_blocking(move || {
            let snapshot = match self.inline {
                true => Arc::new(self.own.append_to(&snapshot, &self.collector, ask.names.as_deref())),
                false => snapshot,
            };
            let (format, coding) = self.first;
            Arc::new(Pages::new(snapshot, stale, format, coding))
        });
        pages.await.map_err(|_panic| Failure::Panic)
    }
}
