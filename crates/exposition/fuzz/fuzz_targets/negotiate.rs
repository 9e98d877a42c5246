//! Any header gets an answer that can stand in a header itself.
#![no_main]

use exposition::{negotiate, negotiate_coding};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &str| {
    let answer = negotiate(Some(header));
    assert!(answer.content_type.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    negotiate_coding(Some(header));
});
