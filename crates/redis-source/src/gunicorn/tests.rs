use metrics_core::Label;
use proptest::prelude::*;

use super::*;

#[test]
fn a_key_is_read_from_its_end() {
    let key = b"a:b:gauge_livemax:4711:metric:d41d8";
    let parsed = ValueKey { sort: b"gauge_livemax", process: "4711", hash: b"d41d8" };
    assert_eq!(split_key(key), Some((&b"a:b"[..], parsed)));
    assert_eq!(value_key("a:b", key), Some(parsed));
    // Somebody else's, whose prefix begins like ours.
    assert_eq!(value_key("a", key), None);
    assert_eq!(twin(key).as_deref(), Some(&b"a:b:gauge_livemax:4711:meta:d41d8"[..]));
    for other in ["gunicorn:counter:1:meta:d4", "gunicorn:counter::metric:d4", "counter:1:metric:d4", ""] {
        assert_eq!(split_key(other.as_bytes()), None, "{other}");
    }
}

#[test]
fn a_pattern_takes_a_prefix_as_it_is() {
    assert_eq!(pattern("a*b[c]"), b"a\\*b\\[c\\]:*:metric:*");
}

#[test]
fn kinds_and_modes_stand_in_the_key() {
    let cases: [(&str, Option<(Kind, &str)>); 8] = [
        ("counter", Some((Kind::Counter, "sum"))),
        ("histogram", Some((Kind::Histogram, "sum"))),
        ("summary", Some((Kind::Summary, "sum"))),
        ("gauge_livemostrecent", Some((Kind::Gauge, "livemostrecent"))),
        ("gauge_live", Some((Kind::Gauge, "liveall"))),
        ("gauge_all", Some((Kind::Gauge, "all"))),
        ("gauge_median", None),
        ("gauge", None),
    ];
    for (sort, expected) in cases {
        let found = kind_of(sort.as_bytes()).map(|(kind, how)| (kind, how.to_string()));
        assert_eq!(found, expected.map(|(kind, how)| (kind, how.to_owned())), "{sort}");
    }
    assert!(is_phantom(b"gauge") && !is_phantom(b"gauge_all"));
}

#[test]
fn an_original_key_is_that_of_pythons_client() {
    let key = br#"["http_requests", "http_requests_total", {"code": "404"}, "Total HTTP requests"]"#;
    let meaning = meaning(Kind::Counter, Aggregation::SUM, key).unwrap();
    let statement = Statement::new(Kind::Counter, "http_requests", "Total HTTP requests", Aggregation::SUM);
    let sample = "http_requests_total".to_owned();
    assert_eq!(meaning, Meaning { statement, sample, labels: vec![Label::new("code", "404")] });
}

#[test]
fn an_original_key_that_fits_nothing_is_refused() {
    let cases = [
        ("", "its original key, at byte 0: "),
        (r#"["a", "b", {}, ""]"#, "a counter \"a\" has no sample \"b\""),
        (r#"["a", "a_sum", {}, ""]"#, "a counter \"a\" has no sample \"a_sum\""),
        (r#"["", "_total", {}, ""]"#, "a counter \"\" has no sample \"_total\""),
    ];
    for (key, why) in cases {
        let error = meaning(Kind::Counter, Aggregation::SUM, key.as_bytes()).unwrap_err();
        assert!(error.starts_with(why), "{key}: {error}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_keys_or_none(key in proptest::collection::vec(any::<u8>(), 0..100), text in "[a:metric_]{0,40}") {
        for key in [&key[..], text.as_bytes()] {
            if let Some((prefix, parsed)) = split_key(key) {
                let (sort, process) = (parsed.sort, parsed.process.as_bytes());
                let whole = [prefix, sort, process, b"metric", parsed.hash].join(&b':');
                prop_assert_eq!(&whole[..], key);
                prop_assert!(twin(key).is_some());
                let _ = kind_of(parsed.sort);
            }
            let _ = meaning(Kind::Histogram, Aggregation::SUM, key);
        }
    }
}
