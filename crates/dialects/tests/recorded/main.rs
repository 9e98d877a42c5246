//! Every file that the real clients wrote for the recorded cases, read and written again.
#![allow(clippy::unwrap_used, reason = "a test that meets what was not recorded should stop there")]

mod folder;
mod reading;
mod writing;
