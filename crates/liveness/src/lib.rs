//! Whether the writer of a metrics file lives.
//!
//! Workers come and go, their files stay. Who shows the gauges of the living, who adds the files of the dead to an
//! archive, and who lists a directory for a person must know which files will be written again. Two rules tell:
//!
//! | whose file | its writer lives | it is dead | else |
//! |---|---|---|---|
//! | our own stores' (`<pid>-r<n>`) | holds the lock of the dot-file beside it | the lock is free, on this boot | the rule below |
//! | anybody's | some process has it mapped or open for writing, or holds its lock | no process has, and there was one in this directory | unknown |
//!
//! The second rule asks the kernel first, by a lease ([`forked::has_writer`]): on the usual local file systems that
//! sees every writer, of any user and any container. Where it cannot be asked - another user's file, an overlay, a
//! network - `/proc/*/maps`, `/proc/*/fd` and `/proc/locks` are looked at, by device and inode. Identifiers in file
//! names are not taken for pids: uWSGI's are worker numbers, puma's `worker_id_0`. What is not seen proves nothing
//! where something is hidden: a process that could be a writer by its user but cannot be looked into, processes that
//! `/proc` does not show (`hidepid`), other machines (NFS and the like, but for FUSE), or a directory of which no writer
//! was ever seen, as from another pid namespace - unless whoever asks knows that all are in sight. Then the answer is [`Life::Unknown`], with a
//! [`Doubt`] that says what to do, and whoever asks takes unknown for alive.
//!
//! ```
//! use liveness::{Life, examine};
//!
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("counter_4711.db");
//! std::fs::write(directory.path().join("counter_4712.db"), [0; 8])?;
//! let worker = std::fs::File::create(path)?; // as a worker has it open
//! let found = examine(directory.path(), &["counter_4711.db", "counter_4712.db"])?;
//! assert_eq!(found.lives, [Life::Alive, Life::Dead]);
//! assert_eq!(found.holders, [std::process::id()]);
//! # drop(worker);
//! # Ok::<(), std::io::Error>(())
//! ```
#![forbid(unsafe_code)]

mod watch;

mod claim;
mod lease;
mod sweep;

// Not for users: fuzzing reads lines that no machine shows.
#[doc(hidden)]
pub mod lines;

pub use claim::{Claim, ClaimState};
pub use watch::{Doubt, Examination, Life, Watch, examine};
