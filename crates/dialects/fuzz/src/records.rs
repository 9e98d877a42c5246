//! Any file in any dialect: records lie within it, in order, and read the same when they are written again.

use dialects::{Dialect, Era, HEADER_LEN, Record, decode_key, push_record, record_len, used};

const DIALECTS: [Dialect; 6] = [
    Dialect::Python(Era::F0),
    Dialect::Python(Era::F1),
    Dialect::Python(Era::F2),
    Dialect::Python(Era::F3),
    Dialect::Ruby,
    Dialect::Gitlab,
];

/// Any file in any dialect: up to what it says is used, and all of it.
pub fn records(file: &[u8]) {
    let in_use = &file[..used(file).min(file.len())];
    for dialect in DIALECTS {
        check(dialect, file);
        if in_use.len() != file.len() {
            check(dialect, in_use);
        }
    }
}

/// Walks the records of `bytes` and holds each against the bytes that it claims to be.
fn check(dialect: Dialect, bytes: &[u8]) {
    let mut end = HEADER_LEN;
    let mut damaged = false;
    for record in dialects::records(dialect, bytes, HEADER_LEN) {
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
    let mut again = dialects::records(dialect, &out, HEADER_LEN);
    let read = again.next().expect("a record was written").expect("it is whole");
    assert_eq!(read.key, record.key);
    assert_eq!(read.value.to_bits(), record.value.to_bits());
    assert_eq!(read.timestamp.to_bits(), record.timestamp.to_bits());
    assert!(again.next().is_none());
}
