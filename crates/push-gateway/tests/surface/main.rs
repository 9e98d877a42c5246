//! The gateway as its clients meet it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;

mod beyond;
mod http;
mod pages;
mod users;
mod web;
