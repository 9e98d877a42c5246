//! Folds the metrics files of dead processes into archives, without a count lost or doubled.
//!
//! Workers are recycled, and each leaves its files: pages get slow, disks run out of inodes, and who deletes files makes
//! counters fall. Folding adds the numbers of processes that are known to be dead ([`liveness`]) to one file for each
//! kind and mode, in the same dialect and under a name that the original client reads (`counter_archive.db`,
//! `metric_jobs_total___archive.bin`): the totals are the same for its own collector, and one can go back to it at any
//! moment. Only while a fold runs - milliseconds - a collector that does not know of it may miss files or count them
//! twice; `multiprom`'s does not.
//!
//! ```
//! use dialects::{Dialect, HEADER_LEN, push_record};
//! use folding::{Folder, Options};
//!
//! // Two workers have counted, and are gone.
//! let directory = tempfile::tempdir()?;
//! for (worker, served) in [("4711", 3.0), ("4712", 4.0)] {
//!     let mut file = vec![0; HEADER_LEN];
//!     push_record(Dialect::PYTHON, br#"["served", "served_total", {}, "Served."]"#, served, 0.0, &mut file);
//!     let used = file.len() as u32;
//!     file[..4].copy_from_slice(&used.to_ne_bytes());
//!     std::fs::write(directory.path().join(format!("counter_{worker}.db")), file)?;
//! }
//!
//! let folded = Folder::new(directory.path(), Options { stopped: true, ..Options::default() }).fold()?;
//! assert_eq!((folded.files, &*folded.archives), (2, &["counter_archive.db".to_owned()][..]));
//! assert!(!directory.path().join("counter_4711.db").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The way of a file
//!
//! 1. **Retire.** Under the window lock, files of the dead are renamed to dot-files that tell archive and round
//!    ([`dialects::retired_name`]). From now on nobody can open them under their name: a process whose pid comes again
//!    makes a new one. They count for our reader as before.
//! 2. **Look again.** Whoever opened one before it was renamed has it open now; such a file gets its name back, or
//!    another one that no file has.
//! 3. **Add up.** Numbers stand still. The new archive - what the old one has and they have - is written beside it, with
//!    the round behind its last record, and synced.
//! 4. **Commit.** Under the window lock the new archive is renamed over the old one; the first archives of a directory
//!    all at once. That is the moment: retired files
//!    of a round that the archive has reached count no more. They are deleted when the disk has the new names.
//!
//! Whoever dies between 1 and 4 leaves retired files that count, and whoever dies behind 4 leaves some that do not; the
//! next fold takes both up. Two who fold exclude each other by a lock that the kernel frees.
//!
//! # Sums
//!
//! A counter that falls by its last bit is a restart to Prometheus. So an archive has the exact sum: a number, and
//! where rounding left something a second record of the key with the rest, which Python and GitLab add; and a directory
//! with an archive is added up by our collector without rounding between. Before the first archive was, a page was the
//! sum of rounded sums in some order; the first archive is made larger by as much as these can differ, where they can:
//! whole numbers cannot. Ruby's reader takes one record for each key; there a sum that was rounded down is rounded up.
#![forbid(unsafe_code)]

mod folder;
mod links;
mod terms;

mod content;
mod sheet;

mod exact;

mod claims;
mod disk;
mod error;

pub use content::Aggregations;
pub use error::FoldError;
pub use folder::Folder;
pub use terms::{AllGauges, Folded, Kept, Options};
