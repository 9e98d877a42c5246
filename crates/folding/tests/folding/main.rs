//! What folding promises, on directories as the clients write them.
#![allow(clippy::unwrap_used)]

mod crash;
mod fates;
mod scene;
mod sums;
mod trouble;
mod writers;
