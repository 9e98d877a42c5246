//! What must hold of any bytes: the deed of each fuzz target. `tests/corpus.rs` does it with the corpus, too.

mod pages;
mod round_trip;

mod negotiate;

pub use negotiate::negotiate;
pub use pages::{parse_openmetrics, parse_text};
pub use round_trip::round_trip;

/// A target, behind the name of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("negotiate", negotiate),
    ("parse_openmetrics", parse_openmetrics),
    ("parse_text", parse_text),
    ("round_trip", round_trip),
];
