//! What the store promises, on real servers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod gateway;
mod lossy;

mod failover;
mod hostile;
mod losses;
mod memory;
mod promises;
mod racing;
mod rights;
mod trouble;
