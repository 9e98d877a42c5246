//! What both stores over records promise, in either dialect: forks, crashes, full disks, wiped directories.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod stores;

mod bytes;
mod crash;
mod dead;
mod forks;
mod growth;
mod local;
mod meetings;
mod owners;
mod promises;
mod reading;
mod trouble;
