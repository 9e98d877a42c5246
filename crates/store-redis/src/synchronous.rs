//! A label set whose changes are in Redis when the call that made them returns.

use metrics_core::{Child, Part};

use crate::child::RedisChild;

/// A label set whose changes are in Redis when the call that made them returns, or could not be sent.
pub(crate) struct SynchronousChild(pub(crate) RedisChild);

impl SynchronousChild {
    fn arrive(&self) {
        let shared = &self.0.shared;
        let own = shared.own();
        own.flusher.arrive(shared, own, self.0.here());
    }
}

impl Child for SynchronousChild {
    fn add(&self, by: f64) {
        self.0.add(by);
        self.arrive();
    }

    fn set(&self, to: f64) {
        self.0.set(to);
        self.arrive();
    }

    fn observe(&self, bucket: usize, value: f64) {
        self.0.observe(bucket, value);
        self.arrive();
    }

    fn get(&self, part: Part) -> f64 {
        self.0.get(part)
    }
}
