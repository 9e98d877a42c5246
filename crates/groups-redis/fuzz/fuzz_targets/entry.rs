#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| groups_redis_fuzz::entry(input));
