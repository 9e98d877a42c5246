//! The thread of a process that sends what has changed.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics_core::StoreError;
use redis_link::{Backoff, LinkError, Script};
use redis_schema::{Answer, Keys, page, script};
use redis_session::policy::{self, Unfit};
use redis_session::{SendError, Session, identity, patch, send};

use crate::numbers::Numbers;
use crate::shard::Shard;
use crate::sharing::Sharing;
use crate::store::{Own, Shared};
use crate::{FlushError, Options, options};

/// The thread of a process that sends what has changed: every interval, and when somebody waits for it.
pub(crate) struct Flusher {
    name: String,
    started: AtomicBool,
    asked: Mutex<Asked>,
    /// Somebody waits, or it has been done, or could not be.
    news: Condvar,
    /// Held by whoever sends: the thread, or who has changed a number and does not go on before Redis has it. Before
    /// `asked` and `changed`.
    sending: Mutex<Sending>,
    changed: Mutex<Changed>,
    /// Whether nobody is to wait for his change: Redis does not answer, and the thread tries again; or this is over.
    away: AtomicBool,
}

/// What was changed by those who do not go on before Redis has it.
#[derive(Default)]
struct Changed {
    /// Of these label sets, since a frame was last made.
    numbers: Vec<&'static Numbers>,
    /// How often, ever.
    times: u64,
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
struct Sending {
    session: Session,
    script: Script,
    patch: Script,
    /// Instead of the session, where numbers are those of all processes.
    sharing: Option<Sharing>,
    /// For whom the last frame was made.
    made_for: For,
    /// How many of the changes that somebody waits for have arrived, or could not be sent.
    settled: u64,
    /// Whether Redis was found fit, since the connection was last lost.
    fit: bool,
    warned: bool,
}

/// For whom a frame is made.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct For {
    /// So many of those who have ever waited for everything.
    waiting: u64,
    /// So many of the changes that somebody waits for.
    changes: u64,
    /// Whether it is to be the last.
    pub(crate) closing: bool,
}

/// Why a frame has not arrived.
pub(crate) enum Trouble {
    Link(LinkError),
    Other(StoreError),
}

