//! Numbers kept in memory and written to their place in a file.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use record_store::{Held, Medium, Refusal};

/// A file whose numbers are written as they change. Needs nothing of its own.
#[derive(Debug, Default)]
pub(crate) struct Written;

/// A number and its time, and where they stand.
#[derive(Debug)]
pub(crate) struct Number {
    /// A lock of its own for each number. No process but this waits for it, and a forked process has numbers of
    /// its own.
    now: Mutex<Now>,
    /// The file and the offset; none in memory.
    place: Option<(Arc<Held>, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Now {
    value: f64,
    time: f64,
    closed: bool,
}

impl Medium for Written {
    type Number = Number;

    const MAPS: bool = false;

    fn number(&mut self, file: &Arc<Held>, _: u64, at: u64, value: f64, time: f64) -> io::Result<Number> {
        Ok(Number { now: Mutex::new(Now { value, time, closed: false }), place: Some((file.clone(), at)) })
    }

    fn in_memory(value: f64, time: f64) -> Number {
        Number { now: Mutex::new(Now { value, time, closed: false }), place: None }
    }

    fn add(number: &Number, by: f64, time: Option<f64>) -> Result<(), Refusal> {
        number.update(time, |value| value + by)
    }

    fn set(number: &Number, to: f64, time: Option<f64>) -> Result<(), Refusal> {
        number.update(time, |_| to)
    }

    fn read(number: &Number) -> Option<(f64, f64)> {
        let now = number.now();
        (!now.closed).then_some((now.value, now.time))
    }

    fn close(number: &Number) -> (f64, f64) {
        let mut now = number.now();
        now.closed = true;
        (now.value, now.time)
    }
}

impl Number {
    fn now(&self) -> MutexGuard<'_, Now> {
        // Nothing panics while it is held; if something did, the numbers would still be numbers.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, time: Option<f64>, change: impl FnOnce(f64) -> f64) -> Result<(), Refusal> {
        let mut now = self.now();
        if now.closed {
            return Err(Refusal::Closed);
        }
        now.value = change(now.value);
        now.time = time.unwrap_or(now.time);
        let Some((file, at)) = &self.place else { return Ok(()) };
        // Value and time in one write, as Ruby does, so that a reader finds them together. Written under the
        // lock: two threads' writes reach the file in the order of their values.
        let [value, time] = [now.value, now.time].map(f64::to_le_bytes);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&value);
        bytes[8..].copy_from_slice(&time);
        file.write_all_at(&bytes, *at).map_err(Refusal::Unwritten)
    }
}
