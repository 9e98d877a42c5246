//! A push gateway: pushes in order, one page of all groups, and the HTTP surface around them.
//!
//! [`Gateway`] is the gateway without its surface: it takes pushes, whatever they came by, and prints the page.
#![forbid(unsafe_code)]

mod gateway;

mod board;
mod committer;
mod heads;
mod reason;
mod shard;

pub use gateway::{Done, Gateway, GatewayOptions, Group, Groups, PrintedPage, Refusal};
