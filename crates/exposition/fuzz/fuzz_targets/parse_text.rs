//! Any bytes are a text page or an error at one of their lines.
#![no_main]

use exposition::{Syntax, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|page: &[u8]| {
    if let Err(error) = parse(Syntax::Text0, page) {
        assert!((1..=page.split(|&byte| byte == b'\n').count()).contains(&error.line));
    }
});
