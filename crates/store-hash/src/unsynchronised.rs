//! A label set whose numbers are read, changed and written back.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics_core::{Child, Part};

use crate::shape::Shape;

/// A label set whose numbers are read, changed and written back.
///
/// The words are atomic only in that no thread reads half of one: plain loads and stores to the processor. A
/// second thread's update between the two is lost.
#[repr(align(64))]
pub(crate) struct UnsynchronisedChild {
    /// The bits of an `f64`.
    total: AtomicU64,
    counts: Box<[AtomicU64]>,
    shape: Shape,
}

impl UnsynchronisedChild {
    pub(crate) fn new(shape: Shape) -> UnsynchronisedChild {
        let counts = (0..shape.counts).map(|_| AtomicU64::new(0)).collect();
        UnsynchronisedChild { total: AtomicU64::new(0), counts, shape }
    }
}

impl Child for UnsynchronisedChild {
    fn add(&self, by: f64) {
        let total = f64::from_bits(self.total.load(Ordering::Relaxed));
        self.total.store((total + by).to_bits(), Ordering::Relaxed);
    }

    fn set(&self, to: f64) {
        self.total.store(to.to_bits(), Ordering::Relaxed);
    }

    fn observe(&self, bucket: usize, value: f64) {
        if let Some(count) = self.counts.get(self.shape.count_of(bucket)) {
            count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
        self.add(value);
    }

    fn get(&self, part: Part) -> f64 {
        let total = f64::from_bits(self.total.load(Ordering::Relaxed));
        self.shape.get(part, total, |at| self.counts[at].load(Ordering::Relaxed))
    }
}
