//! The program as its users meet it: arguments, output, exit code.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod absent;
mod check;
mod collect;
mod databases;
mod demo;
mod diff;
mod dump;
mod files;
mod fold;
mod help;
mod limits;
mod ls;
mod process;
mod process_metrics;
mod push;
mod push_far;
mod recorded;
mod redis;
mod run;
mod serve;
mod top;
