//! The thread of a process that sends what has changed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics_core::StoreError;
use redis_link::Backoff;
use redis_schema::Keys;
use redis_session::{Shard, identity};

use crate::numbers::Numbers;
use crate::options::Sending;
use crate::sender::{For, Sender};
use crate::store::{Own, Shared};
use crate::{FlushError, Options};

/// The thread of a process that sends what has changed: every interval, and when somebody waits for it.
pub(crate) struct Flusher {
    name: String,
    started: AtomicBool,
    asked: Mutex<Asked>,
    /// Somebody waits, or it has been done, or could not be.
    news: Condvar,
    /// Held by whoever sends: the thread, or who has changed a number and does not go on before Redis has it. Before
    /// `asked` and `changed`.
    sender: Mutex<Sender>,
    changed: Mutex<Changed>,
    /// More of the changes are settled.
    settled: Condvar,
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
    /// How many of these changes have arrived, or could not be sent.
    settled: u64,
    /// Whether one of those who wait sends for all.
    is_led: bool,
    /// How many wait for that one.
    waiting: usize,
}

/// One of those who wait for a change sends for all; until this is dropped.
struct Lead<'a> {
    flusher: &'a Flusher,
    /// So many changes.
    times: u64,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.flusher.changed().is_led = false;
        self.flusher.settle(self.times);
    }
}

/// Who waits for what.
#[derive(Default)]
struct Asked {
    /// Counts those who wait, and those of them who need not any more.
    wanted: u64,
    done: u64,
    closing: bool,
    closed: bool,
    /// Whether the thread is to try again at once.
    hurry: bool,
    /// Why the last frame has not arrived.
    trouble: Option<String>,
}

impl Flusher {
    pub(crate) fn new(sending: Sending) -> Flusher {
        let name = identity::name();
        Flusher {
            sender: Mutex::new(Sender::new(name.clone(), sending)),
            changed: Mutex::default(),
            settled: Condvar::new(),
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
        let mut changed = self.changed();
        changed.numbers.push(numbers);
        changed.times += 1;
        let ticket = changed.times;
        while changed.is_led {
            changed.waiting += 1;
            changed = self.settled.wait(changed).unwrap_or_else(PoisonError::into_inner);
            changed.waiting -= 1;
            if changed.settled >= ticket || self.away.load(Ordering::Relaxed) {
                return;
            }
        }
        changed.is_led = true;
        drop(changed);
        let mut sender = self.sender();
        // What was changed while the thread had its turn goes, too.
        let (numbers, times) = self.take_changed();
        let _lead = Lead { flusher: self, times };
        if let Err(trouble) = sender.send_changed(shared, own, &numbers, times) {
            self.away.store(true, Ordering::Relaxed);
            let mut asked = self.asked();
            (asked.trouble, asked.hurry) = (Some(trouble.to_string()), true);
            self.news.notify_all();
            drop(asked);
            sender.warn(shared, &trouble);
        }
    }

    /// So many changes have arrived, or could not be sent.
    fn settle(&self, times: u64) {
        let mut changed = self.changed();
        changed.settled = changed.settled.max(times);
        // Waking costs a call of the system, even where nobody sleeps.
        if changed.waiting > 0 {
            self.settled.notify_all();
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

    /// Nothing that is done with it panics half done, nor with those below.
    fn sender(&self) -> MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
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
            Sending::Periodic | Sending::Shared => {
                Backoff::new(interval / 2, interval.max(Duration::from_secs(10)))
            }
            // Until Redis is found again nobody waits for it, so it is looked for often.
            Sending::Synchronous => Backoff::new(Options::SHORTEST, Duration::from_secs(1)),
        };
        let mut pause = Duration::ZERO;
        loop {
            let (waiting, closing) = self.sleep(pause);
            let mut sender = self.sender();
            let (_, changes) = self.take_changed();
            match sender.send(shared, own, For { waiting, changes, closing }) {
                Ok(()) => {
                    self.away.store(closing, Ordering::Relaxed);
                    drop(sender);
                    self.settle(changes);
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
                    sender.warn(shared, &trouble);
                    drop(sender);
                    self.settle(changes);
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
            let hurry = std::mem::take(&mut asked.hurry);
            if rest.is_zero() || news || hurry || (waiting && !failed) {
                return (asked.wanted, asked.closing);
            }
            asked = self.news.wait_timeout(asked, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
