#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| push_gateway_fuzz::paths(input));
