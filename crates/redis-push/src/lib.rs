//! The numbers of a metrics directory forwarded to Redis, as those of one process of many: several machines make one
//! page, and their applications keep the client that they have.
//!
//! [`Push`] is a thread that reads the directory every second and sends what has changed; [`Pusher`] does it a step at a
//! time. What stands in Redis is what `store-redis` would write ([the protocol](redis_schema)), and is read by
//! `redis-fleet`: counters, histograms and summaries as sums; gauges as their mode has merged them, to be merged with
//! those of other machines; gauges of mode `all` for each worker, as `PROCESS/WORKER`; gauges of the `live` modes for as
//! long as they are sent.
//!
//! # The same process after a restart
//!
//! Who sends is written down in the directory, in dot-files that no client reads: `.multiprom-push` has the name, the
//! last frame that has arrived, the one that is sent, and what was folded of frames before; `.multiprom-push-schema` what
//! the numbers are. A frame is written down before it is sent. So a program that is killed at any moment goes on as if
//! the answer to its last frame had been lost, and the [session](redis_session::Session) makes that exact: nothing counts
//! twice, nothing is lost. Where nothing has changed nothing is written.
//!
//! | what happens | what becomes of it |
//! |---|---|
//! | the program is killed, and starts again | it sends the last frame again, then what has come since |
//! | it was away for so long that it was retired | the answer says which frame was folded; it has that one, or the one before, and sends what came since |
//! | it was away for more than a day, and Redis knows nothing of it | what it sent last is taken for folded |
//! | the directory is wiped, dot-files and all | another process begins; what the one before had sent stays |
//! | metrics files are deleted, dot-files not | numbers go on from what they had come to (if they are deleted and others folded before anybody looks, what has not fallen is taken for the same) |
//! | the directory is copied | the copy has another lock file (by inode and birth), and is another process: it sends what is counted in it from then on |
//! | the number of shards changes | what has sent stays in its shard, which is written down with its name; who begins anew is of the new number |
//! | two programs want to send one directory | one has the lock; the other waits for it |
//! | a file cannot be read for a moment | what counts waits at what it was; it never falls |
//! | what is written down is damaged | nothing is sent, and the log says so: sent anew, all of it would count twice |
//!
//! ```no_run
//! use std::time::Duration;
//! use collector::{Catalog, DirSource, Directory, Liveness};
//! use redis_link::{Address, Timeouts};
//! use redis_push::{Push, Pusher, What};
//!
//! let directory = Directory { path: "/run/shop/metrics".into(), labels: Vec::new() };
//! let pusher = Pusher::new(What {
//!     directory: directory.path.clone(),
//!     source: Box::new(DirSource::new(vec![directory], Catalog::default())?),
//!     liveness: Liveness::Observed,
//!     address: Address::parse("redis://127.0.0.1/0")?,
//!     prefix: "multiprom".to_owned(),
//!     shards: 1,
//!     timeouts: Timeouts::default(),
//! })?;
//! let mut push = Push::new(pusher);
//! push.start(Duration::from_secs(1))?;
//! // ... and at the end:
//! push.end(Duration::from_millis(500), false);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod disk;
mod error;
mod files;
mod label_sets;
mod ledger;
mod notes;
mod push;
mod pusher;

pub use error::PushError;
pub use push::{Push, PushReport};
pub use pusher::{Pushed, Pusher, What};
