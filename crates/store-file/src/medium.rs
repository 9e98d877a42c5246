//! Numbers kept in memory and written to their place in a file.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use record_store::{Held, Medium, Refusal};

/// A file whose numbers are written as they change. Needs nothing of its own.
#[derive(Debug, Default)]
pub(crate) struct Written;

/// A number and its time, and where they stand.
///
/// A lock for each number. No process but this waits for it, and a forked process has numbers of its own.
#[derive(Debug)]
pub(crate) struct Number(Mutex<Now>);

#[derive(Debug)]
struct Now {
    value: f64,
    time: f64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file and the offset in it.
    File(Arc<Held>, u64),
    Memory,
    /// Closed. Holds on to no file: the last number that leaves a deleted file closes it.
    Nowhere,
}

impl Medium for Written {
    type Number = Number;

    const MAPS: bool = false;

    fn number(&mut self, file: &Arc<Held>, _: u64, at: u64, value: f64, time: f64) -> io::Result<Number> {
        Ok(Number(Mutex::new(Now { value, time, place: Place::File(file.clone(), at) })))
    }

    fn in_memory(value: f64, time: f64) -> Number {
        Number(Mutex::new(Now { value, time, place: Place::Memory }))
    }

    fn add(number: &Number, by: f64, time: Option<f64>) -> Result<(), Refusal> {
        number.update(time, |value| value + by)
    }

    fn set(number: &Number, to: f64, time: Option<f64>) -> Result<(), Refusal> {
        number.update(time, |_| to)
    }

    fn read(number: &Number) -> Option<(f64, f64)> {
        let now = number.now();
        (!matches!(now.place, Place::Nowhere)).then_some((now.value, now.time))
    }

    fn close(number: &Number) -> (f64, f64) {
        let mut now = number.now();
        now.place = Place::Nowhere;
        (now.value, now.time)
    }
}

impl Number {
    fn now(&self) -> MutexGuard<'_, Now> {
        // Nothing panics while it is held; if something did, the numbers would still be numbers.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, time: Option<f64>, change: impl FnOnce(f64) -> f64) -> Result<(), Refusal> {
        let mut now = self.now();
        if matches!(now.place, Place::Nowhere) {
            return Err(Refusal::Closed);
        }
        now.value = change(now.value);
        now.time = time.unwrap_or(now.time);
        let Place::File(file, at) = &now.place else { return Ok(()) };
        // Value and time in one write, as Ruby does, so that a reader finds them together. Written under the
        // lock: two threads' writes reach the file in the order of their values.
        let mut bytes = [0; 16];
        let (value, time) = bytes.split_at_mut(8);
        value.copy_from_slice(&now.value.to_le_bytes());
        time.copy_from_slice(&now.time.to_le_bytes());
        file.write_all_at(&bytes, *at).map_err(Refusal::Unwritten)
    }
}

#[cfg(test)]
mod tests;
