use metrics_core::{FamilySnapshot, Snapshot};

use super::{excerpt, parse};
use crate::Syntax;

fn text(page: &str) -> Snapshot {
    parse(Syntax::Text0, page.as_bytes()).unwrap_or_else(|error| panic!("{page:?}: {error}"))
}

fn openmetrics(page: &str) -> Snapshot {
    parse(Syntax::OpenMetrics1, page.as_bytes()).unwrap_or_else(|error| panic!("{page:?}: {error}"))
}

fn error(syntax: Syntax, page: impl AsRef<[u8]>) -> String {
    match parse(syntax, page.as_ref()) {
        Ok(_) => panic!("{:?} is read", String::from_utf8_lossy(page.as_ref())),
        Err(error) => error.to_string(),
    }
}

/// The families in short: `name kind: sample=value sample=value`.
fn outline(snapshot: &Snapshot) -> Vec<String> {
    let family = |family: &FamilySnapshot| {
        let samples: String =
            family.samples.iter().map(|sample| format!(" {}={}", sample.series.name, sample.value)).collect();
        format!("{} {}:{samples}", family.name, family.kind)
    };
    snapshot.families.iter().map(family).collect()
}

#[test]
fn text_families_may_interleave_and_come_in_order_of_their_first_line() {
    let page = "# TYPE a gauge\na{x=\"1\"} 1\nb 2\na{x=\"2\"} 3\n# HELP b late help\n# HELP only help\n";
    let snapshot = text(page);
    assert_eq!(outline(&snapshot), ["a gauge: a=1 a=3", "b unknown: b=2", "only unknown:"]);
    assert_eq!(*snapshot.families[1].help, *"late help");
}

#[test]
fn text_summaries_and_histograms_take_the_samples_with_their_suffixes() {
    let page = "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 2\nh_count 3\n\
                # TYPE s summary\ns{quantile=\"0.5\"} 4\ns_sum 5\ns_count 6\ns_bucket 7\n\
                # TYPE c counter\nc_sum 8\nu_count 9\n";
    assert_eq!(
        outline(&text(page)),
        [
            "h histogram: h_bucket=1 h_sum=2 h_count=3",
            "s summary: s=4 s_sum=5 s_count=6",
            "s_bucket unknown: s_bucket=7",
            "c counter:",
            "c_sum unknown: c_sum=8",
            "u_count unknown: u_count=9",
        ],
    );
}

/// client_golang's pages can have both.
#[test]
fn a_text_family_comes_before_a_part_of_another() {
    let page = "# TYPE h histogram\n# TYPE h_count gauge\nh_count 1\nh_sum 2\n";
    assert_eq!(outline(&text(page)), ["h histogram: h_sum=2", "h_count gauge: h_count=1"]);
}

#[test]
fn text_counters_lose_their_total_unless_the_name_is_taken() {
    let page = "# TYPE a_total counter\na_total 1\n# TYPE b counter\nb 2\n\
                # TYPE c_total counter\nc_total 3\n# TYPE c gauge\nc 4\n\
                # TYPE d_total gauge\nd_total 5\n# TYPE _total counter\n_total 6\n";
    assert_eq!(
        outline(&text(page)),
        [
            "a counter: a_total=1",
            "b counter: b=2",
            "c_total counter: c_total=3",
            "c gauge: c=4",
            "d_total gauge: d_total=5",
            "_total counter: _total=6",
        ],
    );
}

#[test]
fn text_suffixes_of_openmetrics_are_families_of_their_own() {
    let page = "# TYPE foo counter\n# UNIT foo seconds\nfoo_total 17.0\nfoo_created 1520872607.123\n# EOF\n";
    assert_eq!(
        outline(&text(page)),
        [
            "foo unknown:",
            "foo_total unknown: foo_total=17",
            "foo_created unknown: foo_created=1520872607.123"
        ],
    );
}

