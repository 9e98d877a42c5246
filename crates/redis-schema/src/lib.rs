//! What multiprom keeps in Redis: keys, descriptions of series, pages of numbers, scripts; pure functions.
//!
//! Each process keeps the numbers that it has counted, whole, never differences: what is sent twice is there once. A
//! [`Schema`] says which number is what, and grows at its end; the numbers stand in [pages](page) of 512. `PROTOCOL.md`
//! beside this crate says which keys there are, what the [scripts](script) promise and what a client does with their
//! [answers](Answer).
//!
//! Whatever bytes are found in a database, they give what can be read of them or an error that says where.
//!
//! ```
//! use std::sync::Arc;
//! use metrics_core::{Declaration, Desc, Kind};
//! use redis_schema::{Schema, page};
//!
//! let desc = Desc::new(&Declaration { labels: &["code"], ..Declaration::new(Kind::Counter, "hits", "Hits.") })?;
//! let mut written = Schema::default();
//! assert_eq!(written.push(&Arc::new(desc), "", &["200"]), 0..1);
//!
//! // Somewhere else.
//! let mut read = Schema::default();
//! read.extend(written.bytes())?;
//! let numbers = page::read(&page::write(&[7.0]));
//! for set in read.sets() {
//!     let [code] = &set.values[..] else { panic!("hits has one label") };
//!     assert_eq!((set.desc.name(), &**code, numbers[set.numbers.start]), ("hits", "200", 7.0));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod answer;
mod keys;
pub mod page;
mod schema;
pub mod script;
mod seal;
pub mod shared;

pub use answer::{Answer, BadAnswer};
pub use keys::{BadPrefix, Keys};
pub use schema::{LabelSet, Schema, SchemaError, numbers_of};
pub use seal::{Seal, seal_sum};
