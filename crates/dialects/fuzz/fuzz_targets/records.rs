//! Any file in any dialect: records lie within it, in order, and what is recognised can be read.
#![no_main]

use dialects::{Dialect, Era, HEADER_LEN, Record, decode_key, push_record, recognise, record_len, records, used};
use libfuzzer_sys::fuzz_target;

const DIALECTS: [Dialect; 6] = [
    Dialect::Python(Era::F0),
    Dialect::Python(Era::F1),
    Dialect::Python(Era::F2),
    Dialect::Python(Era::F3),
    Dialect::Ruby,
    Dialect::Gitlab,
];

fuzz_target!(|file: &[u8]| {
    let in_use = &file[..used(file).min(file.len())];
    for bytes in [file, in_use] {
        for dialect in DIALECTS {
            check(dialect, bytes);
        }
        for name in ["counter_1.db", "gauge_all_1-0.db", "metric_x___1.bin"] {
            if let Some(dialect) = recognise(name, bytes) {
                // What it was told by is a whole record.
                assert!(matches!(records(dialect, bytes, HEADER_LEN).next(), Some(Ok(_))));
            }
        }
    }
});

/// Walks the records of `bytes` and holds each against the bytes that it claims to be.
fn check(dialect: Dialect, bytes: &[u8]) {
    let mut end = HEADER_LEN;
    let mut damaged = false;
    for record in records(dialect, bytes, HEADER_LEN) {
        assert!(!damaged, "something behind the damage");
        match record {
            Ok(record) => {
                assert_eq!(record.at, end);
                assert!(record.value_at + 8 <= bytes.len() && record.value_at % 8 == 0);
                assert_eq!(bytes[record.value_at..][..8], record.value.to_le_bytes());
                if let Err(damage) = decode_key(dialect, record.key) {
                    assert!(damage.at <= record.key.len());
                }
                end = record.end(dialect);
                check_rewritten(dialect, &record);
            }
            Err(damage) => {
                assert!(damage.at >= HEADER_LEN && damage.at <= bytes.len());
                damaged = true;
            }
        }
    }
}

/// Writes `record` again; that is one record and reads the same.
fn check_rewritten(dialect: Dialect, record: &Record<'_>) {
    let mut out = vec![0; HEADER_LEN];
    push_record(dialect, record.key, record.value, record.timestamp, &mut out);
    assert_eq!(out.len(), HEADER_LEN + record_len(dialect, record.key));
    let mut again = records(dialect, &out, HEADER_LEN);
    let read = again.next().expect("a record was written").expect("it is whole");
    assert_eq!(read.key, record.key);
    assert_eq!(read.value.to_bits(), record.value.to_bits());
    assert_eq!(read.timestamp.to_bits(), record.timestamp.to_bits());
    assert!(again.next().is_none());
}
