//! The numbers of a label set in one process: words in memory.

use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers of a label set in one process, in the order of its [schema](redis_schema::Schema).
///
/// Alone on its cache lines, so that threads which update different label sets do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Numbers {
    /// The bits of an `f64`, as all here.
    first: AtomicU64,
    /// When it was set, for whom that matters.
    time: AtomicU64,
    /// The number of the first, among all of the process.
    at: usize,
    rest: Box<[AtomicU64]>,
}

impl Numbers {
    /// So many, all 0, from number `at` of the process on.
    pub(crate) fn new(len: usize, at: usize) -> Numbers {
        Numbers { rest: (1..len).map(|_| AtomicU64::new(0)).collect(), at, ..Numbers::default() }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    #[inline]
    pub(crate) fn add(&self, index: usize, by: f64) {
        let Some(word) = self.word(index) else { return };
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let sum = (f64::from_bits(seen) + by).to_bits();
            match word.compare_exchange_weak(seen, sum, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
    }

    /// Sets the first, at a time if that matters.
    #[inline]
    pub(crate) fn set(&self, to: f64, time: Option<f64>) {
        self.first.store(to.to_bits(), Ordering::Relaxed);
        if let Some(time) = time {
            // Release: who sees the time sees the number that it belongs to, or a later one.
            self.time.store(time.to_bits(), Ordering::Release);
        }
    }

    pub(crate) fn get(&self, index: usize) -> f64 {
        self.word(index).map_or(0.0, |word| f64::from_bits(word.load(Ordering::Relaxed)))
    }

    /// When the first was set; 0 where nobody has, or keeps it.
    pub(crate) fn time(&self) -> f64 {
        f64::from_bits(self.time.load(Ordering::Acquire))
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.rest.len()
    }

    #[inline]
    fn word(&self, index: usize) -> Option<&AtomicU64> {
        match index.checked_sub(1) {
            None => Some(&self.first),
            Some(index) => self.rest.get(index),
        }
    }
}
