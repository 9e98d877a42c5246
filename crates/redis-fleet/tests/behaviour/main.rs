//! What the store and the source promise together, on a real redis-server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod place;

mod cluster;
mod failover;
mod hostile;
mod inside;
mod lost;
mod modes;
mod promises;
mod retired;
mod rights;
mod shared;
mod shared_in_cluster;
mod synchronous;
mod thinning;
mod trouble;
