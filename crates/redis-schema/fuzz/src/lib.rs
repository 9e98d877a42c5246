//! What must hold of any bytes: the deed of each fuzz target. `tests/corpus.rs` does it with the corpus, too.

mod pages;
mod schema;

pub use pages::pages;
pub use schema::schema;

/// A target, behind the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[("pages", pages), ("schema", schema)];
