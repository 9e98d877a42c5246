//! The thread that sends the numbers of one directory for as long as it is wanted.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use collector::{Ask, Source, SourceError, Tally};
use metrics_core::{FamilySnapshot, Kind, Label, Snapshot};
use redis_link::Backoff;

use crate::{PushError, Pushed, Pusher};

/// The numbers of a directory, sent again and again by a thread of their own. Nobody waits for it who serves them.
#[derive(Debug)]
pub struct Push {
    /// Until it is started.
    pusher: Option<Pusher>,
    shared: Arc<Shared>,
}

/// What a [`Push`] says of itself: a source without numbers of its own, whose families are `multiprom_push_...`.
#[derive(Clone, Debug)]
pub struct PushReport {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// For people.
    directory: String,
    database: String,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Debug)]
struct State {
    /// Whether this is the end, and if so, for ever.
    ending: Option<bool>,
    ended: bool,
    begun: Instant,
    /// When all numbers had arrived last.
    arrived: Option<Instant>,
    is_well: bool,
    pushes: u64,
    failures: u64,
    pushed: Pushed,
}

impl Push {
    /// Of what this one sends. Nothing is read or sent before [`start`](Push::start).
    pub fn new(pusher: Pusher) -> Push {
        let (directory, database) = pusher.place();
        let state = State {
            ending: None,
            ended: false,
            begun: Instant::now(),
            arrived: None,
            is_well: false,
            pushes: 0,
            failures: 0,
            pushed: Pushed::default(),
        };
        let shared = Arc::new(Shared { directory, database, state: Mutex::new(state), news: Condvar::new() });
        Push { pusher: Some(pusher), shared }
    }

    /// Sends the numbers every `interval`, and tells the log when that cannot be done, once. Started again it does
    /// nothing.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(&mut self, interval: Duration) -> io::Result<()> {
        let Some(pusher) = self.pusher.take() else { return Ok(()) };
        let theirs = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("multiprom-push".to_owned());
        thread.spawn(move || theirs.run(pusher, interval))?;
        Ok(())
    }

    /// What it says of itself.
    pub fn report(&self) -> PushReport {
        PushReport { shared: Arc::clone(&self.shared) }
    }

    /// Sends once more and ends, if it was started; with `for_ever` the process says that it will not come back. Whether all has arrived
    /// within `timeout`.
    pub fn end(self, timeout: Duration, for_ever: bool) -> bool {
        if self.pusher.is_some() {
            return false;
        }
        let mut state = self.shared.state();
        state.ending = Some(for_ever);
        self.shared.news.notify_all();
        let end = Instant::now() + timeout;
        while !state.ended {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return false;
            }
            state = self.shared.news.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_well
    }
}

impl Shared {
    /// Nothing that is done with it panics half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut pusher: Pusher, interval: Duration) {
        let mut backoff = Backoff::new(interval / 2, interval.max(Duration::from_secs(10)));
        let mut warned = false;
        loop {
            let ending = self.state().ending;
            let pushed = pusher.push(ending == Some(true));
            let pause = match &pushed {
                Ok(_) => {
                    backoff.reset();
                    interval
                }
                Err(_) => backoff.pause(),
            };
            self.tell(&pushed, &mut warned);
            let mut state = self.state();
            state.take(pushed);
            if ending.is_some() {
                state.ended = true;
                self.news.notify_all();
                return;
            }
            let end = Instant::now() + pause;
            while state.ending.is_none() {
                let rest = end.saturating_duration_since(Instant::now());
                if rest.is_zero() {
                    break;
                }
                state = self.news.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Tells the log, once until it went well again.
    fn tell(&self, pushed: &Result<Pushed, PushError>, warned: &mut bool) {
        match pushed {
            Ok(_) if std::mem::take(warned) => {
                tracing::info!("the numbers of {} are in Redis again", self.directory);
            }
            Err(error) if !std::mem::replace(warned, true) => tracing::warn!(
                "the numbers of {} are sent to Redis when that is possible again: {error}",
                self.directory
            ),
            _ => {}
        }
    }
}

impl State {
    fn take(&mut self, pushed: Result<Pushed, PushError>) {
        self.is_well = pushed.is_ok();
        match pushed {
            Ok(pushed) => {
                self.pushes += 1;
                self.pushed = pushed;
                self.arrived = Some(Instant::now());
            }
            Err(_) => self.failures += 1,
        }
    }
}

/// Has no readings; what it says of itself stands among our own metrics.
#[async_trait]
impl Source for PushReport {
    fn name(&self) -> String {
        format!("push of {} to {}", self.shared.directory, self.shared.database)
    }

    async fn read(&self, _: &Ask, _: &mut Tally) -> Result<(), SourceError> {
        Ok(())
    }

    fn own(&self) -> Snapshot {
        let state = self.shared.state();
        let behind = match state.is_well {
            true => Duration::ZERO,
            false => state.arrived.unwrap_or(state.begun).elapsed(),
        };
        let of = |kind, name: &str, help: &str, number: f64| {
            let labels = vec![
                Label::new("database", &self.shared.database),
                Label::new("directory", &self.shared.directory),
            ];
            FamilySnapshot::of_numbers(kind, name, help, [(labels, number)])
        };
        let families = vec![
            of(
                Kind::Gauge,
                "multiprom_push_up",
                "1 where the numbers of the directory have last arrived in Redis, 0 where they have not.",
                f64::from(u8::from(state.is_well)),
            ),
            of(
                Kind::Gauge,
                "multiprom_push_behind_seconds",
                "How long ago the numbers in Redis were those of the directory; 0 where they are.",
                behind.as_secs_f64(),
            ),
            of(
                Kind::Counter,
                "multiprom_pushes",
                "How often the numbers of the directory have arrived in Redis.",
                state.pushes as f64,
            ),
            of(
                Kind::Counter,
                "multiprom_push_failures",
                "How often they could not be read, written down or sent.",
                state.failures as f64,
            ),
            of(
                Kind::Gauge,
                "multiprom_push_series",
                "Label sets of the directory that are sent to Redis.",
                state.pushed.series as f64,
            ),
            of(
                Kind::Gauge,
                "multiprom_push_left_out_series",
                "Label sets that are not, since they cannot be added up with those of others; the log names them.",
                state.pushed.left_out as f64,
            ),
        ];
        Snapshot { families }
    }
}
