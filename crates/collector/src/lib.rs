//! Many processes become one page: sources are read into tallies, tallies are merged by aggregation mode, and
//! the result is a [`Snapshot`](metrics_core::Snapshot) ready to encode.
//!
//! A scrape goes this way:
//!
//! ```text
//!   Collector::collect(&Ask)
//!     |  one thread for each source, at once
//!     v
//!   Source::read ---> Tally      numbers of series, in the order of source, file, record
//!     |                 |
//!     |                 |  plan: which slot each number goes to, made anew when the order changes
//!     v                 v
//!   all answered ---> merge ---> finish ---> Arc<Snapshot>
//!   one failed   ---> no page: a missing addend looks like a counter's restart
//! ```
//!
//! [`DirSource`] reads the files of the Python, Ruby and GitLab clients. What a family is stands in the files or
//! in a [`Catalog`], and is put down as a [`Statement`]; where the clients differ, its [`Rules`] say who is
//! followed. Other sources implement [`Source`]; [`Tally`] has an example.
//!
//! ```
//! use collector::{Ask, Catalog, Collector, DirSource, Directory};
//! use dialects::{Dialect, HEADER_LEN, push_record};
//!
//! // Two workers of a Python application have each served requests.
//! let directory = tempfile::tempdir()?;
//! for (worker, served) in [("4711", 3.0), ("4712", 4.0)] {
//!     let mut file = vec![0; HEADER_LEN];
//!     push_record(Dialect::PYTHON, br#"["served", "served_total", {}, "Served."]"#, served, 0.0, &mut file);
//!     let used = file.len() as u32;
//!     file[..4].copy_from_slice(&used.to_ne_bytes());
//!     std::fs::write(directory.path().join(format!("counter_{worker}.db")), file)?;
//! }
//!
//! let directory = Directory { path: directory.path().to_owned(), labels: Vec::new() };
//! let source = DirSource::new(vec![directory], Catalog::default())?;
//! let collector = Collector::new(vec![Box::new(source)]);
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let page = runtime.block_on(collector.collect(&Ask::default()))?;
//!
//! let mut text = Vec::new();
//! exposition::encode(exposition::Format::TEXT, &page, &mut text);
//! assert_eq!(
//!     String::from_utf8(text)?,
//!     "# HELP served_total Served.\n# TYPE served_total counter\nserved_total 7.0\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! * **Order.** Files in byte order of their names, families and label sets in order of first appearance: the
//!   page of a Python directory is byte for byte that of its own collector. Sums are added up in the same order
//!   at every scrape, to the last bit. Where files were folded (`multiprom fold`), or our own stores' writers have
//!   died, they are exact instead, and no order matters.
//! * **Complete or absent.** A source that fails fails the page. A file that cannot be read is left out, and a
//!   damaged one counts up to its last whole record; both are named in the log and counted in [`Collector::own`].
//! * **No false restarts.** A counter's number on the page falls only where it really did, not by the last bit of
//!   a sum whose addends were grouped in another way.
//! * **Cheap next scrapes.** A scrape after a scrape of the same series reads the bytes in use, adds, and writes
//!   numbers into the page it has kept. It parses no key, looks nothing up, and allocates nothing that grows with
//!   the number of series. Files of our own stores cost nothing once their process is known to be dead.
#![forbid(unsafe_code)]

mod ask;
mod base;
mod book;
mod bounds;
mod catalog;
mod collector;
mod directory;
mod error;
mod head_room;
mod index;
mod labels;
mod layout;
mod making;
mod meaning;
mod merge;
mod numbered;
mod own;
mod page;
mod plan;
mod readings;
mod source;
mod statement;
mod tally;
mod two;

pub use ask::{Ask, By, Liveness};
pub use book::{FamilyId, OriginId, SeriesId};
pub use catalog::{Catalog, CatalogError};
pub use collector::Collector;
pub use directory::{DirSource, Directory, Limits};
pub use error::CollectError;
pub use layout::Conflict;
pub use meaning::Meaning;
pub use merge::Fold;
pub use source::{Source, SourceError};
pub use statement::{Rules, Statement};
pub use tally::Tally;
