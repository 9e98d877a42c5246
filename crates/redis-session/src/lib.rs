//! The client's half of the protocol by which processes keep numbers in Redis: what has been sent, what of it has
//! arrived, and what is to be sent next.
//!
//! [`Session`] is a state machine without clock, network and thread; [`send`] takes one of its [frames](Frame) to the
//! server and brings the answer back. Who drives them decides when, and where the numbers come from: `store-redis` sends
//! what its process has counted, `redis-push` what a directory of metrics files adds up to. Both halves are described in
//! `redis-schema`, in `PROTOCOL.md`.
//!
//! ```
//! use redis_schema::Answer;
//! use redis_session::{Moment, Session};
//!
//! let mut session = Session::new("web-1".to_owned());
//! let now = Moment { values: vec![7.0], ..Moment::default() };
//! let frame = session.next(|| now.clone());
//! assert_eq!((frame.sequence, frame.pages.len()), (1, 1));
//! session.answer(&Answer::Ok, b"epoch", &[true]);
//! // Nothing has changed; what is sent then says that the process lives.
//! assert_eq!(session.next(|| now).pages, []);
//! ```
#![forbid(unsafe_code)]

pub mod clock;
mod exchange;
pub mod identity;
pub mod policy;
mod session;
mod shard;

pub use exchange::{SendError, patch, send};
pub use session::{Change, Frame, Moment, Record, Session};
pub use shard::Shard;
