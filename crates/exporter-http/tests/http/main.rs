//! An exporter on a real socket, asked by a client that knows nothing but bytes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;
mod server;
mod sources;

mod embedded;
mod failure;
mod filter;
mod formats;
mod limits;
mod own;
mod routes;
mod sharing;
mod shutdown;
mod stale;
