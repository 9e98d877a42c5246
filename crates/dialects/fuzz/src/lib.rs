//! What must hold of any bytes: the deed of each fuzz target. `tests/corpus.rs` does it with the corpus, too.

mod files;
mod records;

mod keys;
mod templates;

mod archives;
mod names;

pub use archives::archives;
pub use files::files;
pub use keys::{json_keys, query_keys};
pub use names::names;
pub use records::records;
pub use templates::templates;

/// A target, behind the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("archives", archives),
    ("files", files),
    ("json_keys", json_keys),
    ("names", names),
    ("query_keys", query_keys),
    ("records", records),
    ("templates", templates),
];
