//! A label set whose numbers share a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics_core::{Child, Part};

use crate::shape::Shape;

/// A label set whose numbers share a lock.
pub(crate) struct MutexChild {
    numbers: Mutex<Numbers>,
    shape: Shape,
}

struct Numbers {
    total: f64,
    counts: Box<[u64]>,
}

impl MutexChild {
    pub(crate) fn new(shape: Shape) -> MutexChild {
        let counts = vec![0; shape.counts].into();
        MutexChild { numbers: Mutex::new(Numbers { total: 0.0, counts }), shape }
    }

    /// Nothing done under the lock panics, so it is never poisoned.
    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Child for MutexChild {
    fn add(&self, by: f64) {
        self.lock().total += by;
    }

    fn set(&self, to: f64) {
        self.lock().total = to;
    }

    fn observe(&self, bucket: usize, value: f64) {
        let mut numbers = self.lock();
        if let Some(count) = numbers.counts.get_mut(self.shape.count_of(bucket)) {
            *count += 1;
        }
        numbers.total += value;
    }

    fn get(&self, part: Part) -> f64 {
        let numbers = self.lock();
        self.shape.get(part, numbers.total, |at| numbers.counts[at])
    }
}
