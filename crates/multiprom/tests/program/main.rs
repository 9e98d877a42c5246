//! The program as its users meet it: arguments, output, exit code.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod collect;
mod demo;
mod help;
mod process;
mod recorded;
mod serve;
