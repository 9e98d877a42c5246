//! Tests of JSON keys, against tables and against `serde_json`.

use std::collections::BTreeMap;

use metrics_core::Label;
use proptest::prelude::*;
use serde_json::Value;

use super::decode::plain_len;
use super::{encode_gitlab, encode_python, spelling};
use crate::{Damage, Era, Key, KeyText};

fn decode(key: &[u8]) -> Result<Key, Damage> {
    super::decode(key).map(KeyText::into_key)
}

fn key(family: &str, sample: &str, labels: &[(&str, &str)], help: Option<&str>) -> Key {
    Key {
        family: family.to_owned(),
        sample: sample.to_owned(),
        labels: labels.iter().map(|(name, value)| Label::new(name, value)).collect(),
        help: help.map(str::to_owned),
    }
}

#[test]
fn every_spelling_of_a_key_is_read() {
    let with_help = key("jobs", "jobs_total", &[("a", "1"), ("b", "x")], Some("Jobs."));
    let without = Key { help: None, ..with_help.clone() };
    for (text, expected) in [
        (r#"["jobs", "jobs_total", {"a": "1", "b": "x"}, "Jobs."]"#, &with_help),
        (r#"["jobs", "jobs_total", {"a": "1", "b": "x"}, null]"#, &without),
        (r#"["jobs", "jobs_total", {"a": "1", "b": "x"}]"#, &without),
        (r#"["jobs", "jobs_total", ["a", "b"], ["1", "x"]]"#, &without),
        (r#"["jobs","jobs_total",["a","b"],["1","x"]]"#, &without),
        (r#"["jobs","jobs_total",["a","b"],[1,"x"]]"#, &without),
        (" [ \"jobs\"\n,\t\"jobs_total\",{ \"a\" : \"1\" ,\r\"b\" : \"x\" } , \"Jobs.\" ] ", &with_help),
        (r#"["jobs", "jobs_total", {}, ""]"#, &key("jobs", "jobs_total", &[], Some(""))),
        (r#"["jobs", "jobs_total", [], []]"#, &key("jobs", "jobs_total", &[], None)),
    ] {
        assert_eq!(decode(text.as_bytes()).as_ref(), Ok(expected), "{text}");
    }
}

#[test]
fn escapes_stand_for_their_characters() {
    for (escaped, expected) in [
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"\u00e9\u00E9", "éé"),
        (r"\u0000\u001f\u007f", "\0\u{1f}\u{7f}"),
        (r"\ud83e\udd80", "🦀"),
        (r"a\ud83eb", "a\u{fffd}b"),
        (r"\udd80", "\u{fffd}"),
        (r"\ud83e", "\u{fffd}"),
        (r"\ud83e\n", "\u{fffd}\n"),
        (r"\ud83eA", "\u{fffd}A"),
        (r"\ud83e\ud83e\udd80", "\u{fffd}🦀"),
        ("é🦀\u{7f}", "é🦀\u{7f}"),
    ] {
        let text = format!(r#"["{escaped}", "s", {{"{escaped}": "{escaped}"}}, "{escaped}"]"#);
        let read = decode(text.as_bytes());
        assert_eq!(read, Ok(key(expected, "s", &[(expected, expected)], Some(expected))), "{text}");
    }
}

#[test]
fn values_that_gitlab_keeps_as_numbers_are_their_text() {
    let text = br#"["g","g",["a","b","c","d","e","f","g"],[12,-0,1.5,1.0e+300,true,false,null]]"#;
    let values: Vec<String> =
        decode(text).unwrap().labels.iter().map(|label| label.value_text().into_owned()).collect();
    assert_eq!(values, ["12", "-0", "1.5", "1.0e+300", "true", "false", ""]);
}

#[test]
fn of_a_label_that_stands_twice_the_last_value_counts() {
    let expected = Ok(key("g", "g", &[("b", "3"), ("a", "2")], None));
    assert_eq!(decode(br#"["g", "g", {"b": "1", "a": "2", "b": "3"}]"#), expected);
    assert_eq!(decode(br#"["g", "g", ["b", "a", "b"], ["1", "2", "3"]]"#), expected);
}

#[test]
fn a_broken_key_is_refused_with_the_place() {
    for (text, at, why) in [
        ("", 0, "a key is an array"),
        (r#"{"a": 1}"#, 0, "a key is an array"),
        (r#"[1, "s", {}]"#, 1, "the family is not a text"),
        (r#"["f" "s", {}]"#, 5, "no comma behind the family"),
        (r#"["f", 1, {}]"#, 6, "the sample name is not a text"),
        (r#"["f", "s"]"#, 9, "no comma behind the sample name"),
        (r#"["f", "s", 1]"#, 11, "the labels are neither an object nor an array"),
        (r#"["f", "s", {1: "a"}]"#, 12, "the name of a label is not a text"),
        (r#"["f", "s", {"a" "b"}]"#, 16, "no colon behind the name of a label"),
        (
            r#"["f", "s", {"a": {}}]"#,
            17,
            "the value of a label is neither text, number, true, false nor null",
        ),
        (r#"["f", "s", {"a": "b", }]"#, 22, "the name of a label is not a text"),
        (r#"["f", "s", {"a": "b""#, 20, "the labels' object does not end"),
        (r#"["f", "s", {"a": nul}]"#, 17, "an unknown word"),
        (r#"["f", "s", {"a": -}]"#, 18, "a number lacks a digit"),
        (r#"["f", "s", {"a": 1.}]"#, 19, "a number lacks a digit"),
        (r#"["f", "s", {"a": 1e}]"#, 19, "a number lacks a digit"),
        (r#"["f", "s", {"a": 01}]"#, 18, "the labels' object does not end"),
        (r#"["f", "s", ["a"]]"#, 16, "no comma behind the label names"),
        (r#"["f", "s", ["a", ], []]"#, 17, "the name of a label is not a text"),
        (r#"["f", "s", ["a"], {}]"#, 18, "the label values are not an array"),
        (r#"["f", "s", ["a"], ["1", "2"]]"#, 23, "more label values than names"),
        (r#"["f", "s", ["a", "b"], ["1"]]"#, 27, "fewer label values than names"),
        (r#"["f", "s", ["a"], []]"#, 19, "fewer label values than names"),
        (r#"["f", "s", {}, 1]"#, 15, "the help is not a text"),
        (r#"["f", "s", {}, "h", 1]"#, 18, "the key's array does not end behind labels and help"),
        (r#"["f", "s", {}"#, 13, "the key's array does not end behind labels and help"),
        (r#"["f", "s", {}] x"#, 15, "more text behind the key's array"),
        (r#"["f"#, 3, "a text does not end"),
        (r#"["f\"#, 4, "an unknown escape"),
        (r#"["\x", "s", {}]"#, 3, "an unknown escape"),
        (r#"["\u12g4", "s", {}]"#, 6, "an escape lacks a hexadecimal digit"),
        (r#"["\ud800\u", "s", {}]"#, 10, "an escape lacks a hexadecimal digit"),
        ("[\"a\nb\", \"s\", {}]", 3, "a control character in a text is not escaped"),
    ] {
        assert_eq!(decode(text.as_bytes()), Err(Damage { at, why }), "{text}");
    }
    let latin_1 = b"[\"caf\xe9\", \"s\", {}]";
    assert_eq!(decode(latin_1), Err(Damage { at: 5, why: "the key is not UTF-8" }));
}

#[test]
fn python_writes_ascii_with_blanks() {
    let written = |era| {
        let labels = [("a", "\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}"), ("b", "é🦀")];
        String::from_utf8(encode_python(era, &key("f", "s", &labels, Some("h")))).unwrap()
    };
    let a = r#""\"\\/\b\f\n\r\t\u0000\u001f\u007f""#;
    let b = r#""\u00e9\ud83e\udd80""#;
    assert_eq!(written(Era::F0), format!(r#"["f", "s", ["a", "b"], [{a}, {b}]]"#));
    assert_eq!(written(Era::F1), format!(r#"["f", "s", {{"a": {a}, "b": {b}}}]"#));
    assert_eq!(written(Era::F2), format!(r#"["f", "s", {{"a": {a}, "b": {b}}}, "h"]"#));
    assert_eq!(written(Era::F3), written(Era::F2));
    assert_eq!(encode_python(Era::F3, &key("f", "s", &[], None)), br#"["f", "s", {}, null]"#);
}

#[test]
fn gitlab_writes_compact_utf_8() {
    let labels = [("a", "\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}"), ("b", "é🦀")];
    let written = String::from_utf8(encode_gitlab(&key("f", "s", &labels, Some("h")))).unwrap();
    let expected = format!(r#"["f","s",["a","b"],["\"\\/\b\f\n\r\t\u0000\u001f{}","é🦀"]]"#, '\x7f');
    assert_eq!(written, expected);
    assert_eq!(encode_gitlab(&key("f", "s", &[], None)), br#"["f","s",[],[]]"#);
}

#[test]
fn the_spelling_tells_the_clients_apart() {
    let told = |text: &str| spelling(text.as_bytes()).map(|told| (told.arrays, told.help, told.blanks));
    assert_eq!(told(r#"["f", "s", ["a"], ["1"]]"#), Some((true, false, Some(true))));
    assert_eq!(told(r#"["f","s",["a"],["1"]]"#), Some((true, false, Some(false))));
    assert_eq!(told(r#"["f","s", [],[]]"#), Some((true, false, None)));
    assert_eq!(told(r#"["f", "s", {"a": "]"}]"#), Some((false, false, Some(true))));
    assert_eq!(told(r#"["f", "s", {"a": "1"}, null]"#), Some((false, true, Some(true))));
    assert_eq!(told(r#"["f", "s", {"a"]"#), None);
    assert_eq!(told(r#"["f"]"#), None);
}

// ---- against serde_json ----

/// What `serde_json` makes of a key: names, labels by name, help. `Err(true)`: it refuses what Python takes.
type Read = Result<(String, String, BTreeMap<String, String>, Option<String>), bool>;

fn read_by_serde(text: &[u8]) -> Read {
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        let message = error.to_string();
        ["surrogate", "hex escape", "number out of range"].iter().any(|reason| message.contains(reason))
    })?;
    let text_of = |value: &Value| value.as_str().map(str::to_owned).ok_or(false);
    let value_of = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.as_f64().unwrap().to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null => Ok(String::new()),
        _ => Err(false),
    };
    let elements = value.as_array().ok_or(false)?;
    let [family, sample, labels, rest @ ..] = &elements[..] else { return Err(false) };
    let mut by_name = BTreeMap::new();
    let mut help = None;
    match (labels, rest) {
        (Value::Object(object), []) | (Value::Object(object), [_]) => {
            for (name, value) in object {
                by_name.insert(name.clone(), value_of(value)?);
            }
            if let [text] = rest {
                help = if text.is_null() { None } else { Some(text_of(text)?) };
            }
        }
        (Value::Array(names), [Value::Array(values)]) if names.len() == values.len() => {
            for (name, value) in names.iter().zip(values) {
                by_name.insert(text_of(name)?, value_of(value)?);
            }
        }
        _ => return Err(false),
    }
    Ok((text_of(family)?, text_of(sample)?, by_name, help))
}

/// What we make of it, in the same terms: a number's text becomes its value.
fn read_by_us(text: &[u8]) -> Read {
    let key = decode(text).map_err(|_| false)?;
    let labels = key.labels.iter().map(|label| (label.name.to_string(), label.value_text().into_owned()));
    Ok((key.family, key.sample, labels.collect(), key.help))
}

/// Texts as they occur, with everything that needs an escape.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range('a', 'e'),
        2 => proptest::sample::select(vec!['"', '\\', '/', '\n', '\t', '\0', '\x1f', '\x7f', 'é', '\u{2028}', '🦀']),
        1 => any::<char>(),
    ];
    proptest::collection::vec(character, 0..6).prop_map(|characters| characters.into_iter().collect())
}

fn any_key() -> impl Strategy<Value = Key> {
    (text(), text(), proptest::collection::btree_map(text(), text(), 0..5), proptest::option::of(text()))
        .prop_map(|(family, sample, labels, help)| Key {
            family,
            sample,
            labels: labels.iter().map(|(name, value)| Label::new(name, value)).collect(),
            help,
        })
}

/// A change of a text: at a place, take some bytes out, put another text in.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, &'static str)>> {
    let inserted = proptest::sample::select(vec![
        "", "\"", "\\", "\\u", "\\ud83e", "\\udd80", "[", "]", "{", "}", ",", ":", " ", "1", "-", ".5",
        "e+9", "00", "null", "true", "[]", "{}", "\"a\"", "\"a\":", "\u{1}", "é",
    ]);
    proptest::collection::vec((any::<prop::sample::Index>(), 0..3_usize, inserted), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn any_key_reads_back(key in any_key()) {
        prop_assert_eq!(decode(&encode_python(Era::F3, &key)), Ok(key.clone()));
        let without_help = Key { help: None, ..key };
        prop_assert_eq!(decode(&encode_python(Era::F0, &without_help)), Ok(without_help.clone()));
        prop_assert_eq!(decode(&encode_python(Era::F1, &without_help)), Ok(without_help.clone()));
        prop_assert_eq!(decode(&encode_gitlab(&without_help)), Ok(without_help.clone()));
    }

    #[test]
    fn serde_json_reads_what_we_write(key in any_key()) {
        let labels: BTreeMap<String, String> = key
            .labels
            .iter()
            .map(|label| (label.name.to_string(), label.value_text().into_owned()))
            .collect();
        let read = read_by_serde(&encode_python(Era::F3, &key));
        prop_assert_eq!(read, Ok((key.family.clone(), key.sample.clone(), labels, key.help.clone())));
    }

    #[test]
    fn we_take_what_serde_json_takes_and_refuse_what_it_refuses(
        key in any_key(),
        gitlab: bool,
        changes in changes(),
    ) {
        let mut text = if gitlab { encode_gitlab(&key) } else { encode_python(Era::F3, &key) };
        for (place, out, put) in changes {
            let start = place.index(text.len() + 1);
            let end = (start + out).min(text.len());
            text.splice(start..end, put.bytes());
        }
        match (read_by_serde(&text), read_by_us(&text)) {
            (Err(true), _) => {}
            (theirs, ours) => {
                let as_value = |read: Read| read.map(|(family, sample, labels, help)| {
                    // Both as the number where it is one: 1.50 is 1.5.
                    let value = |text: String| text.parse::<f64>().map_or(text, |number| number.to_string());
                    let labels: BTreeMap<String, String> =
                        labels.into_iter().map(|(name, text)| (name, value(text))).collect();
                    (family, sample, labels, help)
                });
                prop_assert_eq!(as_value(ours), as_value(theirs), "{}", String::from_utf8_lossy(&text));
            }
        }
    }

    #[test]
    fn any_bytes_give_a_key_or_an_offset_within_them(text: Vec<u8>) {
        if let Err(damage) = decode(&text) {
            prop_assert!(damage.at <= text.len());
        }
        let _ = spelling(&text);
    }
}

proptest! {
    #[test]
    fn a_text_is_plain_up_to_the_first_quote_backslash_or_control_character(
        text in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), 0..0x22u8, any::<u8>(), Just(b'a')], 0..40)
    ) {
        let naive = text.iter().take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\').count();
        prop_assert_eq!(plain_len(&text), naive);
    }
}
