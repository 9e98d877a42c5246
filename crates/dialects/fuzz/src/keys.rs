//! Any text as a key.

use std::collections::BTreeSet;

use dialects::{Dialect, Era, Key, decode_key, encode_key};

/// Any text as a key of the dialects whose keys are JSON.
pub fn json_keys(text: &[u8]) {
    for dialect in [Dialect::Python(Era::F0), Dialect::Python(Era::F3), Dialect::Gitlab] {
        check(dialect, text);
    }
}

/// Any text as a key of the dialect whose keys are query strings.
pub fn query_keys(text: &[u8]) {
    check(Dialect::Ruby, text);
}

/// It is a key that reads back when it is written, or there is an offset within the text.
fn check(dialect: Dialect, text: &[u8]) {
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
