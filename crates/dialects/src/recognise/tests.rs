//! Tests of recognition.

use proptest::prelude::*;

use super::recognise;
use crate::{Dialect, Era, HEADER_LEN, push_record};

/// A file of one dialect with these keys.
fn file(dialect: Dialect, keys: &[&str]) -> Vec<u8> {
    let mut file = vec![0; HEADER_LEN];
    for key in keys {
        push_record(dialect, key.as_bytes(), 1.5, 1_700_000_000.25, &mut file);
    }
    file
}

const F0: &str = r#"["f", "f", ["a"], ["1"]]"#;
const F1: &str = r#"["f", "f", {"a": "1"}]"#;
const F2: &str = r#"["f", "f", {"a": "1"}, "help"]"#;
const GITLAB: &str = r#"["f","f",["a"],["1"]]"#;
const RUBY: &str = "a=1&le=%2BInf";

const ALL: [(Dialect, &str); 6] = [
    (Dialect::Python(Era::F0), F0),
    (Dialect::Python(Era::F1), F1),
    (Dialect::Python(Era::F2), F2),
    (Dialect::PYTHON, F2),
    (Dialect::Ruby, RUBY),
    (Dialect::Gitlab, GITLAB),
];

#[test]
fn the_first_record_tells_whatever_the_name() {
    for (dialect, key) in ALL {
        for count in 1..4 {
            let bytes = file(dialect, &vec![key; count]);
            for name in ["counter_1.db", "counter_1-0.db", "metric_x___1.bin"] {
                assert_eq!(recognise(name, &bytes), Some(dialect), "{name}, {count} records");
            }
        }
    }
}

#[test]
fn keys_without_labels_tell_as_well() {
    for (dialect, key) in [
        (Dialect::Python(Era::F0), r#"["f", "f", [], []]"#),
        (Dialect::Python(Era::F1), r#"["f", "f", {}]"#),
        (Dialect::Python(Era::F2), r#"["f", "f", {}, ""]"#),
        (Dialect::PYTHON, r#"["f", "f", {}, null]"#),
        (Dialect::Ruby, ""),
        (Dialect::Gitlab, r#"["f","f",[],[]]"#),
    ] {
        assert_eq!(recognise("x", &file(dialect, &[key])), Some(dialect), "{key}");
    }
}

#[test]
fn nothing_is_told_without_a_whole_record() {
    assert_eq!(recognise("counter_1.db", b""), None);
    assert_eq!(recognise("counter_1.db", &[0; 8]), None);
    assert_eq!(recognise("counter_1.db", &[0; 4096]), None);
    assert_eq!(recognise("metric_x___1.bin", &[0; 4096]), None);
    assert_eq!(recognise("metric_x___1.bin", b"abc"), None);
    for (dialect, key) in ALL {
        let mut bytes = file(dialect, &[key]);
        bytes.truncate(bytes.len() - dialect.number_len() + 7);
        assert_eq!(recognise("counter_1.db", &bytes), None, "{dialect:?}");
    }
}

#[test]
fn a_damaged_file_is_in_the_layout_whose_records_go_further() {
    for (dialect, key) in ALL {
        let mut cut = file(dialect, &[key; 3]);
        cut.truncate(cut.len() - 20);
        assert_eq!(recognise("x", &cut), Some(dialect), "{dialect:?}");
        let mut overwritten = file(dialect, &[key; 3]);
        let len = overwritten.len();
        overwritten[len - 30..].fill(0xee);
        assert_eq!(recognise("x", &overwritten), Some(dialect), "{dialect:?}");
    }
}

#[test]
fn damaged_padding_leaves_todays_layout() {
    let mut bytes = file(Dialect::PYTHON, &[F2, F2]);
    let first_blank = HEADER_LEN + 4 + F2.len();
    bytes[first_blank] = 0;
    assert_eq!(recognise("counter_1.db", &bytes), Some(Dialect::PYTHON));
}

#[test]
fn a_most_recent_gauge_has_its_time_even_where_the_header_ends_before_it() {
    let mut bytes = file(Dialect::PYTHON, &[F2]);
    bytes.truncate(bytes.len() - 8);
    for (name, era) in [
        ("gauge_max_1.db", Era::F2),
        ("gauge_mostrecent_1.db", Era::F3),
        ("gauge_livemostrecent_1.db", Era::F3),
    ] {
        assert_eq!(recognise(name, &bytes), Some(Dialect::Python(era)), "{name}");
    }
}

#[test]
fn a_name_decides_where_the_key_does_not() {
    // Commas with and without blanks: neither client writes that.
    let mixed = file(Dialect::Gitlab, &[r#"["f","f", ["a"],["1"]]"#]);
    assert_eq!(recognise("counter_1-0.db", &mixed), Some(Dialect::Gitlab));
    assert_eq!(recognise("counter_1.db", &mixed), Some(Dialect::Python(Era::F0)));

    // Ruby's reader takes any text, but its client writes few.
    let raw = file(Dialect::Ruby, &["path=/a b"]);
    assert_eq!(recognise("metric_x___1.bin", &raw), Some(Dialect::Ruby));
    assert_eq!(recognise("counter_1.db", &raw), None);
}

proptest! {
    #[test]
    fn a_file_of_any_python_keys_is_recognised(
        with: bool,
        texts in proptest::collection::vec(("[a-z]{1,9}", "\\PC{0,12}", "\\PC{0,12}", any::<f64>()), 1..6),
    ) {
        let dialect = Dialect::Python(if with { Era::F3 } else { Era::F2 });
        let mut bytes = vec![0; HEADER_LEN];
        for (name, value, help, number) in texts {
            let key = serde_json::json!([&name, &name, { "a": value }, help]).to_string();
            // `serde_json` writes no blanks; what stands between does not matter here.
            push_record(dialect, key.as_bytes(), number, 0.0, &mut bytes);
        }
        prop_assert_eq!(recognise("counter_1.db", &bytes), Some(dialect));
    }

    #[test]
    fn any_bytes_are_recognised_or_not(bytes: Vec<u8>, json: bool) {
        let mut file = vec![0; HEADER_LEN];
        if json {
            file.extend([bytes.len() as u8, 0, 0, 0, b'[', b'"']);
        }
        file.extend(bytes);
        recognise("counter_1.db", &file);
        recognise("metric_x___1.bin", &file);
    }
}
