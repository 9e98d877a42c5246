//! Tests with real parts: real clients and servers writing, the program itself, a real Prometheus reading.
//!
//! They run Python, Ruby, Prometheus, Redis and Chromium, which `cargo xtask setup` installs; a test that does not find what it runs
//! fails. Each has a directory, ports and processes of its own.
#![forbid(unsafe_code)]

mod apart;
mod browser;
mod growth;
mod http;
mod page;
mod recycled;
mod running;
mod tools;

mod accepted_pages;
mod full_disk;
mod in_redis;
mod killed_writers;
mod numbers;
mod one_command;
mod out_of_sight;
mod prefork;
mod push_gateway;
mod push_gateway_page;
mod pushed_far;
mod readers_beside_writers;
mod redis_clients;
mod round_trips;
mod shop;
mod stopped;
mod storm;
