//! Record files as shared memory words (Python dialect by default).
//!
//! Each number of a label set is a word of a file, reached through a shared mapping: an update is one
//! compare-and-swap, the page cache keeps the number when the process dies, and whoever reads the file sees it.
//! In the default dialect the files are those of Python's client in multi-process mode, so that Python workers
//! and Rust processes share one directory and either one's collector reads both.
//!
//! ```
//! use metrics_core::{Declaration, Desc, Kind, Part, Store};
//! use std::sync::Arc;
//!
//! let directory = tempfile::tempdir()?;
//! let store = store_mmap::MmapStore::open(directory.path())?;
//! let declared = Declaration { labels: &["code"], ..Declaration::new(Kind::Counter, "requests", "Served.") };
//! let requests = Arc::new(Desc::new(&declared)?);
//!
//! let ok = store.child(&requests, &["200"])?;
//! ok.add(2.0);
//! assert_eq!(ok.get(Part::Value), 2.0);
//!
//! let file = directory.path().join(format!("counter_{}-r0.db", std::process::id()));
//! let bytes = std::fs::read(file)?;
//! let record = dialects::records(dialects::Dialect::PYTHON, &bytes[..dialects::used(&bytes)], 8).next().unwrap()?;
//! assert_eq!(record.key, br#"["requests", "requests_total", {"code": "200"}, "Served."]"#);
//! assert_eq!(record.value, 2.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Files, names, forks, full disks and moves are those of [`record_store`]; read its page for them. Here is
//! how a word is touched:
//!
//! - `add` is a compare-and-swap loop, `set` a plain store, a time a second store behind it. Any thread may do
//!   any of them at any time. An `add` and a `set` of one gauge in two threads come in one order or the other.
//! - Threads that add to one counter at the same time soon do so in records of their own, each at the cost of one
//!   thread alone; [`record_store`] says when.
//! - A handle of one thread ([`Counter::local`](metrics_core::Counter::local)) has a word of its own: a load, an
//!   addition and a store.
//! - `observe` adds to the bucket, then to the sum. A reader may see the one without the other.
//! - No update makes a system call, takes a lock or allocates, but for the first in a forked process and the
//!   ones that [`record_store`] calls moves and meetings.
//! - A mapping is never moved or unmapped while the process lives. A file that grows gets one more mapping.
//!
//! Put the directory on a tmpfs (`/dev/shm`, `/run`, an `emptyDir` in memory): on a disk, write-back makes a
//! word's page read-only now and then, and the next update of it takes 0.1 to 1 ms. On file systems that copy
//! on write (btrfs, ZFS) a page that has a block may need another one; only there can a full disk still kill
//! the process. Truncating a file of a living process from outside kills it on any file system.

mod medium;
mod store;
mod words;

pub use record_store::{Figures, Options, Warn};
pub use store::MmapStore;
