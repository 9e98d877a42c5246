//! Where updates of label sets go that a store refuses.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Child, Part};

/// A child that keeps nothing and counts what it was asked to keep.
#[derive(Default)]
pub(crate) struct Refused {
    updates: AtomicU64,
}

impl Refused {
    pub(crate) fn updates(&self) -> u64 {
        self.updates.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.updates.fetch_add(1, Ordering::Relaxed);
    }
}

impl Child for Refused {
    fn add(&self, _: f64) {
        self.count();
    }

    fn set(&self, _: f64) {
        self.count();
    }

    fn observe(&self, _: usize, _: f64) {
        self.count();
    }

    fn get(&self, _: Part) -> f64 {
        0.0
    }
}
