#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| process_metrics_fuzz::proc_files(input));
