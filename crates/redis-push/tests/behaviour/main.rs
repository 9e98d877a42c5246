//! Directories whose numbers are sent to a real redis-server, and pages that are read there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod place;

mod cluster;
mod days;
mod killed;
mod machines;
