//! What must hold of any bytes: the deed of each fuzz target. `tests/corpus.rs` does it with the corpus, too.

mod gunicorn_keys;
mod promphp_hashes;
mod pytheus_fields;

pub use gunicorn_keys::gunicorn_keys;
pub use promphp_hashes::promphp_hashes;
pub use pytheus_fields::pytheus_fields;

/// A target, behind the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("gunicorn_keys", gunicorn_keys),
    ("promphp_hashes", promphp_hashes),
    ("pytheus_fields", pytheus_fields),
];
