use metrics_core::Aggregation;
use proptest::prelude::*;

use super::*;

#[test]
fn a_histogram_is_a_key_for_each_bound_and_each_spelling_of_it() {
    let mut family = Statement::new(Kind::Histogram, "rpc_seconds", "RPC", Aggregation::SUM);
    family.bounds = [Box::from("0.1"), Box::from("1")].into();
    let found: Vec<(String, String, Option<Box<str>>)> = keys("", &family)
        .into_iter()
        .map(|key| (String::from_utf8(key.key).unwrap(), key.sample, key.le))
        .collect();
    let expected = [
        ("rpc_seconds:0.1", "rpc_seconds_bucket", Some("0.1")),
        ("rpc_seconds:1", "rpc_seconds_bucket", Some("1")),
        ("rpc_seconds:1.0", "rpc_seconds_bucket", Some("1")),
        ("rpc_seconds:+Inf", "rpc_seconds_bucket", Some("+Inf")),
        ("rpc_seconds:count", "rpc_seconds_count", None),
        ("rpc_seconds:sum", "rpc_seconds_sum", None),
    ];
    let expected: Vec<(String, String, Option<Box<str>>)> = expected
        .into_iter()
        .map(|(key, sample, le)| (key.to_owned(), sample.to_owned(), le.map(Box::from)))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_prefix_is_put_before_a_name_as_the_client_puts_it() {
    let family = Statement::new(Kind::Counter, "jobs_total", "", Aggregation::SUM);
    let found: Vec<Vec<u8>> = keys("shop", &family).into_iter().map(|key| key.key).collect();
    assert_eq!(found, [b"shop-jobs_total"]);
}

#[test]
fn labels_are_the_same_in_whatever_order_they_are_written() {
    let expected = vec![Label::new("a", "é"), Label::new("b", "q\"")];
    for field in [r#"{"b": "q\"", "a": "\u00e9"}"#, r#"{"a":"é","b":"q\""}"#] {
        assert_eq!(labels(field.as_bytes()).as_ref(), Some(&expected), "{field}");
    }
    assert_eq!(labels(b"{\"code\": 200}"), Some(vec![Label::new("code", "200")]));
    for other in ["", "[]", "\"a\"", "{\"a\": {}}", "{\"a\": [1]}", "{"] {
        assert_eq!(labels(other.as_bytes()), None, "{other}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_labels_or_none(field in proptest::collection::vec(any::<u8>(), 0..60), text in "[{}\\[\\]\":,a1\\\\]{0,30}") {
        let _ = labels(&field);
        let _ = labels(text.as_bytes());
    }
}
