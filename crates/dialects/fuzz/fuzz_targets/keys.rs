//! Any text as a key of any dialect: a key that reads back when it is written, or an offset within the text.
#![no_main]

use std::collections::BTreeSet;

use dialects::{Dialect, Era, Key, decode_key, encode_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    for dialect in [Dialect::Python(Era::F0), Dialect::Python(Era::F3), Dialect::Gitlab, Dialect::Ruby] {
        match decode_key(dialect, text) {
            Ok(key) => {
                let names: BTreeSet<_> = key.labels.iter().map(|label| &label.name).collect();
                assert_eq!(names.len(), key.labels.len(), "a label stands twice");
                let again = decode_key(dialect, &encode_key(dialect, &key));
                let expected = match dialect {
                    Dialect::Python(Era::F3) => key,
                    _ => Key { help: None, ..key },
                };
                assert_eq!(again, Ok(expected));
            }
            Err(damage) => assert!(damage.at <= text.len()),
        }
    }
});
