//! What must hold of any bytes: the deed of each fuzz target. `tests/corpus.rs` does it with the corpus, too.

mod bodies;
mod coding;

mod groups;

pub use bodies::{pushed_openmetrics, pushed_protobuf, pushed_text};
pub use coding::pushed_coding;
pub use groups::{group_content, group_keys};

/// A target, behind the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("group_content", group_content),
    ("group_keys", group_keys),
    ("pushed_coding", pushed_coding),
    ("pushed_openmetrics", pushed_openmetrics),
    ("pushed_protobuf", pushed_protobuf),
    ("pushed_text", pushed_text),
];
