//! What Pushgateway 1.5.1 answered to these pages, asked one by one; where ours differs it is said.

use crate::Syntax;
use crate::read::tests::shown;

fn check(table: &[(&[u8], &str)]) {
    for (page, expected) in table {
        let shown = shown(Syntax::Text, page).unwrap_or_else(|error| {
            error.strip_prefix("text format parsing error in line ").unwrap_or(&error).to_owned()
        });
        assert_eq!(shown, *expected, "{}", page.escape_ascii());
    }
}

#[test]
fn blanks_are_free_where_they_part_something() {
    check(&[
        (b"", ""),
        (b"   ", ""),
        (b"\n \t\n", ""),
        (b"a 1\n  ", "a:unknown {}=1"),
        (b" \ta\t1\n", "a:unknown {}=1"),
        (b"a{x=\"1\"}1\n", "a:unknown {x=\"1\"}=1"),
        (b"a-1\n", "a:unknown {}=-1"),
        (b"a.5\n", "a:unknown {}=0.5"),
        (b"a{ } 1\n", "a:unknown {}=1"),
        (b"a { x =\t\"1\" , y = \"2\", } 1\n", "a:unknown {x=\"1\",y=\"2\"}=1"),
        (b"a 1 \n", "1: expected integer as timestamp, got \"\""),
        (b"a 1\r\n", "1: expected float as value, got \"1\\r\""),
        (b"\r\n", "1: invalid metric name"),
        (b"a 1\x0b2\n", "1: expected float as value, got \"1\\v2\""),
    ]);
}

#[test]
fn every_line_has_an_end() {
    let end = "unexpected end of input stream";
    for page in [
        "a",
        "a ",
        "a 1",
        "a{",
        "a{x",
        "a{x=",
        "a{x=\"",
        "a{x=\"\\",
        "a{x=\"1\"",
        "a{x=\"1\"}",
        "a 1 ",
        "a 1 5",
    ] {
        check(&[(page.as_bytes(), &format!("1: {end}"))]);
    }
    for page in ["#", "# ", "# x", "# HELP", "# HELP a", "# HELP a ", "# HELP a x", "# TYPE a gauge", "# EOF"]
    {
        check(&[(format!("b 1\n{page}").as_bytes(), &format!("2: {end}"))]);
    }
}

#[test]
fn comments_say_something_or_nothing() {
    check(&[
        (b"#\n# \n#x\n# EOF\n# UNIT a b\n# HELP\n# HELP \n# TYPE\n# TYPE a\na 1\n", "a:unknown {}=1"),
        (b"#TYPE a gauge\n#\tHELP\ta\t x y \na 1\n", "a:gauge[x y |] {}=1"),
        (b"# TYPE a CounTer\na 1\n", "a:counter {}=1"),
        (b"# TYPE a ga\\uge\na 1\n", "a:gauge {}=1"),
        (b"# TYPE a  \n# TYPE a gauge\na 1\n", "a:gauge {}=1"),
        (b"# HELP a \n# HELP a y\na 1\n", "a:unknown[y|] {}=1"),
        (b"a 1\n# HELP a # late\n", "a:unknown[# late|] {}=1"),
        (b"# HELP a \\\\n\\n\"\na 1\n", "a:unknown[\\n\n\"|] {}=1"),
        (b"# HELP a b\n# TYPE c gauge\n", ""),
        (b"# \xff\n# HELP a \xff\na 1\n", "a:unknown[\u{fffd}|] {}=1"),
        (b"# TYPE -x y\n", "1: invalid metric name in comment"),
        (b"# TYPE a- y\n", "1: invalid metric name in comment"),
        (b"# TYPE a gauge \n", "1: unknown metric type \"gauge \""),
        (b"# TYPE a unknown\n", "1: unknown metric type \"unknown\""),
        (b"# TYPE a info\n", "1: unknown metric type \"info\""),
        (b"# TYPE a gaugehistogram\n", "1: unknown metric type \"gaugehistogram\""),
        // 1.5.1 takes it, and its page then ends there.
        (b"# TYPE a gauge_histogram\n", "1: unknown metric type \"gauge_histogram\""),
        (
            b"# TYPE a \x01\x7f\xe2\x80\x8b\xf0\x9f\x98\x8a\xee\x80\x80\n",
            "1: unknown metric type \"\\x01\\x7f\\u200b😊\\ue000\"",
        ),
        (b"# HELP a x\n# HELP a x\n", "2: second HELP line for metric name \"a\""),
        (
            b"# TYPE a gauge\n# TYPE a gauge\n",
            "2: second TYPE line for metric name \"a\", or TYPE reported after samples",
        ),
        (
            b"a 1\n# TYPE a gauge\n",
            "2: second TYPE line for metric name \"a\", or TYPE reported after samples",
        ),
        (b"# HELP a x\\\"\n", "1: invalid escape sequence '\\\"'"),
        (b"# HELP a x\\\xe9\n", "1: invalid escape sequence '\\é'"),
        (b"# HELP a x\\\na 1\n", "1: invalid escape sequence '\\\n'"),
    ]);
}

