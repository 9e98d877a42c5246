//! Numbers as two words in memory, mapped or not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use record_store::{Held, Medium, Refusal};

use crate::words::Windows;

/// The mappings of one record file.
#[derive(Debug, Default)]
pub(crate) struct Mapped {
    windows: Windows,
}

/// A number and its time: a word each, in a mapping or in memory of this process, and never freed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    value: &'static AtomicU64,
    time: &'static AtomicU64,
}

/// What a closed word holds: a `NaN` that no arithmetic makes. Never in a file that has a name.
const CLOSED: u64 = 0x7ffc_636c_6f73_6564; // "closed", behind the bits of a NaN

impl Medium for Mapped {
    type Number = Words;

    const MAPS: bool = true;

    fn number(&mut self, file: &Arc<Held>, len: u64, at: u64, _: f64, _: f64) -> io::Result<Words> {
        // Two words and not an array of two: they may stand on both sides of a border between mappings.
        let value = self.windows.word(file, len, at)?;
        let time = self.windows.word(file, len, at + size_of::<u64>() as u64)?;
        Ok(Words { value, time })
    }

    fn in_memory(value: f64, time: f64) -> Words {
        // Freed never, as a mapping is: a thread may be about to touch it, however long ago the child moved.
        let [value, time] = Box::leak(Box::new([value, time].map(|number| AtomicU64::new(number.to_bits()))));
        Words { value, time }
    }

    fn add(number: &Words, by: f64, time: Option<f64>) -> Result<(), Refusal> {
        loop {
            match Mapped::try_add(number, by, time) {
                Err(Refusal::Beaten) => {}
                outcome => return outcome,
            }
        }
    }

    #[inline]
    fn try_add(number: &Words, by: f64, time: Option<f64>) -> Result<(), Refusal> {
        // Once beaten may be chance; twice in one addition is a crowd.
        const ATTEMPTS: usize = 2;

        // Relaxed: a number stands for itself and publishes nothing.
        let mut old = number.value.load(Ordering::Relaxed);
        for _ in 0..ATTEMPTS {
            if old == CLOSED {
                return Err(Refusal::Closed);
            }
            let new = (f64::from_bits(old) + by).to_bits();
            // Not the weak one: what fails here must mean that somebody else is at it.
            match number.value.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    note(number, time);
                    return Ok(());
                }
                Err(now) => old = now,
            }
        }
        Err(Refusal::Beaten)
    }

    #[inline]
    fn set(number: &Words, to: f64, time: Option<f64>) -> Result<(), Refusal> {
        if number.value.load(Ordering::Relaxed) == CLOSED {
            return Err(Refusal::Closed);
        }
        // A plain store, at a fraction of what a compare-and-swap costs. A `set` that meets `close` between these
        // two lines is lost.
        number.value.store(to.to_bits(), Ordering::Relaxed);
        note(number, time);
        Ok(())
    }

    fn read(number: &Words) -> Option<(f64, f64)> {
        let value = number.value.load(Ordering::Relaxed);
        let time = number.time.load(Ordering::Relaxed);
        (value != CLOSED).then_some((f64::from_bits(value), f64::from_bits(time)))
    }

    fn word(number: &Words) -> Option<&'static AtomicU64> {
        Some(number.value)
    }

    fn close(number: &Words) -> (f64, f64) {
        // Release: who finds it closed also finds where the child has moved to.
        let value = number.value.swap(CLOSED, Ordering::AcqRel);
        (f64::from_bits(value), f64::from_bits(number.time.load(Ordering::Relaxed)))
    }
}

/// The time after the value: a reader that sees a time sees the value that it belongs to, or a later one.
#[inline]
fn note(number: &Words, time: Option<f64>) {
    if let Some(time) = time {
        number.time.store(time.to_bits(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_word_takes_nothing() {
        let number = Mapped::in_memory(5.0, 1.0);
        Mapped::add(&number, 2.0, None).unwrap();
        assert_eq!(Mapped::read(&number), Some((7.0, 1.0)));
        assert_eq!(Mapped::close(&number), (7.0, 1.0));
        assert!(matches!(Mapped::add(&number, 1.0, None), Err(Refusal::Closed)));
        assert!(matches!(Mapped::set(&number, 1.0, None), Err(Refusal::Closed)));
        assert_eq!(Mapped::read(&number), None);
    }

    #[test]
    fn no_arithmetic_makes_a_closed_word() {
        let closed = f64::from_bits(CLOSED);
        assert!(closed.is_nan());
        for number in [0.0, 1.0, -1.0, f64::MAX, f64::INFINITY, f64::NAN] {
            for other in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -f64::NAN] {
                assert_ne!((number + other).to_bits(), CLOSED);
            }
        }
    }
}
