//! Tests of query strings, against what Ruby's `CGI` does.

use metrics_core::Label;
use proptest::prelude::*;

use super::encode;
use crate::{Damage, Key, KeyText};

fn decode(key: &[u8]) -> Result<Key, Damage> {
    super::decode(key).map(KeyText::into_key)
}

/// The labels of a key as `name=value` lines; bytes that are not ASCII escaped.
fn labels(key: &[u8]) -> Vec<String> {
    let labels = decode(key).unwrap().labels;
    labels.iter().map(|label| format!("{}={}", label.name, label.value.escape_ascii())).collect()
}

#[test]
fn keys_read_as_cgi_parses_them() {
    for (key, expected) in [
        ("", &[] as &[&str]),
        ("a=1", &["a=1"]),
        ("a=1&b=2", &["a=1", "b=2"]),
        ("a=1;b=2", &["a=1", "b=2"]),
        ("a=x+y&b=x%20y", &["a=x y", "b=x y"]),
        ("a=%2BInf", &["a=+Inf"]),
        ("a=b=c", &["a=b=c"]),
        ("a=", &["a="]),
        ("a", &["a="]),
        ("a=1&&b=2&", &["a=1", "b=2"]),
        ("a=%c3%A9", &[r"a=\xc3\xa9"]),
        ("a=%FF", &[r"a=\xff"]),
        ("a=%zz%4", &["a=%zz%4"]),
        ("a=%", &["a=%"]),
        ("a=%%41", &["a=%A"]),
        ("a=+%+x", &["a= % x"]),
        ("a=+%+&b=+", &["a= %+", "b= "]), // nothing is read behind a % that lacks its two digits
        ("b=1&a=2", &["b=1", "a=2"]),     // the order is kept
        ("a=1&a=2", &["a=1"]),
        ("a&a=1&a=2", &["a=1"]), // the first value, and the first `a` has none
        ("a=&a=1", &["a="]),
        ("b=1&a=2&b=3", &["b=1", "a=2"]),
        ("%61=1", &["a=1"]),
        ("  a=1 \0\0 ", &["a=1"]),
        ("\0\t\n\x0b\x0c\r a=1", &["a=1"]),
        ("    ", &[]),
    ] {
        assert_eq!(labels(key.as_bytes()), expected, "{key:?}");
    }
}

#[test]
fn names_that_no_page_could_hold_are_refused() {
    let refused = |key: &[u8]| decode(key).unwrap_err();
    assert_eq!(refused(b"a=1&=2"), Damage { at: 4, why: "a label has no name" });
    assert_eq!(refused(b"  a=1&=2"), Damage { at: 6, why: "a label has no name" });
    assert_eq!(refused(b"a=1&%FF=2"), Damage { at: 4, why: "the name of a label is not UTF-8" });
}

#[test]
fn values_are_written_as_cgi_escapes_them() {
    let write = |value: &[u8]| {
        let label = Label { name: "l".into(), value: value.into() };
        let key = Key { family: String::new(), sample: String::new(), labels: vec![label], help: None };
        String::from_utf8(encode(&key)).unwrap()
    };
    assert_eq!(write(b"AZaz09_-.~"), "l=AZaz09_-.~");
    assert_eq!(write(b" "), "l=+");
    assert_eq!(write(b"+*/&;=%"), "l=%2B%2A%2F%26%3B%3D%25");
    assert_eq!(write("é\n\0".as_bytes()), "l=%C3%A9%0A%00");
    assert_eq!(write(b"\xff"), "l=%FF");
    assert_eq!(write(b""), "l=");
}

proptest! {
    #[test]
    fn any_labels_read_back(
        labels in proptest::collection::btree_map("\\PC{1,5}", proptest::collection::vec(any::<u8>(), 0..8), 0..5),
    ) {
        let labels: Vec<Label> =
            labels.into_iter().map(|(name, value)| Label { name: name.into(), value: value.into() }).collect();
        let key = Key { family: String::new(), sample: String::new(), labels, help: None };
        prop_assert_eq!(decode(&encode(&key)), Ok(key));
    }

    #[test]
    fn any_bytes_give_labels_or_an_offset_within_them(key: Vec<u8>) {
        match decode(&key) {
            Ok(decoded) => {
                let mut names: Vec<_> = decoded.labels.iter().map(|label| &label.name).collect();
                names.sort();
                names.dedup();
                prop_assert_eq!(names.len(), decoded.labels.len());
            }
            Err(damage) => prop_assert!(damage.at < key.len()),
        }
    }
}
