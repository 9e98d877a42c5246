//! Children whose numbers are records in files that this process owns, whatever touches the bytes.
//!
//! `store-mmap` and `store-file` are one store over two [media](Medium): both keep records in the
//! [dialect](dialects::Dialect) of Python's or Ruby's client in one directory, both must survive a fork, a full
//! disk and a directory that somebody empties. What they share is here; what they add is how a number that
//! stands in a file is read and written.
//!
//! # One process's files
//! Two writers never share a file: each has its own `used`, and one would write over the other's records. A
//! process claims an identifier `<pid>-r<n>` by making the dot-file `.multiprom-<pid>-r<n>`, and then makes its
//! record files under that name. Every file is made without a name, given its length, locked, and only then
//! published with a link: a reader never sees a file that is not locked or has no header, and a file that stands
//! there already - a dead namesake's totals - is never replaced; the next `n` is taken instead. The locks are
//! held until the process ends, however it ends, so that a reader can tell a living writer from a dead one. (In
//! Ruby's dialect only the dot-file is locked: Ruby's reader locks the files that it reads, and would wait.)
//! The dot-file also says what the records have no room for (see [`RecordStore`]).
//!
//! # Full disks
//! A page of a sparse file gets its block when it is first written. Written through a mapping on a full disk,
//! that is a `SIGBUS`, and the application is dead; written with `pwrite` it is an error. So a record is always
//! written with `pwrite` first, header, key and value, and only then is a word on it handed out. Files stay
//! sparse: 1,000 dead workers with 7 files of 64 KiB each take 28 MB and not 448.
//!
//! When a record cannot be written the label set counts in memory, the application is warned once, and the
//! numbers move into a file when there is room: at the next new label set, or at most a second after the label
//! set is used again.
//!
//! # When a child moves
//! Each child keeps the numbers of the process that made them ([`forked::PerProcess`]). A forked process finds
//! none and makes its own, in its own file, from 0, one label set at a time and only those that it touches. When
//! a file has been deleted under a running process, which is noticed when the next label set is made, its
//! children move to a new file and take their numbers along. Updates that run meanwhile in other threads find
//! the old number closed and repeat on the new one; none is counted twice or lost. (One exception: in
//! `store-mmap` a `set` at the very moment of a move can be lost, since a `set` is a plain store.)
//!
//! # While one thread counts
//! Where the medium's numbers are [words](Medium::word) the first thread that adds to a counter, a histogram or a
//! summary in Python's dialect has its numbers [to itself](forked::Sole): it adds without a compare-and-swap. The first
//! other thread that comes, or whoever moves the label set, takes them away: once, at the price of a system call
//! and of waiting for an addition that is being made. What a thread had goes to a later one when it ends. After 256
//! of these meetings in a process nothing more is claimed, since its threads seem to share what they count in.
//!
//! # When threads meet
//! Two threads that add to one word at the same time take several times as long as one. A thread that has been
//! beaten to a number twice in one addition gets a record of its own, with the same key, appended to the same
//! file, which is its own; readers add records of one key up, and threads that come later get one, too. That holds for sums in Python's dialect - counters, histograms,
//! summaries - and a label set has at most 16 records of a key in a process. The label sets that threads do not
//! fight over have one. When there is no room for another record the threads go on sharing. When a label set
//! moves, its records move as one.
//!
//! # Records of local handles
//! A [`LocalCounter`](metrics_core::LocalCounter) has one more record of its counter's key, if the medium's numbers
//! are [words](Medium::word) and the dialect Python's. Dropped handles leave theirs to the next, so there are as
//! many as there were handles at one time. When a label set moves, what they hold moves into its first record; what
//! a handle adds in that very moment follows with its next addition, or when it is dropped.
//!
//! # Limits
//! A file ends at 2 GiB, since `used` is an `i32`; label sets that no longer fit count in memory. A deleted file
//! is noticed when a label set is made, not at an update. Where the file system has no files without names (NFS, older
//! overlays), a process that is killed while it makes one leaves one that begins with a dot and is read by nobody; a
//! process that makes its first file a minute later removes it. A thread that forks in the
//! microseconds between opening a file and listing it leaves the child a copy of the descriptor, so that the
//! parent looks alive until the child ends; so does a child that never touches a metric.
//!
//! An example stands with each of the two stores; this one is a [`RecordStore`] over any medium:
//!
//! ```
//! use metrics_core::Store;
//! use record_store::{Medium, Options, RecordStore};
//!
//! fn open<M: Medium>(directory: &std::path::Path) -> Result<Box<dyn Store>, metrics_core::StoreError> {
//!     Ok(Box::new(RecordStore::<M>::open(directory, Options::new(dialects::Dialect::PYTHON))?))
//! }
//! ```
#![forbid(unsafe_code)]

mod aside;
mod child;
mod claim;
mod clock;
mod label_sets;
mod lanes;
mod medium;
mod options;
mod own;
mod placed;
mod record_file;
mod shards;
mod store;

pub use forked::Held;
pub use medium::{Medium, Refusal};
pub use options::{Options, Warn};
pub use store::{Figures, RecordStore};