#[test]
fn names_and_labels_are_what_prometheus_takes() {
    check(&[
        (b":a:B_9 1\n", ":a:B_9:unknown {}=1"),
        (b"a{x=\"\"} 1\n", "a:unknown {x=\"\"}=1"),
        (b"a{z=\"1\",_y=\"2\"} 1\n", "a:unknown {_y=\"2\",z=\"1\"}=1"),
        (b"a{x=\"\\\\\\\"\\n\"} 1\n", "a:unknown {x=\"\\\\\\\"\\n\"}=1"),
        ("a{x=\"h\u{e9} \u{1f60a}\0\"} 1\n".as_bytes(), "a:unknown {x=\"h\u{e9} \u{1f60a}\\0\"}=1"),
        (b"a{__x=\"1\"} 1\n", "a:unknown {__x=\"1\"}=1"),
        (b"1a 1\n", "1: invalid metric name"),
        (b"{\"a\"} 1\n", "1: invalid metric name"),
        (b"\xef\xbb\xbfa 1\n", "1: invalid metric name"),
        (b"a 1\n\xff", "2: invalid metric name"),
        (b"a-b 1\n", "1: expected float as value, got \"-b\""),
        (b"a{,} 1\n", "1: invalid label name for metric \"a\""),
        (b"a{x=\"1\",,} 1\n", "1: invalid label name for metric \"a\""),
        (b"a{\"x\"=\"1\"} 1\n", "1: invalid label name for metric \"a\""),
        (b"a{\n", "1: invalid label name for metric \"a\""),
        (b"a{x:y=\"1\"} 1\n", "1: expected '=' after label name, found ':'"),
        (b"a{x\n", "1: expected '=' after label name, found '\\n'"),
        (b"a{__name__} 1\n", "1: label name \"__name__\" is reserved"),
        (b"a{x=\"1\",x} 1\n", "1: expected '=' after label name, found '}'"),
        (b"a{x=\"1\",x=1} 1\n", "1: duplicate label names for metric \"a\""),
        (b"a{x='1'} 1\n", "1: expected '\"' at start of label value, found '\\''"),
        (b"a{x=\xe9} 1\n", "1: expected '\"' at start of label value, found 'é'"),
        (b"a{x=\xad} 1\n", "1: expected '\"' at start of label value, found '\\u00ad'"),
        (b"a{x=\"\\q\"} 1\n", "1: invalid escape sequence '\\q'"),
        (b"a{x=\"1\n\"} 1\n", "1: label value \"1\" contains unescaped new-line"),
        (b"a{x=\"\xff\"} 1\n", "1: invalid label value \"\\xff\""),
        (b"a{x=\"\\n\xff\"} 1\n", "1: invalid label value \"\\n\\xff\""),
        (b"a{x=\"1\" y=\"2\"} 1\n", "1: unexpected end of label value \"1\""),
        (b"a{x=\"1\"}} 1\n", "1: expected float as value, got \"}\""),
    ]);
}

#[test]
fn a_value_is_a_number_and_a_time_an_integer() {
    check(&[
        (b"a nan\nb -Infinity\nc 1e-400\n", "a:unknown {}=NaN; b:unknown {}=-inf; c:unknown {}=0"),
        (b"a\n", "1: expected float as value, got \"\""),
        (b"a{}\n", "1: expected float as value, got \"\""),
        (b"a 1e400\n", "1: expected float as value, got \"1e400\""),
        (b"a 0x1p4\n", "1: expected float as value, got \"0x1p4\""),
        (b"a \xc3\xa9\xcc\x81\xc2\xa0\xff\n", "1: expected float as value, got \"é\u{301}\\u00a0\\xff\""),
        (b"a 1 -5\n", "a:unknown {}=1 with times"),
        (b"a 1\t +0\nb 1\n", "a:unknown {}=1; b:unknown {}=1 with times"),
        (b"a 1 9223372036854775808\n", "1: expected integer as timestamp, got \"9223372036854775808\""),
        (b"a 1 1_0\n", "1: expected integer as timestamp, got \"1_0\""),
        (b"a 1 # {} 1\n", "1: expected integer as timestamp, got \"#\""),
        (b"a 1 1 \n", "1: spurious string after timestamp: \" \""),
        (b"a 1 1\t2\\\n", "1: spurious string after timestamp: \"\\t2\""),
    ]);
}

