#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| groups_log_fuzz::snapshot_frames(input));
