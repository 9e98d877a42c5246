//! The thread of a process that sends what has changed.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics_core::StoreError;
use redis_link::{Backoff, LinkError, Script};
use redis_schema::{Answer, Keys, script};
use redis_session::policy::{self, Unfit};
use redis_session::{SendError, Session, identity, send};

use crate::FlushError;
use crate::shard::Shard;
use crate::store::{Own, Shared};

/// The thread of a process that sends what has changed: every interval, and when somebody waits for it.
pub(crate) struct Flusher {
    name: String,
    started: AtomicBool,
    asked: Mutex<Asked>,
    /// Somebody waits, or it has been done, or could not be.
    news: Condvar,
}

/// Who waits for what.
#[derive(Default)]
struct Asked {
    /// Counts those who wait, and those of them who need not any more.
    wanted: u64,
    done: u64,
    closing: bool,
    closed: bool,
    /// Why the last frame has not arrived.
    trouble: Option<String>,
}

/// What a process has sent, and with what.
struct Sending<'a> {
    shared: &'a Shared,
    /// Where the process's keys are.
    shard: &'a Shard,
    own: &'static Own,
    session: Session,
    script: Script,
    /// How many waited when the last frame was made, and whether it is to be the last.
    made_for: (u64, bool),
    /// Whether Redis was found fit, since the connection was last lost.
    fit: bool,
    warned: bool,
}

/// Why a frame has not arrived.
enum Trouble {
    Link(LinkError),
    Other(StoreError),
}

