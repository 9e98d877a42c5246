#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| redis_source_fuzz::pytheus_fields(input));