#[test]
fn lines_of_a_histogram_are_put_together_by_their_labels() {
    check(&[
        (
            b"# TYPE h histogram\nh_bucket{le=\"1\",x=\"1\"} 2\nh_bucket{x=\"1\",le=\"+Inf\"} 3\nh_sum{x=\"1\"} 4\n\
              h_count 5\nh_count{x=\"1\"} 6\n",
            "h:histogram {x=\"1\"}=n6 s4 1:2 inf:3 {}=n5 s0",
        ),
        (b"# TYPE h histogram\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 2.9\nh_bucket{le=\"1\"} 3\n", "h:histogram {}=n0 s0 2:1 1:2 1:3"),
        (b"# TYPE h histogram\nh 5\n", "h:histogram {}=n0 s0"),
        (b"# TYPE h histogram\nh{le=\"1\"} 5\n", "h:histogram {}=n0 s0 1:5"),
        (b"# TYPE h histogram\nh_bucket 5\nh_bucket{le=\"NaN\"} 5\n", "h:histogram {}=n0 s0"),
        (b"# TYPE h histogram\nh_count{le=\"1\"} 5\nh_count 1.5\nh_sum NaN\n", "h:histogram {}=n1 sNaN"),
        (b"# TYPE h histogram\nh_bucket{le=\"1\",le=\"2\"} 5\n", "h:histogram {}=n0 s0 2:5"),
        (b"# TYPE h histogram\nh_bucket{le=\"\"} 5\n", "2: expected float as value for 'le' label, got \"\""),
        (b"# TYPE h histogram\nh_bucket{le=\"x\" 5\n", "2: expected float as value for 'le' label, got \"x\""),
        (
            b"# TYPE h histogram\n# HELP h_count of h\n# TYPE h_count gauge\n",
            "3: second TYPE line for metric name \"h\", or TYPE reported after samples",
        ),
        (b"h_count 1\n# TYPE h histogram\nh_sum 3\n", "h_count:unknown {}=1; h:histogram {}=n0 s3"),
        (b"# HELP h_count x\n# TYPE h histogram\nh_count 1\n", "h_count:unknown[x|] {}=1"),
        (
            b"# TYPE x_count histogram\nx_count_count 3\nx_count{le=\"1\"} 1\n",
            "x_count:histogram {}=n3 s0 1:1",
        ),
        (b"# TYPE h histogram\nh_count_count 3\n", "h_count_count:unknown {}=3"),
        // Two labels that the group overwrites make two metrics, which then are one series twice.
        (b"# TYPE h histogram\nh_count{job=\"1\"} 1\nh_sum{job=\"2\"} 1\n", "h:histogram {}=n1 s0 {}=n0 s1"),
    ]);
}

#[test]
fn lines_of_a_summary_are_put_together_by_their_labels() {
    check(&[
        (
            b"# TYPE s summary\ns{quantile=\"0.90\"} 2\ns{quantile=\"0.5\"} NaN\ns_sum 3\ns_count 4\n",
            "s:summary {}=n4 s3 0.9:2 0.5:NaN",
        ),
        (b"# TYPE s summary\ns{quantile=\"NaN\"} 5\n", "s:summary {}=n0 s0"),
        (b"# TYPE s summary\ns{le=\"3\"} 5\n", "s:summary {le=\"3\"}=n0 s0"),
        (b"# TYPE s summary\ns_bucket{le=\"3\"} 5\n", "s_bucket:unknown {le=\"3\"}=5"),
        (b"# TYPE s summary\ns_count{quantile=\"0.1\"} 5\n", "s:summary {}=n5 s0"),
        (
            b"# TYPE s summary\ns{quantile=\"x\"} 5\n",
            "2: expected float as value for 'quantile' label, got \"x\"",
        ),
    ]);
}

#[test]
fn families_may_interleave() {
    check(&[
        (
            b"# TYPE a gauge\na{x=\"1\"} 1\nb 2\na{x=\"2\"} 2\n# TYPE h histogram\nh_sum 1\nb 3\nh_count 1\n",
            "a:gauge {x=\"1\"}=1 {x=\"2\"}=2; b:unknown {}=2 {}=3; h:histogram {}=n1 s1",
        ),
        (
            b"# TYPE a counter\n# TYPE a_count counter\na 1\na_count 1\n",
            "a:counter {}=1; a_count:counter {}=1",
        ),
    ]);
}
