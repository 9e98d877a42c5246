#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| exposition_fuzz::parse_openmetrics(input));
