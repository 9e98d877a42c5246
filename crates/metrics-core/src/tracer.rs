//! Long work that counts while it runs.
//!
//! One list of running traces for each process, under one lock, and one thread that counts them up every
//! second as long as there are any. A trace remembers until when its time has been counted; whoever counts -
//! the thread, a snapshot, the trace's end - moves that moment, so no time counts twice. After a fork the
//! child begins with an empty list of its own ([`PerProcess`]), whatever the parent's threads were doing:
//! inherited traces are the parent's.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use forked::{Generation, PerProcess, generation};

use crate::Counter;

#[cfg(test)]
mod tests;

/// How often running traces are counted: the longest that a page lags behind.
const TICK: Duration = Duration::from_secs(1);

static TRACES: PerProcess<Traces> = PerProcess::new();

/// Work that is running: its [`Counter`] grows by the seconds that pass until this is dropped.
///
/// One that a forked child inherits is its parent's and does nothing there. One that is leaked counts as long
/// as the process lives.
#[must_use = "dropped at once, it counts about 0 seconds"]
#[derive(Debug)]
pub struct Trace {
    number: u64,
    /// Of the process that started it.
    generation: Generation,
}

impl Trace {
    /// Ends the trace; the same as dropping it.
    pub fn stop(self) {}
}

impl Drop for Trace {
    fn drop(&mut self) {
        if self.generation == generation()
            && let Some(traces) = TRACES.get()
        {
            traces.lock().stop(self.number, Instant::now());
        }
    }
}

/// Starts a trace, and the thread that counts traces if it is not running.
pub(crate) fn start(counter: Counter) -> Trace {
    let generation = generation();
    let traces = TRACES.get_or_init(Traces::default);
    let mut running = traces.lock();
    let number = running.start(counter, Instant::now());
    if !running.ticking {
        let ticker = std::thread::Builder::new().name("multiprom-traces".to_owned());
        // Where no thread can be had, the next start tries again, and a trace counts at its end at least.
        running.ticking = ticker.spawn(|| traces.tick()).is_ok();
    }
    Trace { number, generation }
}

/// Counts the time of this process's running traces up to now.
pub(crate) fn count_up_to_now() {
    if let Some(traces) = TRACES.get() {
        traces.lock().count(Instant::now());
    }
}

/// The traces of one process.
#[derive(Default)]
struct Traces {
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// Traces by number: several of one counter are told apart.
    traces: BTreeMap<u64, Traced>,
    next_number: u64,
    /// Whether the thread is there; it goes at the first tick that finds no trace.
    ticking: bool,
}

struct Traced {
    counter: Counter,
    /// All time before this moment has been counted.
    counted_until: Instant,
}

impl Traces {
    /// Nothing under this lock leaves it half changed, so a panic of its holder is no harm.
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread does.
    fn tick(&self) {
        loop {
            std::thread::sleep(TICK);
            let mut running = self.lock();
            if running.traces.is_empty() {
                running.ticking = false;
                return;
            }
            running.count(Instant::now());
        }
    }
}

impl Running {
    fn start(&mut self, counter: Counter, now: Instant) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.traces.insert(number, Traced { counter, counted_until: now });
        number
    }

    fn count(&mut self, now: Instant) {
        for traced in self.traces.values_mut() {
            traced.count(now);
        }
    }

    fn stop(&mut self, number: u64, now: Instant) {
        if let Some(mut traced) = self.traces.remove(&number) {
            traced.count(now);
        }
    }
}

impl Traced {
    fn count(&mut self, now: Instant) {
        // A moment that is not later than the last one, from another thread's reading of the clock, adds nothing.
        if let Some(passed) = now.checked_duration_since(self.counted_until) {
            self.counted_until = now;
            self.counter.inc_by(passed.as_secs_f64());
        }
    }
}
