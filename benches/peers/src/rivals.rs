//! What the other Rust libraries do for the same work.

pub mod metrics;
pub mod prometheus;
pub mod prometheus_client;