impl Flusher {
    pub(crate) fn new() -> Flusher {
        Flusher {
            name: identity::name(),
            started: AtomicBool::new(false),
            asked: Mutex::default(),
            news: Condvar::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Starts the thread, if it does not run.
    #[inline]
    pub(crate) fn start(&'static self, shared: &Arc<Shared>, own: &'static Own) {
        if !self.started.load(Ordering::Relaxed) {
            self.start_thread(shared, own);
        }
    }

    #[cold]
    fn start_thread(&'static self, shared: &Arc<Shared>, own: &'static Own) {
        if self.started.swap(true, Ordering::Relaxed) {
            return;
        }
        let theirs = Arc::clone(shared);
        let thread = std::thread::Builder::new().name("multiprom-redis".to_owned());
        if let Err(error) = thread.spawn(move || self.run(&theirs, own)) {
            // The next label set tries again.
            self.started.store(false, Ordering::Relaxed);
            (shared.options.warn)(&StoreError::new("start the thread that sends numbers to Redis", error));
        }
    }

    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut asked = self.asked();
        if asked.closed {
            return Ok(());
        }
        asked.wanted += 1;
        let ticket = asked.wanted;
        self.news.notify_all();
        self.wait(asked, timeout, |asked| asked.done >= ticket || asked.closed)
    }

    pub(crate) fn close(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut asked = self.asked();
        asked.wanted += 1;
        asked.closing = true;
        self.news.notify_all();
        self.wait(asked, timeout, |asked| asked.closed)
    }

    fn wait(
        &self,
        mut asked: MutexGuard<'_, Asked>,
        timeout: Duration,
        is_done: impl Fn(&Asked) -> bool,
    ) -> Result<(), FlushError> {
        let end = Instant::now() + timeout;
        while !is_done(&asked) {
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Err(FlushError { timeout, trouble: asked.trouble.clone() });
            }
            asked = self.news.wait_timeout(asked, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Nothing that is done with it panics half done.
    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, shared: &Shared, own: &'static Own) {
        let mut sending = Sending {
            shared,
            shard: &shared.shards[Keys::shard_of(&self.name, shared.shards.len())],
            own,
            session: Session::new(self.name.clone()),
            script: Script::new(script::FLUSH),
            made_for: (0, false),
            fit: false,
            warned: false,
        };
        let interval = shared.options.interval;
        let mut backoff = Backoff::new(interval / 2, interval.max(Duration::from_secs(10)));
        let mut pause = Duration::ZERO;
        loop {
            let (ticket, closing) = self.sleep(pause);
            match sending.send((ticket, closing)) {
                Ok(()) => {
                    backoff.reset();
                    // Not all processes of a server at the same moment.
                    pause = interval.mul_f64(0.9) + Backoff::new(interval / 10, interval / 5).pause();
                    let mut asked = self.asked();
                    (asked.done, asked.closed, asked.trouble) = (ticket, closing, None);
                    self.news.notify_all();
                    if closing {
                        return;
                    }
                }
                Err(trouble) => {
                    pause = backoff.pause();
                    self.asked().trouble = Some(trouble.to_string());
                    sending.warn(&trouble);
                }
            }
        }
    }

    /// Until the pause is over, or somebody waits who did not before. How many do, and whether this is the end.
    fn sleep(&self, pause: Duration) -> (u64, bool) {
        let mut asked = self.asked();
        let (wanted, closing) = (asked.wanted, asked.closing);
        let end = Instant::now() + pause;
        // Whoever waited already when the last frame failed waits for the pause, too.
        let failed = asked.trouble.is_some();
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            let news = asked.wanted > wanted || asked.closing != closing;
            let waiting = asked.wanted > asked.done || asked.closing;
            if rest.is_zero() || news || (waiting && !failed) {
                return (asked.wanted, asked.closing);
            }
            asked = self.news.wait_timeout(asked, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// So many frames in a row are enough for whatever has happened to the server: the last one once more, what that has
/// shown to be missing, and all of it.
const FRAMES: usize = 8;

impl Sending<'_> {
    /// Sends what there is now, for so many who wait, and whether it is the last.
    fn send(&mut self, asked: (u64, bool)) -> Result<(), Trouble> {
        if !self.fit {
            match policy::check(&self.shard.link) {
                Ok(()) => self.fit = true,
                Err(Unfit::Unreachable(error)) => return Err(Trouble::Link(error)),
                Err(Unfit::Evicts(evicts)) => {
                    return Err(Trouble::Other(StoreError::new("send to Redis", evicts)));
                }
            }
        }
        for _ in 0..FRAMES {
            if self.exchange(asked)?.is_break() {
                self.warned = false;
                return Ok(());
            }
        }
        Err(Trouble::Other(StoreError::new("send to Redis", "it is never as it was a moment ago")))
    }

    /// Sends one frame; breaks where it has arrived and was made for those who wait now.
    fn exchange(&mut self, asked: (u64, bool)) -> Result<ControlFlow<()>, Trouble> {
        let own = self.own;
        if !self.session.has_flying() {
            self.made_for = asked;
            if !self.session.is_registered() {
                self.agree().map_err(Trouble::Link)?;
            }
        }
        let frame = self.session.next(|| own.book().moment(&own.clock));
        let schema = own.book().schema(frame.schema).to_vec();
        let sent = send(&self.shard.link, &self.shard.keys, &self.script, frame, &schema, self.made_for.1);
        let (answer, epoch) = sent.map_err(|error| match error {
            SendError::Link(error) => {
                self.fit = false;
                Trouble::Link(error)
            }
            SendError::Answer(what) => Trouble::Other(StoreError::new("read the answer of Redis", what)),
        })?;
        self.session.answer(&answer, &epoch, own.book().adds_up());
        Ok(if answer == Answer::Ok && self.made_for == asked {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }

    /// Agrees with all processes, whatever their shard, on what stands in the first: how far the clock of Redis is ahead,
    /// and how many shards there are.
    fn agree(&self) -> Result<(), LinkError> {
        let first = &self.shared.shards[0];
        self.own.clock.agree(&first.link, &first.keys)?;
        Shard::announce(first, self.shared.shards.len())?;
        if !std::ptr::eq(first, self.shard) {
            first.link.disconnect();
        }
        Ok(())
    }

    /// Once, until it went well again.
    fn warn(&mut self, trouble: &Trouble) {
        if !std::mem::replace(&mut self.warned, true) {
            match trouble {
                Trouble::Link(error) => {
                    (self.shared.options.warn)(&StoreError::new("send numbers to Redis", error.to_string()));
                }
                Trouble::Other(error) => (self.shared.options.warn)(error),
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Link(error) => error.fmt(f),
            Trouble::Other(error) => error.fmt(f),
        }
    }
}
