//! A label set whose numbers are atomic words.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics_core::{Child, Part};

use crate::shape::Shape;

/// A label set whose numbers are atomic words.
///
/// Alone on its cache lines, so that threads which update different label sets do not slow each other down.
#[repr(align(64))]
pub(crate) struct AtomicChild {
    /// The bits of an `f64`.
    total: AtomicU64,
    counts: Box<[AtomicU64]>,
    shape: Shape,
}

impl AtomicChild {
    pub(crate) fn new(shape: Shape) -> AtomicChild {
        let counts = (0..shape.counts).map(|_| AtomicU64::new(0)).collect();
        AtomicChild { total: AtomicU64::new(0), counts, shape }
    }
}

impl Child for AtomicChild {
    fn add(&self, by: f64) {
        let mut seen = self.total.load(Ordering::Relaxed);
        loop {
            let sum = (f64::from_bits(seen) + by).to_bits();
            match self.total.compare_exchange_weak(seen, sum, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
    }

    fn set(&self, to: f64) {
        self.total.store(to.to_bits(), Ordering::Relaxed);
    }

    fn observe(&self, bucket: usize, value: f64) {
        if let Some(count) = self.counts.get(self.shape.count_of(bucket)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.add(value);
    }

    fn get(&self, part: Part) -> f64 {
        let total = f64::from_bits(self.total.load(Ordering::Relaxed));
        self.shape.get(part, total, |at| self.counts[at].load(Ordering::Relaxed))
    }
}
