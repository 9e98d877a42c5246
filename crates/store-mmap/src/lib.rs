//! Record files as shared memory words (Python dialect by default).
//!
//! Each number of a label set is a word of a file, reached through a shared mapping: an update is a load, an
//! addition and a store, or one compare-and-swap; the page cache keeps the number when the process dies, and
//! whoever reads the file sees it. In the default dialect the files are those of Python's client in multi-process
//! mode, so that Python workers and Rust processes share one directory and either one's collector reads both.
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
//! - `add` to a counter is a load, an addition and a store while one thread alone counts in the label set, and from
//!   when another one comes a compare-and-swap loop; so are the additions of `observe`. `add` to a gauge always is
//!   one. `set` is a plain store, a time a second store behind it. Any thread may do any of them at any time. An
//!   `add` and a `set` of one gauge in two threads come in one order or the other.
//! - The first time that a second thread comes to a label set costs it a `membarrier(2)`, which interrupts the other
//!   threads of the process for some microseconds, and the wait for an addition that is being made; 256 times in
//!   the life of a process at most. On systems without that call all is compare-and-swap.
//! - Not for handlers of signals: what one adds while it interrupts an addition may be lost.
//! - Threads that add to one counter at the same time soon do so in records of their own, each at the cost of one
//!   thread alone; [`record_store`] says when.
//! - A handle of one thread ([`Counter::local`](metrics_core::Counter::local)) has a word of its own: a load, an
//!   addition and a store.
//! - `observe` adds to the bucket, then to the sum. A reader may see the one without the other.
//! - No update makes a system call, takes a lock or allocates, but for the first of a thread, the first in a forked
//!   process and the ones that [`record_store`] calls moves and meetings.
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
