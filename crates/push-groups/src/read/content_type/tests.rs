use super::*;

#[test]
fn protobuf_is_what_the_official_gateway_takes_for_it() {
    const TYPE: &str = "application/vnd.google.protobuf";
    const PROTO: &str = "proto=io.prometheus.client.MetricFamily";
    // Asked of Pushgateway 1.5.1.
    for (header, expected) in [
        (format!("{TYPE}; {PROTO}; encoding=delimited"), Syntax::Protobuf),
        (format!("Application/VND.google.Protobuf;Encoding=delimited;P{}", &PROTO[1..]), Syntax::Protobuf),
        (
            format!("{TYPE};proto=\"io.prometheus.client.MetricFamily\";encoding=\"delimited\""),
            Syntax::Protobuf,
        ),
        (
            format!(" {TYPE} ; proto = io.prometheus.client.MetricFamily ; encoding=delimited "),
            Syntax::Protobuf,
        ),
        (format!("{TYPE}\t;\t{PROTO};encoding=delimited;"), Syntax::Protobuf),
        (format!("{TYPE}; {PROTO}; encoding=delimited; a=\"x;y\\\"\"; q=1"), Syntax::Protobuf),
        (format!("{TYPE}; {PROTO}; encoding=DELIMITED"), Syntax::Text),
        (format!("{TYPE}; proto=io.prometheus.client.metricfamily; encoding=delimited"), Syntax::Text),
        (format!("{TYPE}; {PROTO}"), Syntax::Text),
        (format!("{TYPE}; {PROTO}; encoding=text"), Syntax::Text),
        (format!("{TYPE}; {PROTO}; encoding=delimited; x"), Syntax::Text),
        (format!("{TYPE}; {PROTO}; encoding=delimited; encoding=delimited"), Syntax::Text),
        (format!("{TYPE}; {PROTO}, encoding=delimited"), Syntax::Text),
        (format!("{TYPE}; {PROTO}; encoding=\"deli\\mited\""), Syntax::Text),
        (format!("{TYPE}; {PROTO}; encoding=delimited; q=\""), Syntax::Text),
        (format!("{TYPE};; {PROTO}; encoding=delimited"), Syntax::Text),
        (format!("{TYPE}/x; {PROTO}; encoding=delimited"), Syntax::Text),
        (format!("{TYPE}; {PROTO}; encoding=deli\"mited\""), Syntax::Text),
        (format!("{TYPE}; {PROTO}; encoding=\"delimited\"x"), Syntax::Text),
    ] {
        assert_eq!(Syntax::of_content_type(Some(&header)), expected, "{header}");
    }
}

#[test]
fn openmetrics_is_told_by_its_name_alone() {
    for (header, expected) in [
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", Syntax::OpenMetrics),
        ("Application/OpenMetrics-Text", Syntax::OpenMetrics),
        ("application/openmetrics-text; version", Syntax::Text),
        ("application/openmetrics", Syntax::Text),
    ] {
        assert_eq!(Syntax::of_content_type(Some(header)), expected, "{header}");
    }
}

#[test]
fn everything_else_is_text() {
    for header in [
        "",
        ";",
        "text/plain; version=0.0.4; charset=utf-8",
        "application/json",
        "x y z",
        "é;=\"",
        "a/b;\u{1}=1",
    ] {
        assert_eq!(Syntax::of_content_type(Some(header)), Syntax::Text, "{header}");
    }
}