/// What Pushgateway 1.5.1 accepted when it was asked, which reads with Prometheus' common `expfmt`.
#[test]
fn text_is_read_as_freely_as_prometheus_reads_it() {
    for (page, expected) in [
        ("", &[][..]),
        ("\n\na 1\n\n\nb 2\n\n", &["a unknown: a=1", "b unknown: b=2"]),
        (" \ta 1\n", &["a unknown: a=1"]),
        ("a{x=\"1\"}1\n", &["a unknown: a=1"]),
        ("a { x = \"1\" , y=\"2\",\t} \t 1 \t5\n", &["a unknown: a=1"]),
        ("a{} 1\n", &["a unknown: a=1"]),
        ("a:b 1\n", &["a:b unknown: a:b=1"]),
        ("# TYPE a COUNTER\na 1\n", &["a counter: a=1"]),
        ("# TYPE a\n# TYPE\n# HELP\n#\n# TYPED a b\n# a comment\na 1\n", &["a unknown: a=1"]),
        ("#   HELP   a   text  \n#  TYPE  a  gauge\na 1\n", &["a gauge: a=1"]),
        ("#HELP a text\n#TYPE a gauge \n", &["a gauge:"]),
        ("# EOF\n", &[]),
    ] {
        assert_eq!(outline(&text(page)), expected, "{page:?}");
    }
}

#[test]
fn text_errors_name_the_line_and_the_reason() {
    for (page, expected) in [
        ("a 1", "line 1: the page ends before the line does"),
        ("a 1\nb 2", "line 2: the page ends before the line does"),
        ("# EOF", "line 1: the page ends before the line does"),
        ("a\n", "line 1: expected a number, found the end of the line"),
        ("a 1\r\n", "line 1: expected a number, found \"1\\r\""),
        ("a 1 \n", "line 1: expected a time in whole milliseconds, found \"\""),
        ("a 1 abc\n", "line 1: expected a time in whole milliseconds, found \"abc\""),
        ("a 1 1.5\n", "line 1: expected a time in whole milliseconds, found \"1.5\""),
        ("a 1 5 6\n", "line 1: expected the end of the line, found \" 6\""),
        ("a 1 # {} 1\n", "line 1: expected a time in whole milliseconds, found \"#\""),
        ("a{x=\"1\" y=\"2\"} 1\n", "line 1: expected ',' or '}', found \"y=\\\"2\\\"} 1\""),
        ("a{x=\"1\",,} 1\n", "line 1: expected a label name, found \",} 1\""),
        ("a{,} 1\n", "line 1: expected a label name, found \",} 1\""),
        ("a{x=1} 1\n", "line 1: expected '\"', found \"1} 1\""),
        ("a{x} 1\n", "line 1: expected '=' after \"x\", found \"} 1\""),
        ("a{x=\"1\",x=\"2\"} 1\n", "line 1: the label \"x\" occurs twice"),
        ("a{__name__=\"b\"} 1\n", "line 1: the label name \"__name__\" is reserved"),
        ("a{ 1\n", "line 1: expected a label name, found \"1\""),
        ("a{x=\"1 1\n", "line 1: a quote is not closed"),
        ("a{x=\"\\u0001\"} 1\n", "line 1: unknown escape in a quote, \"\\\\u0001\\\"} 1\""),
        ("a{x=\"\\", "line 1: the page ends before the line does"),
        ("a{x=\"\\\n\"} 1\n", "line 1: unknown escape in a quote, \"\\\\\""),
        ("a{x:y=\"1\"} 1\n", "line 1: expected '=' after \"x\", found \":y=\\\"1\\\"} 1\""),
        ("{a=\"b\"} 1\n", "line 1: the braces have no metric name in front and none in quotes"),
        ("a{\"b\"} 1\n", "line 1: a has a second name in its braces"),
        ("{\"a\",\"b\"} 1\n", "line 1: expected '=' after \"b\", found \"} 1\""),
        ("{\"\"} 1\n", "line 1: a name is empty"),
        (
            "{\"metric\":\"a\",\"value\":1}\n",
            "line 1: expected ',' or '}', found \":\\\"a\\\",\\\"value\\\":1}\"",
        ),
        ("1a 1\n", "line 1: expected a metric name, found \"1a 1\""),
        ("é 1\n", "line 1: expected a metric name, found \"é 1\""),
        ("a-b 1\n", "line 1: expected a number, found \"-b\""),
        ("blablabla foo bar\n", "line 1: expected a number, found \"foo\""),
        ("a 1\n\nc x\n", "line 3: expected a number, found \"x\""),
        ("a 1\n# TYPE a gauge\n", "line 2: a second TYPE line for a, or one behind its samples"),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: a second TYPE line for a, or one behind its samples"),
        ("# HELP a b\n# HELP a b\n", "line 2: a second HELP line for a"),
        ("# HELP a-b c\n", "line 1: expected a blank after the name, found \"-b c\""),
        ("# TYPE a info\n", "line 1: the text format has no type \"info\""),
        ("# TYPE a gauge x\n", "line 1: expected the end of the line, found \"x\""),
    ] {
        assert_eq!(error(Syntax::Text0, page), expected, "{page:?}");
        assert_eq!(error(Syntax::Text1, page), expected, "{page:?}");
    }
}

