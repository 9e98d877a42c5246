//! What must hold of any bytes: the deed of each fuzz target. `tests/corpus.rs` does it with the corpus, too.

mod paths;

pub use paths::paths;

/// A target, behind the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[("paths", paths)];
