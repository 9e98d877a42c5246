use proptest::prelude::*;

use super::*;

fn content_type(accept: &str) -> String {
    negotiate(Some(accept)).content_type
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT_1: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Recorded from the WSGI application of client_python 0.26.0.
#[test]
fn pythons_answers() {
    assert_eq!(negotiate(None), Negotiated { format: Format::TEXT, content_type: TEXT.to_owned() });
    for (accept, expected) in [
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        (
            "text/plain; version=1.0.0; escaping=allow-utf-8",
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=0.0.1", TEXT),
        // Prometheus 2.42
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
             text/plain;version=0.0.4;q=0.3",
            TEXT,
        ),
    ] {
        assert_eq!(content_type(accept), expected, "{accept}");
    }
}

#[test]
fn prometheus_3_gets_openmetrics_with_utf8_names() {
    let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                  application/openmetrics-text;version=0.0.1;q=0.5,\
                  text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    let expected = Format { syntax: Syntax::OpenMetrics1, escaping: Escaping::AllowUtf8 };
    let with_protobuf = format!(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,{accept}"
    );
    for accept in [accept, &with_protobuf] {
        let answer = negotiate(Some(accept));
        assert_eq!(answer.format, expected);
        assert_eq!(answer.content_type, expected.content_type());
    }
}

#[test]
fn the_highest_quality_wins() {
    let both = |text: &str, openmetrics: &str| {
        content_type(&format!(
            "application/openmetrics-text;version=1.0.0;q={openmetrics}, text/plain;version=1.0.0;q={text}"
        ))
    };
    assert_eq!(both("0.3", "0.5"), format!("{OPENMETRICS}; escaping=underscores"));
    assert_eq!(both("0.5", "0.3"), format!("{TEXT_1}underscores"));
    assert_eq!(both("1", "0.999"), format!("{TEXT_1}underscores"));
}

#[test]
fn of_equals_the_more_specific_and_then_the_earlier_wins() {
    let openmetrics = format!("{OPENMETRICS}; escaping=dots");
    let asked = "application/openmetrics-text;version=1.0.0;escaping=dots";
    for (accept, expected) in [
        (format!("{asked},text/plain;version=0.0.4"), &*openmetrics),
        (format!("text/plain;version=0.0.4,{asked}"), TEXT),
        (format!("*/*,{asked}"), &openmetrics),
        (format!("text/*,{asked}"), &openmetrics),
        (format!("text/plain,{asked}"), &openmetrics),
        ("application/*,*/*".to_owned(), OPENMETRICS),
        (format!("{asked},application/openmetrics-text;version=1.0.0"), &openmetrics),
    ] {
        assert_eq!(content_type(&accept), expected, "{accept}");
    }
}

#[test]
fn zero_refuses_and_the_most_specific_range_decides() {
    for (accept, expected) in [
        ("application/openmetrics-text;q=0,text/plain;q=0.1", TEXT),
        ("text/plain;version=0.0.4;q=0,*/*;q=0.5", TEXT), // nothing else of `*/*` is ours to offer
        ("application/openmetrics-text;q=0,application/*", TEXT),
        ("application/openmetrics-text;version=1.0.0;q=0,application/openmetrics-text", TEXT),
        (
            "application/openmetrics-text;q=0,application/openmetrics-text;version=1.0.0;escaping=values;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values",
        ),
        // 0.1 for the very version, whatever other versions would get.
        (
            "application/openmetrics-text;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.5",
            TEXT,
        ),
        ("text/plain;q=0", TEXT),
        ("*/*;q=0", TEXT),
    ] {
        assert_eq!(content_type(accept), expected, "{accept}");
    }
}

#[test]
fn versions_are_compared_number_by_number() {
    for (version, expected) in [
        ("1.0.0", Some("1.0.0")),
        ("\"1.0.0\"", Some("1.0.0")),
        ("1.0.1", Some("1.0.1")),
        ("2.0.0", Some("2.0.0")),
        ("10.0", Some("10.0")),
        ("1", None),
        ("1.0", None),
        ("0.0.1", None),
        ("0.99.99", None),
        ("abc", None),
        ("1.0.x", None),
        ("1.0.0\r\nX: y", None),
        ("+1.0.0", None),
        ("1..0", None),
        (".", None),
        ("99999999999999999999.0.0", None),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0", None),
    ] {
        let openmetrics = content_type(&format!("application/openmetrics-text;version={version}"));
        let text = content_type(&format!("text/plain;version={version}"));
        match expected {
            Some(version) => {
                let expected = format!(
                    "application/openmetrics-text; version={version}; charset=utf-8; escaping=underscores"
                );
                assert_eq!(openmetrics, expected);
                assert_eq!(text, format!("{TEXT_1}underscores"));
            }
            None => assert_eq!([openmetrics, text], [TEXT, TEXT], "{version}"),
        }
    }
    assert_eq!(content_type("application/openmetrics-text;version="), OPENMETRICS);
}

#[test]
fn an_unknown_escaping_is_underscores() {
    for (escaping, expected) in [
        ("underscores", Escaping::Underscores),
        ("dots", Escaping::Dots),
        ("values", Escaping::Values),
        ("allow-utf-8", Escaping::AllowUtf8),
        ("ALLOW-UTF-8", Escaping::Underscores),
        ("", Escaping::Underscores),
    ] {
        let answer = negotiate(Some(&format!("text/plain;version=1.0.0;escaping={escaping}")));
        assert_eq!(answer.format, Format { syntax: Syntax::Text1, escaping: expected });
        assert_eq!(answer.content_type, format!("{TEXT_1}{}", expected.as_str()));
    }
}

#[test]
fn blanks_case_and_odd_qualities_do_not_matter() {
    for accept in [
        " Application/OpenMetrics-Text ; Version=1.0.0 ; Q=0.5 ",
        "application/openmetrics-text;version=1.0.0;q=abc",
        "application/openmetrics-text;version=1.0.0;q=NaN",
        "application/openmetrics-text;version=1.0.0;q=7,text/plain;q=0.5",
        "application/openmetrics-text;version=1.0.0;q",
        ",;,application/openmetrics-text;;version=1.0.0;=,",
        "text/plain;q=-3,application/openmetrics-text;version=1.0.0;q=0.001",
    ] {
        assert_eq!(content_type(accept), format!("{OPENMETRICS}; escaping=underscores"), "{accept}");
    }
}

#[test]
fn gzip_is_given_to_who_asks_for_it() {
    for (accept_encoding, expected) in [
        ("", Coding::Identity),
        ("gzip", Coding::Gzip),
        ("identity", Coding::Identity),
        ("deflate, GZIP", Coding::Gzip),
        ("x-gzip", Coding::Gzip),
        ("gzip;q=0", Coding::Identity),
        ("gzip;q=0,*", Coding::Identity),
        ("gzip;q=0.001", Coding::Gzip),
        ("*", Coding::Gzip),
        ("*;q=0", Coding::Identity),
        ("*;q=0,gzip", Coding::Gzip),
        ("gzip;q=0.5,identity;q=0.6", Coding::Identity),
        ("gzip;q=0.5,identity;q=0.5", Coding::Gzip),
        ("identity;q=0", Coding::Identity),
        ("br, zstd", Coding::Identity),
        ("gzipped", Coding::Identity),
    ] {
        assert_eq!(negotiate_coding(Some(accept_encoding)), expected, "{accept_encoding:?}");
    }
    assert_eq!(negotiate_coding(None), Coding::Identity);
}

/// Headers of the pieces that matter, in any order, so that many of them mean something.
fn header() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "application/openmetrics-text",
        "text/plain",
        "*/*",
        "text/*",
        "application/*",
        "gzip",
        "*",
        "identity",
        ";version=1.0.0",
        ";version=2.0.0",
        ";version=0.0.4",
        ";escaping=dots",
        ";q=0",
        ";q=0.5",
        ";q=",
        ",",
        ",",
        " ",
        "\"",
        "=",
        ";",
        "é",
        "\0",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_header_gets_what_we_can_produce(header in prop_oneof![header(), any::<String>()]) {
        let Negotiated { format, content_type } = negotiate(Some(&header));
        let media = match format.syntax {
            Syntax::OpenMetrics1 => "application/openmetrics-text; version=",
            Syntax::Text0 => TEXT,
            Syntax::Text1 => TEXT_1,
        };
        prop_assert!(content_type.starts_with(media), "{content_type}");
        let scheme = format.escaping.as_str();
        prop_assert!(content_type.ends_with("charset=utf-8") || content_type.ends_with(scheme), "{content_type}");
        prop_assert!(content_type.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{content_type}");
        negotiate_coding(Some(&header));
    }
}