#[test]
fn numbers_are_those_of_go_and_python() {
    for (word, expected) in [
        ("1", 1.0),
        ("+1", 1.0),
        ("-0", -0.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e21", 1e21),
        ("1E+2", 100.0),
        ("12345678901234567890", 12345678901234567890.0),
        ("1.7976931348623157e308", f64::MAX),
        ("5e-324", 5e-324),
        ("1e-400", 0.0),
        ("inf", f64::INFINITY),
        ("+Inf", f64::INFINITY),
        ("-Inf", f64::NEG_INFINITY),
        ("Infinity", f64::INFINITY),
    ] {
        let value = text(&format!("a {word}\n")).families[0].samples[0].value;
        assert_eq!(value.to_bits(), expected.to_bits(), "{word}");
    }
    assert!(text("a nan\n").families[0].samples[0].value.is_nan());
    for word in ["", "0x10", "1_000", "1e400", "-1e400", "+NaN", "-nan", "1,5", "e5", ".", "--1", "١"] {
        for syntax in [Syntax::Text0, Syntax::OpenMetrics1] {
            let why = error(syntax, format!("a {word}\n# EOF\n"));
            assert!(why.starts_with("line 1: expected a number, found "), "{word}: {why}");
        }
    }
}

#[test]
fn labels_keep_their_order_and_values_any_byte() {
    let page = b"a{z=\"\\\\\\n\\\"\",_b=\"\xff\t\0\r{}\",le=\"1.50\"} 1\n";
    let snapshot = parse(Syntax::Text0, page).unwrap();
    let labels: Vec<(&str, &[u8])> = snapshot.families[0].samples[0]
        .series
        .labels
        .iter()
        .map(|label| (&*label.name, &*label.value))
        .collect();
    assert_eq!(labels, [("z", &b"\\\n\""[..]), ("_b", b"\xff\t\0\r{}"), ("le", b"1.50")]);
}

#[test]
fn help_keeps_its_blanks_and_unknown_escapes() {
    for (line, in_text, in_openmetrics) in [
        ("# HELP a  two blanks ", " two blanks ", " two blanks "),
        ("# HELP a ", "", ""),
        (r#"# HELP a \\ \n \" \x \"#, "\\ \n \\\" \\x \\", "\\ \n \" \\x \\"),
        (r"# HELP a \\n", r"\n", r"\n"),
    ] {
        assert_eq!(*text(&format!("{line}\n")).families[0].help, *in_text, "{line}");
        assert_eq!(*openmetrics(&format!("{line}\n# EOF\n")).families[0].help, *in_openmetrics, "{line}");
    }
    let invalid = parse(Syntax::Text0, b"# HELP a \xff\n").unwrap();
    assert_eq!(*invalid.families[0].help, *"\u{fffd}");
    assert_eq!(*text("# HELP a\n").families[0].help, *"");
}

#[test]
fn times_are_milliseconds_in_text_and_seconds_in_openmetrics() {
    let in_text = text("a 1 1520872607123\nb 1 -1500\nc 1 0\n");
    let times: Vec<_> = in_text.families.iter().map(|family| family.samples[0].timestamp).collect();
    assert_eq!(times, [Some(1520872607.123), Some(-1.5), Some(0.0)]);
    let in_openmetrics = openmetrics("a 1 1520872607.123\nb 1 -1\nc 1\n# EOF\n");
    let times: Vec<_> = in_openmetrics.families.iter().map(|family| family.samples[0].timestamp).collect();
    assert_eq!(times, [Some(1520872607.123), Some(-1.0), None]);
}

#[test]
fn quoted_names_are_read_in_every_syntax() {
    let page = "# HELP \"a b\" Help.\n# TYPE \"a b\" gauge\n{\"a b\",\"l.x\"=\"1\",y=\"2\"} 1\n{\"a b\"} 2\n";
    for snapshot in [text(page), openmetrics(&format!("{page}# EOF\n"))] {
        assert_eq!(outline(&snapshot), ["a b gauge: a b=1 a b=2"]);
        assert_eq!(*snapshot.families[0].help, *"Help.");
        assert_eq!(snapshot.families[0].samples[0].series.label("l.x"), Some(&b"1"[..]));
    }
}

#[test]
fn openmetrics_families_of_every_kind() {
    let page = "# HELP c Help.\n# TYPE c counter\nc_total 1\nc_created 2\n\
                # TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 1\nh_sum 2\nh_created 3\n\
                # TYPE s summary\ns{quantile=\"0.5\"} 1\ns_count 1\ns_sum 2\ns_created 3\n\
                # TYPE i info\ni_info{v=\"1\"} 1\n\
                # TYPE e stateset\ne{e=\"on\"} 1\n\
                # TYPE g gaugehistogram\ng_bucket{le=\"1.0\"} 1\ng_gcount 1\ng_gsum 2\n\
                # TYPE t_seconds gauge\n# UNIT t_seconds seconds\nt_seconds 1\n\
                # TYPE u unknown\nu 1\nbare 2\nother_total 3\n# EOF\n";
    let snapshot = openmetrics(page);
    assert_eq!(
        outline(&snapshot),
        [
            "c counter: c_total=1 c_created=2",
            "h histogram: h_bucket=1 h_count=1 h_sum=2 h_created=3",
            "s summary: s=1 s_count=1 s_sum=2 s_created=3",
            "i info: i_info=1",
            "e stateset: e=1",
            "g gaugehistogram: g_bucket=1 g_gcount=1 g_gsum=2",
            "t_seconds gauge: t_seconds=1",
            "u unknown: u=1",
            "bare unknown: bare=2",
            "other_total unknown: other_total=3",
        ],
    );
    assert_eq!(snapshot.families[6].unit.as_deref(), Some("seconds"));
}

#[test]
fn openmetrics_exemplars_stand_behind_counters_and_buckets() {
    let page = "# TYPE c counter\nc_total 1 # {trace=\"a b # {c}\"} 0.5 12.5\n\
                # TYPE h histogram\nh_bucket{le=\"+Inf\"} 1 9.0 # {} 2\n# EOF\n";
    let snapshot = openmetrics(page);
    let exemplar = snapshot.families[0].samples[0].exemplar.as_deref().unwrap();
    assert_eq!((exemplar.value, exemplar.timestamp), (0.5, Some(12.5)));
    assert_eq!(*exemplar.labels[0].value, *b"a b # {c}");
    let sample = &snapshot.families[1].samples[0];
    assert_eq!(sample.timestamp, Some(9.0));
    assert_eq!(sample.exemplar.as_deref().map(|exemplar| exemplar.labels.len()), Some(0));
}

#[test]
fn openmetrics_errors_name_the_line_and_the_reason() {
    let long = format!("# TYPE c counter\nc_total 1 # {{id=\"{}\"}} 1\n", "é".repeat(127));
    for (page, expected) in [
        ("", "line 1: the page ends without # EOF"),
        ("a 1\n", "line 1: the page ends without # EOF"),
        ("a 1\n# EOF\n\n", "line 3: a line behind # EOF"),
        ("a 1\n# EOF\na 2", "line 3: a line behind # EOF"),
        ("a 1", "line 1: the page ends before the line does"),
        ("\n# EOF\n", "line 1: OpenMetrics has no empty lines"),
        ("a  1\n", "line 1: expected a number, found \" 1\""),
        ("a\t1\n", "line 1: expected a blank, found \"\\t1\""),
        ("a{x=\"1\"}1\n", "line 1: expected a blank, found \"1\""),
        ("a{x=\"1\",} 1\n", "line 1: a comma before '}'"),
        ("a{x=\"1\", y=\"2\"} 1\n", "line 1: expected a label name, found \" y=\\\"2\\\"} 1\""),
        ("a {x=\"1\"} 1\n", "line 1: expected a number, found \"{x=\\\"1\\\"}\""),
        (" a 1\n", "line 1: expected a metric name, found \" a 1\""),
        ("a 1 \n", "line 1: expected a time in seconds, found \"\""),
        ("a 1 NaN\n", "line 1: expected a time in seconds, found \"NaN\""),
        ("a 1 2 3\n", "line 1: expected '#', found \"3\""),
        ("a 1 2 \n", "line 1: expected '#', found the end of the line"),
        ("# comment\n", "line 1: expected HELP, TYPE, UNIT or EOF, found \"comment\""),
        ("#TYPE a gauge\n", "line 1: expected a blank, found \"TYPE a gauge\""),
        ("# HELP a\n", "line 1: expected a blank, found the end of the line"),
        ("# TYPE a untyped\n", "line 1: OpenMetrics has no type \"untyped\""),
        ("# TYPE a GAUGE\n", "line 1: OpenMetrics has no type \"GAUGE\""),
        ("# TYPE a gauge \n", "line 1: OpenMetrics has no type \"gauge \""),
        ("# UNIT a seconds\n", "line 1: a does not end in the unit \"seconds\""),
        ("# UNIT a_s s\n# TYPE a_s info\na 1\n", "line 3: a_s of line 1 has a unit, which no info has"),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: a second TYPE line for a"),
        ("# HELP a b\n# HELP a b\n", "line 2: a second HELP line for a"),
        ("# UNIT a_s s\n# UNIT a_s s\n", "line 2: a second UNIT line for a_s"),
        ("# TYPE a gauge\na 1\n# HELP a b\n", "line 3: a comment on a behind its samples"),
        ("a 1\nb 1\na 1\n", "line 3: the name a belongs to a family before"),
        (
            "# TYPE a counter\na_total 1\n# TYPE a_total gauge\n",
            "line 3: the name a_total belongs to a family before",
        ),
        (
            "a_total 1\n# TYPE a counter\nb 1\n",
            "line 3: the name a_total belongs to a of line 2 and to one before",
        ),
        (
            "a_total 1\n# TYPE a counter\n# EOF\n",
            "line 3: the name a_total belongs to a of line 2 and to one before",
        ),
        // Python's says that the names clash, too.
        ("# TYPE a counter\na 1\n# EOF\n", "line 2: the name a belongs to a family before"),
        ("# TYPE a histogram\na 1\n# EOF\n", "line 2: the name a belongs to a family before"),
        ("# TYPE a counter\na_total 1\na 1\n", "line 3: the name a belongs to a family before"),
        ("# TYPE h histogram\nh_bucket 1\n", "line 2: a sample of h without the label le"),
        ("# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", "line 2: the label le has no number, but \"x\""),
        ("# TYPE h histogram\nh_bucket{le=\"NaN\"} 1\n", "line 2: the label le has no number, but \"NaN\""),
        ("# TYPE s summary\ns 1\n", "line 2: a sample of s without the label quantile"),
        ("# TYPE e stateset\ne{x=\"1\"} 1\n", "line 2: a sample of e without the label e"),
        ("a 1 # {} 1\n", "line 1: a can have no exemplar, only counters and buckets can"),
        (
            "# TYPE c counter\nc_created 1 # {} 1\n",
            "line 2: c_created can have no exemplar, only counters and buckets can",
        ),
        ("# TYPE c counter\nc_total 1 #{} 1\n", "line 2: expected a blank, found \"{} 1\""),
        ("# TYPE c counter\nc_total 1 # {}\n", "line 2: expected a blank, found the end of the line"),
        ("# TYPE c counter\nc_total 1 # {\"a\"} 1\n", "line 2: a metric name in the braces of an exemplar"),
        ("# TYPE c counter\nc_total 1 # {} 1 2 3\n", "line 2: expected the end of the line, found \" 3\""),
        (&long, "line 2: the labels of an exemplar have more than 128 characters"),
    ] {
        assert_eq!(error(Syntax::OpenMetrics1, page), expected, "{page:?}");
    }
}

#[test]
fn the_end_of_an_openmetrics_page_needs_no_line_feed() {
    assert_eq!(outline(&openmetrics("a 1\n# EOF")), ["a unknown: a=1"]);
}

#[test]
fn a_reason_is_short_however_long_the_names() {
    let name = "é".repeat(10_000);
    let why = error(Syntax::Text0, format!("# TYPE \"{name}\" gauge\n# TYPE \"{name}\" gauge\n"));
    assert_eq!(why, format!("line 2: a second TYPE line for {}...", "é".repeat(300 - 23)));
}

#[test]
fn an_excerpt_of_a_long_line_is_short() {
    assert_eq!(excerpt(b"a\xff"), "\"a\u{fffd}\"");
    assert_eq!(excerpt(&[b'x'; 61]), format!("\"{}\"...", "x".repeat(60)));
}
