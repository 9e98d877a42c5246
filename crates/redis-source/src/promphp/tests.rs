use proptest::prelude::*;

use super::*;

const HISTOGRAM: &[u8] =
    br#"{"name":"latency","help":"L","type":"histogram","labelNames":["route"],"buckets":[0.1,1,2.5]}"#;

#[test]
fn metadata_say_what_a_family_is() {
    let family = family(Kind::Histogram, HISTOGRAM).unwrap();
    assert_eq!(family.label_names, ["route"]);
    let bounds: Vec<&str> = family.statement.bounds.iter().map(|bound| &**bound).collect();
    assert_eq!(
        (&*family.statement.name, &*family.statement.help, bounds),
        ("latency", "L", vec!["0.1", "1", "2.5"])
    );
}

#[test]
fn metadata_that_say_nothing_are_refused() {
    let cases = [
        ("{", "EOF while parsing an object at line 1 column 1"),
        ("[]", "its metadata have no name"),
        (r#"{"name":""}"#, "its metadata have no name"),
        (r#"{"name":"a","type":"gauge"}"#, "it is listed as a counter, and its metadata say \"gauge\""),
        (r#"{"name":"a","labelNames":[1]}"#, "its metadata have a label name that is no text"),
    ];
    for (meta, why) in cases {
        assert_eq!(family(Kind::Counter, meta.as_bytes()), Err(why.to_owned()), "{meta}");
    }
}

#[test]
fn fields_of_a_histogram_are_buckets_and_a_sum() {
    let family = family(Kind::Histogram, HISTOGRAM).unwrap();
    let route = Label::new("route", "/");
    type Expected = Result<(&'static str, Option<&'static str>), &'static str>;
    let cases: [(&str, Expected); 8] = [
        (r#"{"b":0.1,"labelValues":["\/"]}"#, Ok(("latency_bucket", Some("0.1")))),
        (r#"{"b":1.0,"labelValues":["/"]}"#, Ok(("latency_bucket", Some("1")))),
        (r#"{"b":"+Inf","labelValues":["/"]}"#, Ok(("latency_bucket", Some("+Inf")))),
        (r#"{"b":"sum","labelValues":["/"]}"#, Ok(("latency_sum", None))),
        (r#"{"b":"much","labelValues":["/"]}"#, Err("the bucket \"much\" is no number")),
        (r#"{"b":1,"labelValues":["/","x"]}"#, Err("it has 2 label values for 1 names")),
        (r#"{"b":1}"#, Err("its field has no labelValues")),
        (r#"{"labelValues":["/"]}"#, Err("its field has no bucket")),
    ];
    for (text, expected) in cases {
        let expected = expected.map_err(str::to_owned).map(|(sample, le)| {
            let le = le.map(|le| Label::new("le", le));
            (sample.to_owned(), [route.clone()].into_iter().chain(le).collect::<Vec<_>>())
        });
        assert_eq!(field(&family, text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn label_values_are_shown_as_php_prints_them() {
    let family = family(Kind::Counter, br#"{"name":"c","labelNames":["v"]}"#).unwrap();
    let cases = [
        (r#"["de"]"#, "de"),
        ("[200]", "200"),
        (r#"["200"]"#, "200"),
        ("[1.5]", "1.5"),
        ("[true]", "1"),
        ("[false]", ""),
        ("[null]", ""),
    ];
    for (text, value) in cases {
        let expected = Ok(("c".to_owned(), vec![Label::new("v", value)]));
        assert_eq!(field(&family, text.as_bytes()), expected, "{text}");
    }
    assert_eq!(field(&family, b"[[1]]"), Err("a label value is no text".to_owned()));
}

#[test]
fn keys_of_summaries_are_read_from_their_end() {
    let key = |rest: &str| format!("P_summary_METRIC_KEYS:{rest}").into_bytes();
    let observation =
        |family: &str| SummaryKey::Observation { family: family.to_owned(), labels: b"WyJhIl0=".to_vec() };
    assert_eq!(
        summary_key("P_", &key("job:rate:meta")),
        Some(SummaryKey::Meta { family: "job:rate".to_owned() })
    );
    assert_eq!(summary_key("P_", &key("s:WyJhIl0=:value:6b00.12")), Some(observation("s")));
    assert_eq!(summary_key("P_", &key("job:rate:WyJhIl0=:value:6b00.12")), Some(observation("job:rate")));
    for other in ["keys", "s:value:keys", "s:WyJhIl0=:value", ":meta", ""] {
        assert_eq!(summary_key("P_", &key(other)), None, "{other}");
    }
    assert_eq!(summary_key("Q_", &key("s:meta")), None);
    let names = vec!["p".to_owned()];
    assert_eq!(encoded_labels(&names, b"WyJhIl0="), Ok(vec![Label::new("p", "a")]));
    assert_eq!(encoded_labels(&[], b"W10="), Ok(vec![]));
    assert_eq!(encoded_labels(&names, b"W10="), Err("it has 0 label values for 1 names".to_owned()));
    assert_eq!(encoded_labels(&names, b"W!0="), Err("its labels are no base64".to_owned()));
}

#[test]
fn quantiles_follow_the_clients_rule() {
    let ten: Vec<f64> = (1..=10).map(f64::from).collect();
    for (of, expected) in
        [(0.5, 5.0), (0.9, 9.0), (0.99, 10.0), (0.0, 1.0), (1.0, 10.0), (7.0, 10.0), (-1.0, 1.0)]
    {
        assert_eq!(quantile(&ten, of), Some(expected), "{of}");
    }
    assert_eq!(quantile(&[0.1, 0.2, 0.3], 0.5), Some(0.2));
    assert_eq!(quantile(&[4.0], f64::NAN), Some(4.0));
    assert_eq!(quantile(&[], 0.5), None);
}

proptest! {
    #[test]
    fn base64_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = Vec::new();
        for three in bytes.chunks(3) {
            let padded = [three[0], *three.get(1).unwrap_or(&0), *three.get(2).unwrap_or(&0)];
            let word = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
            for digit in 0..4 {
                let digit_of_word = DIGITS[(word >> (18 - 6 * digit) & 63) as usize];
                text.push(if digit <= three.len() { digit_of_word } else { b'=' });
            }
        }
        prop_assert_eq!(base64::decoded(&text), Some(bytes));
    }

    #[test]
    fn any_bytes_are_something_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "[{}\\[\\]\":,b1a.Vlue]{0,40}") {
        for bytes in [&bytes[..], text.as_bytes()] {
            let _ = base64::decoded(bytes);
            let _ = summary_key("", bytes);
            if let Ok(family) = family(Kind::Histogram, bytes) {
                let _ = field(&family, bytes);
            }
            let known = family(Kind::Histogram, HISTOGRAM).unwrap();
            let _ = field(&known, bytes);
            let _ = encoded_labels(&known.label_names, bytes);
        }
    }

    #[test]
    fn a_quantile_is_one_of_the_numbers(mut numbers in proptest::collection::vec(any::<f64>(), 1..20), of in any::<f64>()) {
        numbers.sort_by(f64::total_cmp);
        let found = quantile(&numbers, of).unwrap();
        prop_assert!(numbers.iter().any(|number| number.to_bits() == found.to_bits()));
    }
}
