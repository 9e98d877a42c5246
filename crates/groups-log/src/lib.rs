//! Pushed groups in memory, behind a checksummed write-ahead log: what was acknowledged is there after a crash.
//!
//! [`LogStore`] keeps all groups in memory and writes each change to a log before it answers; with [`Sync::Always`] it
//! also waits until the disk has it. A batch of changes is one write and one sync, so whoever commits for many
//! connections at once pays for one. Whether a change fits beside all other groups is asked of an index, so it costs
//! what the change costs, however many groups there are.
//!
//! ```
//! use groups_log::{LogStore, Options};
//! use push_groups::{Act, Change, ClaimChange, Content, GroupKey, GroupStore, Version};
//!
//! let directory = tempfile::tempdir()?;
//! let key = GroupKey::new([("job", "backup")])?;
//! let content = Content { checked: true, families: vec![] }.encode().into();
//! let push = Change {
//!     key: key.clone(),
//!     expects: None,
//!     gives: Version(7),
//!     act: Act::Push { content, lives: None },
//!     claims: ClaimChange::default(),
//!     once: None,
//! };
//! LogStore::open(Options::new(directory.path()))?.commit(&[push])?;
//!
//! let again = LogStore::open(Options::new(directory.path()))?;
//! let groups = again.follow(None)?.groups;
//! assert_eq!(groups.len(), 1);
//! assert_eq!(groups[0].0, key);
//! assert_eq!(groups[0].1.as_ref().map(|entry| entry.version), Some(Version(7)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is sure
//!
//! * An outcome that [`commit`](push_groups::GroupStore::commit) has returned outlives the process, however that ends;
//!   with [`Sync::Always`] the machine, too. Nobody is shown a change before that.
//! * Where a write or a sync fails, nothing is shown and the index is as before. A file that could not be synced is
//!   never trusted again: what the system says of it later is said of memory, not of the disk. All groups are
//!   written to a new snapshot, and a new log is begun, before anything else is acknowledged.
//! * What was being written when the power went is cut off. Damage to anything that was finished is found and named,
//!   and the store does not open, unless [`Options::ignore_corrupt`] says so. One thing cannot be told from a write that
//!   was never finished: damage to the very last frame of a log after a crash. A store that is dropped marks its log as
//!   finished.
//! * Times never go back, not over a restart either, whatever the system's clock does.
//!
//! Of changes the last 8,192 are known by their [`Version`](push_groups::Version): sent again, they are answered as
//! before. Of requests with an [`Once`](push_groups::Once) 65,536 are remembered for as long as they say, over
//! restarts; where there are more, those go first that would be forgotten first.
//!
//! # What it costs
//!
//! In memory a group is its content, its key, and a few hundred bytes; a series that it claims 22 to 45 bytes. A process
//! that holds 10,000 groups of 1.1 kB and 17 series, snapshots made meanwhile, has 25 MB (the example `pushes`). On
//! disk there are a snapshot, a log of up to [`Options::snapshot_after`] bytes, and an old log that will be the next.
//!
//! What the official push gateway has kept in its file is read by [`import`], and taken over with its times by
//! [`LogStore::take_over`].
//!
//! `FORMAT.md` beside the sources says what each byte of the files is.
#![forbid(unsafe_code)]

mod options;
mod store;

pub mod import;

mod batch;
mod groups;
mod index;
mod recent;

mod journal;
mod log;
mod snapshot;
mod ticker;

mod aside;
mod damage;
mod loading;
mod recovery;
mod walk;

mod frame;
mod names;
mod record;

mod disk;

#[cfg(test)]
#[path = "../../dialects/fuzz/src/corpus.rs"]
mod corpus;
#[cfg(any(test, fuzzing))]
pub mod targets;

pub use damage::{Damage, OpenError};
pub use options::{Clock, Options, Sync};
pub use store::{LogStore, Opened, Stats, TakenOver};
