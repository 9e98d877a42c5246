//! Tests of templates, against reading the key as a whole.

use proptest::prelude::*;

use super::*;
use crate::{Era, read_key};

const DIALECTS: [Dialect; 5] =
    [Dialect::Python(Era::F0), Dialect::Python(Era::F1), Dialect::PYTHON, Dialect::Gitlab, Dialect::Ruby];

/// The values of a key by the template of another one, if it has one and they are alike.
fn by_template(dialect: Dialect, other: &[u8], key: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut values = vec![Cow::Borrowed(&b"before"[..])];
    let alike = Template::of(dialect, other)?.read(key, &mut values);
    assert_eq!(&*values.remove(0), b"before");
    assert!(alike || values.is_empty());
    alike.then(|| values.into_iter().map(Cow::into_owned).collect())
}

/// Whatever a template says of a key, [`read_key`] says of it.
fn check(dialect: Dialect, other: &[u8], key: &[u8]) {
    let Some(values) = by_template(dialect, other, key) else { return };
    let (other, key) = (read_key(dialect, other).unwrap(), read_key(dialect, key).unwrap());
    assert_eq!((&other.family, &other.sample, &other.help), (&key.family, &key.sample, &key.help));
    let names = |labels: &[crate::LabelText<'_>]| {
        labels.iter().map(|label| label.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&other.labels), names(&key.labels));
    assert_eq!(values, key.labels.iter().map(|label| label.value.to_vec()).collect::<Vec<_>>());
}

#[test]
fn keys_that_differ_in_values_alone_are_read() {
    let read = |dialect, other: &str, key: &str| {
        check(dialect, other.as_bytes(), key.as_bytes());
        let values = by_template(dialect, other.as_bytes(), key.as_bytes())?;
        Some(
            values
                .iter()
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect::<Vec<_>>()
                .join("|"),
        )
    };
    let python = |key| read(Dialect::PYTHON, r#"["f", "s", {"a": "1", "b": ""}, "h"]"#, key);
    assert_eq!(python(r#"["f", "s", {"a": "1", "b": ""}, "h"]"#).as_deref(), Some("1|"));
    assert_eq!(python(r#"["f", "s", {"a": "", "b": "x"}, "}, "h"]"#), None);
    assert_eq!(
        python(r#"["f", "s", {"a": "", "b": "x\"\n}, \u00e9\ud83e\udd80"}, "h"]"#).as_deref(),
        Some("|x\"\n}, é🦀")
    );
    assert_eq!(python(r#"["f", "s", {"a": 1, "b": ""}, "h"]"#), None);
    assert_eq!(python(r#"["f", "s", {"a": "1", "c": ""}, "h"]"#), None);
    assert_eq!(python(r#"["f", "s", {"a": "1", "b": ""}, "H"]"#), None);
    assert_eq!(python(r#"["f", "s", {"a": "1", "b": ""}, "h"]x"#), None);
    assert_eq!(python("[\"f\", \"s\", {\"a\": \"\t\", \"b\": \"\"}, \"h\"]"), None);

    let gitlab = |key| read(Dialect::Gitlab, r#"["f","s",["b","a"],["1","2"]]"#, key);
    assert_eq!(gitlab(r#"["f","s",["b","a"],["","\\"]]"#).as_deref(), Some("|\\"));
    assert_eq!(gitlab(r#"["f","s",["b","a"],["",3]]"#), None);
    let unusual = [r#"["f","s",["b"],[1]]"#, r#"["f","s",["b"],[null]]"#, r#"["f","s",["b","b"],["1","1"]]"#];
    assert!(unusual.iter().all(|key| Template::of(Dialect::Gitlab, key.as_bytes()).is_none()));
    assert_eq!(read(Dialect::Gitlab, r#"["f","s",[],[]]"#, r#"["f","s",[],[]]"#).as_deref(), Some(""));

    let ruby = |key| read(Dialect::Ruby, "a=1&b=%2F", key);
    assert_eq!(ruby("a=x+y&b=").as_deref(), Some("x y|"));
    assert_eq!(ruby("a=%&b=%2").as_deref(), Some("%|%2"));
    assert_eq!(ruby("a==&b=\0").as_deref(), None);
    assert_eq!(ruby("a=1&b=2&c=3"), None);
    assert_eq!(ruby("a=1;b=2"), None);
    assert_eq!(read(Dialect::Ruby, "", "").as_deref(), Some(""));
    assert!(
        ["a", "b=1&a=1", "a=1&a=1", "a=1&&b=1", "=1"].iter().all(|key| Template::of(
            Dialect::Ruby,
            key.as_bytes()
        )
        .is_none())
    );
}

/// Keys of few characters, so that two of them are often alike.
fn key() -> impl Strategy<Value = String> {
    let value = || {
        prop::collection::vec(
            prop::sample::select(vec![
                "a", "1", "\\\"", "\\u00e9", "%2F", "+", "\\", "é", "&", ";", " ", "\0",
            ]),
            0..3,
        )
        .prop_map(|parts| parts.concat())
    };
    let name = || prop::sample::select(vec!["a", "b", "c"]);
    prop_oneof![
        (prop::collection::vec((name(), value()), 0..3), any::<bool>()).prop_map(|(labels, help)| {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("\"{name}\": \"{value}\"")).collect();
            format!("[\"f\", \"s\", {{{}}}{}]", labels.join(", "), if help { ", \"h\"" } else { "" })
        }),
        (prop::collection::vec((name(), value()), 0..3)).prop_map(|labels| {
            let names: Vec<String> = labels.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            let values: Vec<String> = labels.iter().map(|(_, value)| format!("\"{value}\"")).collect();
            format!("[\"f\",\"s\",[{}],[{}]]", names.join(","), values.join(","))
        }),
        (prop::collection::vec((name(), value()), 0..4)).prop_map(|labels| {
            let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.join("&")
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_template_says_what_reading_the_whole_key_says(other in key(), key in key()) {
        for dialect in DIALECTS {
            if read_key(dialect, other.as_bytes()).is_ok() {
                check(dialect, other.as_bytes(), key.as_bytes());
                check(dialect, other.as_bytes(), other.as_bytes());
            }
        }
    }

    #[test]
    fn any_bytes_beside_any_template_are_no_panic(other: Vec<u8>, key: Vec<u8>) {
        for dialect in DIALECTS {
            if let Some(template) = Template::of(dialect, &other) {
                template.read(&key, &mut Vec::new());
            }
        }
    }
}
