use super::*;

fn metric(stem: &str, suffix: [&str; 2], escaping: Escaping) -> String {
    let mut out = Vec::new();
    push_metric(&mut out, stem, suffix, escaping);
    String::from_utf8(out).unwrap()
}

fn label(name: &str, escaping: Escaping) -> String {
    let mut out = Vec::new();
    push_label(&mut out, name, escaping);
    String::from_utf8(out).unwrap()
}

const ALL: [Escaping; 4] = [Escaping::Underscores, Escaping::Dots, Escaping::Values, Escaping::AllowUtf8];

/// As `EscapeName` of Prometheus' common library and `escape_metric_name` of client_python, which agree.
#[test]
fn metric_names_are_escaped_by_each_scheme() {
    for (name, expected) in [
        ("http_requests", ["http_requests", "http__requests", "http_requests", "http_requests"]),
        ("job:rate", ["job:rate", "job:rate", "job:rate", "job:rate"]),
        ("_", ["_", "__", "_", "_"]),
        ("a.b", ["a_b", "a_dot_b", "U__a_2e_b", "\"a.b\""]),
        ("a.b_c", ["a_b_c", "a_dot_b__c", "U__a_2e_b__c", "\"a.b_c\""]),
        ("a b", ["a_b", "a__b", "U__a_20_b", "\"a b\""]),
        ("1a", ["_a", "__a", "U___31_a", "\"1a\""]),
        ("日本", ["__", "____", "U___65e5__672c_", "\"日本\""]),
        ("é1", ["_1", "__1", "U___e9_1", "\"é1\""]),
        ("a\\\"\n", ["a___", "a______", "U__a_5c__22__a_", r#""a\\\"\n""#]),
    ] {
        assert_eq!(ALL.map(|escaping| metric(name, ["", ""], escaping)), expected, "{name:?}");
    }
}

/// As `escape_label_name` of client_python, which knows that a label name has no colon. Names that begin with
/// `__` are not its business here: they stay, as in Prometheus' library.
#[test]
fn label_names_are_escaped_by_each_scheme() {
    for (name, expected) in [
        ("code", ["code", "code", "code", "code"]),
        ("status_code", ["status_code", "status__code", "status_code", "status_code"]),
        ("a:b", ["a_b", "a__b", "U__a_3a_b", "\"a:b\""]),
        ("__x", ["__x", "____x", "__x", "__x"]),
        ("http.method", ["http_method", "http_dot_method", "U__http_2e_method", "\"http.method\""]),
    ] {
        assert_eq!(ALL.map(|escaping| label(name, escaping)), expected, "{name:?}");
    }
}

#[test]
fn a_suffix_stands_behind_the_escaped_name_and_inside_its_quotes() {
    let sum = ALL.map(|escaping| metric("h.1", ["", "_sum"], escaping));
    assert_eq!(sum, ["h_1_sum", "h_dot_1_sum", "U__h_2e_1_sum", "\"h.1_sum\""]);
}

#[test]
fn a_name_of_nothing_becomes_one_underscore() {
    assert_eq!(ALL.map(|escaping| metric("", ["", "_sum"], escaping)), ["__sum"; 4]);
    assert_eq!(ALL.map(|escaping| label("", escaping)), ["_"; 4]);
    assert!(!is_quoted_metric("", Escaping::AllowUtf8));
}
