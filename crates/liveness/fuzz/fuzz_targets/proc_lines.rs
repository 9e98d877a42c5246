#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| liveness_fuzz::proc_lines(input));
