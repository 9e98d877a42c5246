#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| push_groups_fuzz::pushed_text(input));
