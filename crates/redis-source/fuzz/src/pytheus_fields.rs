//! Any bytes as labels of pytheus, and as a number.

use redis_source::fuzzed;

/// Labels are sorted, and are the same again from a field that is written of them; a number is spelled by its text, and
/// is the same again from its own.
pub fn pytheus_fields(bytes: &[u8]) {
    if let Some(labels) = fuzzed::pytheus_labels(bytes) {
        assert!(labels.is_sorted());
        let object = labels.iter().map(|label| {
            let value = String::from_utf8(label.value.to_vec()).expect("JSON is UTF-8");
            (label.name.to_string(), serde_json::Value::String(value))
        });
        let written = serde_json::Value::Object(object.collect()).to_string();
        assert_eq!(fuzzed::pytheus_labels(written.as_bytes()), Some(labels));
    }
    if let Some(number) = fuzzed::number(bytes) {
        let again = fuzzed::number(number.to_string().as_bytes()).expect("it is one");
        assert!(again.to_bits() == number.to_bits() || number.is_nan() && again.is_nan());
    }
}
