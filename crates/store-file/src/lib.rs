//! Record files written with positioned writes (Ruby dialect by default).
//!
//! Each number is kept in memory and written to its place in a file whenever it changes: one system call for
//! each number updated, 16 bytes of value and time. In the default dialect the files are those of client_ruby's
//! DirectFileStore, one for each metric and process, so that Ruby and Rust processes share one directory.
//!
//! ```
//! use metrics_core::{Declaration, Desc, Kind, Part, Store};
//! use std::sync::Arc;
//!
//! let directory = tempfile::tempdir()?;
//! let store = store_file::FileStore::open(directory.path())?;
//! let declared = Declaration { labels: &["code"], ..Declaration::new(Kind::Counter, "requests", "Served.") };
//! let requests = Arc::new(Desc::new(&declared)?);
//!
//! let ok = store.child(&requests, &["200"])?;
//! ok.add(2.0);
//! assert_eq!(ok.get(Part::Value), 2.0);
//!
//! let file = directory.path().join(format!("metric_requests_total___{}-r0.bin", std::process::id()));
//! let bytes = std::fs::read(file)?;
//! let record = dialects::records(dialects::Dialect::Ruby, &bytes[..dialects::used(&bytes)], 8).next().unwrap()?;
//! assert_eq!((record.key, record.value), (&b"code=200"[..], 2.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Take `store-mmap` where memory can be mapped: an update there makes no system call (on tmpfs 5 to 9 ns and
//! not 300 to 700: `cargo bench -p benches --bench increment`), and both write both dialects. This one is for
//! file systems that do not map (some network and FUSE ones), for directories that others may truncate, and for
//! whom a system call is nothing.
//!
//! Files, names, forks, full disks and moves are those of [`record_store`]; read its page for them.
//!
//! # What a reader may see
//! Ruby's store locks its file (`flock`) around an `observe`, so that its reader never sees the bucket without
//! the sum; and while that reader decodes a file, the writers of it wait. Here no update takes a file lock: a
//! reader, Ruby's own too, may see one observation in the bucket and not yet in the sum.
#![forbid(unsafe_code)]

mod medium;
mod store;

pub use record_store::{Figures, Options, Warn};
pub use store::FileStore;
