#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dialects_fuzz::names(input));
