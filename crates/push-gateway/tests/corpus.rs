//! What fuzzing found to be worth keeping, as an ordinary test.

#[path = "../../dialects/fuzz/src/corpus.rs"]
mod corpus;
#[path = "../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is the library of the fuzz targets")]
mod targets;
