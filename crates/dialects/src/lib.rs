//! The bytes, keys and file names of the Python, Ruby and GitLab clients: pure functions, total on any bytes.
//!
//! Three Prometheus clients let forked workers share their metrics through files, one or a few for each process.
//! All use one design - a header, then append-only [records](Record) of a key and a number - and differ in
//! switches: a [`Dialect`]. This crate knows the bytes and touches no file. Whoever reads brings them here; whoever
//! writes takes them from here and is read by the original client.
//!
//! `FORMATS.md` beside this crate draws the formats, byte by byte, and says where each fact is from.
//!
//! **Reading** goes [`recognise`] → [`records`] → [`decode_key`]; the name of the file tells the rest
//! ([`parse_file_name`]). Any bytes give records or a [`Damage`] with its place; damage hides no record before it.
//! Records never move, so that a reader keeps [`Record::value_at`] and fetches eight bytes the next time, and goes
//! on behind the last record when `used` has grown.
//!
//! **Writing** goes [`file_name`] → [`keys`] → [`push_record`], then [`header`]. A client extends its files in
//! advance: [`initial_len`], [`grown_len`].
//!
//! ```
//! use dialects::*;
//! use metrics_core::{Declaration, Desc, Kind, Label};
//!
//! // A worker counts its first request.
//! let declared = Declaration { labels: &["path"], ..Declaration::new(Kind::Counter, "requests", "Requests.") };
//! let requests = Desc::new(&declared)?;
//! let name = file_name(Dialect::PYTHON, &requests, "4711");
//! let mut file = vec![0; HEADER_LEN];
//! for (_part, key) in keys(Dialect::PYTHON, &requests, &["/"], "4711") {
//!     push_record(Dialect::PYTHON, &key, 1.0, 0.0, &mut file);
//! }
//! let head = header(file.len()).expect("a short file fits its header");
//! file[..HEADER_LEN].copy_from_slice(&head);
//! file.resize(initial_len(Dialect::PYTHON) as usize, 0);
//!
//! // Somebody else reads it, knowing nothing but name and bytes.
//! let bytes = &file[..used(&file)];
//! let dialect = recognise(&name, bytes).expect("there is a record to tell by");
//! assert_eq!(dialect, Dialect::PYTHON);
//! let about = parse_file_name(dialect, &name).expect("it is named as Python names files");
//! assert_eq!((about.kind, &*about.process), (Some(Kind::Counter), "4711"));
//! for record in records(dialect, bytes, HEADER_LEN) {
//!     let record = record?;
//!     let key = decode_key(dialect, record.key)?;
//!     assert_eq!((&*key.sample, &key.labels[..]), ("requests_total", &[Label::new("path", "/")][..]));
//!     assert_eq!(record.value, 1.0);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod archive;
mod dialect;
mod file;
mod json;
mod key;
mod name;
mod query;
mod recognise;
mod record;
mod ruby_float;
mod template;
mod writer;

pub use archive::{
    ARCHIVE_TAIL_LEN, FOLD_LOCK, FOLD_WINDOW, Retired, archive_name, archive_round, finish_archive,
    is_archive_name, original_name, parse_retired, retired_name,
};
pub use dialect::{Dialect, Era};
pub use file::{HEADER_LEN, grown_len, header, initial_len, used};
pub use key::{Key, KeyText, LabelText, decode_key, encode_key, keys, read_key};
pub use name::{FileName, file_name, is_metrics_file, parse_file_name};
pub use recognise::recognise;
pub use record::{Damage, Record, Records, push_record, record_len, records};
pub use template::Template;
pub use writer::{
    BOOT, boot_of, claim_file, is_unfinished, unfinished_claim, unfinished_file, writer, writer_of,
};