impl Flusher {
    pub(crate) fn new(sending: options::Sending) -> Flusher {
        let name = identity::name();
        Flusher {
            sending: Mutex::new(Sending::new(name.clone(), sending)),
            changed: Mutex::default(),
            away: AtomicBool::new(false),
            name,
            started: AtomicBool::new(false),
            asked: Mutex::default(),
            news: Condvar::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where the process's keys are.
    pub(crate) fn shard<'a>(&self, shared: &'a Shared) -> &'a Shard {
        &shared.shards[Keys::shard_of(&self.name, shared.shards.len())]
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

    /// Returns when Redis has what was just changed of these numbers, or could not be asked.
    ///
    /// Who comes first sends for all who wait meanwhile.
    pub(crate) fn arrive(&self, shared: &Shared, own: &'static Own, numbers: &'static Numbers) {
        if self.away.load(Ordering::Relaxed) {
            return; // The thread sends it, as soon as that is possible.
        }
        let ticket = {
            let mut changed = self.changed();
            changed.numbers.push(numbers);
            changed.times += 1;
            changed.times
        };
        let mut sending = self.sending();
        if sending.settled >= ticket || self.away.load(Ordering::Relaxed) {
            return;
        }
        let (numbers, times) = self.take_changed();
        if let Err(trouble) = sending.send_changed(shared, own, &numbers, times) {
            self.away.store(true, Ordering::Relaxed);
            self.asked().trouble = Some(trouble.to_string());
            sending.warn(shared, &trouble);
        }
        sending.settled = times;
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

    /// Nothing that is done with it panics half done, nor with those below.
    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was changed since a frame was last made, and how often anything was until now.
    fn take_changed(&self) -> (Vec<&'static Numbers>, u64) {
        let mut changed = self.changed();
        (std::mem::take(&mut changed.numbers), changed.times)
    }

    fn run(&self, shared: &Shared, own: &'static Own) {
        let interval = shared.options.interval;
        let mut backoff = match shared.options.sending {
            options::Sending::Periodic | options::Sending::Shared => {
                Backoff::new(interval / 2, interval.max(Duration::from_secs(10)))
            }
            // Until Redis is found again nobody waits for it, so it is looked for often.
            options::Sending::Synchronous => Backoff::new(Options::SHORTEST, Duration::from_secs(1)),
        };
        let mut pause = Duration::ZERO;
        loop {
            let (waiting, closing) = self.sleep(pause);
            let mut sending = self.sending();
            let (_, changes) = self.take_changed();
            match sending.send(shared, own, For { waiting, changes, closing }) {
                Ok(()) => {
                    sending.settled = changes;
                    self.away.store(closing, Ordering::Relaxed);
                    drop(sending);
                    backoff.reset();
                    // Not all processes of a server at the same moment.
                    pause = interval.mul_f64(0.9) + Backoff::new(interval / 10, interval / 5).pause();
                    let mut asked = self.asked();
                    (asked.done, asked.closed, asked.trouble) = (waiting, closing, None);
                    self.news.notify_all();
                    if closing {
                        return;
                    }
                }
                Err(trouble) => {
                    self.away.store(true, Ordering::Relaxed);
                    pause = backoff.pause();
                    self.asked().trouble = Some(trouble.to_string());
                    sending.warn(shared, &trouble);
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

impl Sending {
    fn new(name: String, sending: options::Sending) -> Sending {
        let page = match sending {
            options::Sending::Synchronous => page::SHORT_LEN,
            options::Sending::Periodic | options::Sending::Shared => page::LEN,
        };
        Sending {
            sharing: (sending == options::Sending::Shared).then(|| Sharing::new(name.clone())),
            session: Session::new(name).with_pages_of(page),
            script: Script::new(script::FLUSH),
            patch: Script::new(script::PATCH),
            made_for: For::default(),
            settled: 0,
            fit: false,
            warned: false,
        }
    }

    /// Sends what there is now of these numbers; of all where that cannot be done, or has no answer.
    fn send_changed(
        &mut self,
        shared: &Shared,
        own: &'static Own,
        numbers: &[&Numbers],
        changes: u64,
    ) -> Result<(), Trouble> {
        let asked = For { changes, ..self.made_for };
        let changed = own.book().changes(numbers, &own.clock);
        if self.fit
            && let Some(frame) = self.session.patch(changed)
        {
            self.made_for = asked;
            let shard = own.flusher.shard(shared);
            match patch(&shard.link, &shard.keys, &self.patch, frame) {
                Ok(true) => {
                    self.session.patched();
                    return Ok(());
                }
                // The same frame again, and what it is answered says what to do.
                Ok(false) => {}
                Err(error) => {
                    self.fit = false;
                    // Once more on another connection; but who has waited long enough does not wait twice.
                    if error.is_late() {
                        return Err(Trouble::Link(error));
                    }
                }
            }
        }
        self.send(shared, own, asked)
    }

    /// Sends what there is now, for those who ask.
    fn send(&mut self, shared: &Shared, own: &'static Own, asked: For) -> Result<(), Trouble> {
        if !self.fit {
            match policy::check(&own.flusher.shard(shared).link) {
                Ok(()) => self.fit = true,
                Err(Unfit::Unreachable(error)) => return Err(Trouble::Link(error)),
                Err(Unfit::Evicts(evicts)) => {
                    return Err(Trouble::Other(StoreError::new("send to Redis", evicts)));
                }
            }
        }
        if let Some(sharing) = &mut self.sharing {
            sharing.send(shared, own, asked).inspect_err(|_| self.fit = false)?;
            self.warned = false;
            return Ok(());
        }
        for _ in 0..FRAMES {
            if self.exchange(shared, own, asked)?.is_break() {
                self.warned = false;
                return Ok(());
            }
        }
        Err(Trouble::Other(StoreError::new("send to Redis", "it is never as it was a moment ago")))
    }

    /// Sends one frame; breaks where it has arrived and was made for those who ask now.
    fn exchange(
        &mut self,
        shared: &Shared,
        own: &'static Own,
        asked: For,
    ) -> Result<ControlFlow<()>, Trouble> {
        if !self.session.has_flying() {
            self.made_for = asked;
            if !self.session.is_registered() {
                agree(shared, own).map_err(Trouble::Link)?;
            }
        }
        let frame = self.session.next(|| own.book().moment(&own.clock));
        let schema = own.book().schema(frame.schema).to_vec();
        let shard = own.flusher.shard(shared);
        let sent = send(&shard.link, &shard.keys, &self.script, frame, &schema, self.made_for.closing);
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

    /// Once, until it went well again.
    fn warn(&mut self, shared: &Shared, trouble: &Trouble) {
        if !std::mem::replace(&mut self.warned, true) {
            match trouble {
                Trouble::Link(error) => {
                    (shared.options.warn)(&StoreError::new("send numbers to Redis", error.to_string()));
                }
                Trouble::Other(error) => (shared.options.warn)(error),
            }
        }
    }
}

/// Agrees with all processes, whatever their shard, on what stands in the first: how far the clock of Redis is ahead, and
/// how many shards there are.
fn agree(shared: &Shared, own: &Own) -> Result<(), LinkError> {
    let first = &shared.shards[0];
    own.clock.agree(&first.link, &first.keys)?;
    Shard::announce(first, shared.shards.len())?;
    if !std::ptr::eq(first, own.flusher.shard(shared)) {
        first.link.disconnect();
    }
    Ok(())
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Link(error) => error.fmt(f),
            Trouble::Other(error) => error.fmt(f),
        }
    }
}
