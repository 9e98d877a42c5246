use crate::Syntax;
use crate::read::tests::shown;

fn check(table: &[(&str, &str)]) {
    for (page, expected) in table {
        let shown = shown(Syntax::OpenMetrics, page.as_bytes()).unwrap_or_else(|error| error);
        assert_eq!(shown, *expected, "{page}");
    }
}

#[test]
fn families_have_the_names_that_they_have_on_a_text_page() {
    check(&[
        (
            "# HELP a_seconds All of it.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
             a_seconds_created{x=\"1\"} 5.5\na_seconds_total{x=\"1\"} 17 # {id=\"7\"} 0.5 9.25\n# EOF\n",
            "a_seconds_total:counter[All of it.|seconds] {x=\"1\"}=17#[(\"id\", \"7\")]:0.5@Some(9.25) since 5.5",
        ),
        ("# TYPE a info\na_info{v=\"1\",job=\"x\"} 1\n# EOF\n", "a_info:info {v=\"1\"}=1"),
        ("# TYPE a stateset\na{a=\"on\"} 1\na{a=\"off\"} 0\n# EOF", "a:stateset {a=\"on\"}=1 {a=\"off\"}=0"),
        ("# TYPE a unknown\na NaN\nb_total 1\n# EOF\n", "a:unknown {}=NaN; b_total:unknown {}=1"),
        ("# TYPE a gauge\na 1 5.5\n# TYPE b counter\n# EOF\n", "a:gauge {}=1 with times"),
        ("# EOF\n", ""),
    ]);
}

#[test]
fn histograms_and_summaries_are_put_together() {
    check(&[
        (
            "# TYPE h histogram\nh_bucket{le=\"1.0\",x=\"1\"} 2 # {} 0.5\nh_bucket{le=\"+Inf\",x=\"1\"} 3\n\
             h_count{x=\"1\"} 3\nh_sum{x=\"1\"} 4.5\nh_created{x=\"1\"} 9\nh_bucket{le=\"+Inf\",x=\"2\"} 1\n# EOF\n",
            "h:histogram {x=\"1\"}=n3 s4.5 1:2#[]:0.5@None inf:3 since 9 {x=\"2\"}=n0 s0 inf:1",
        ),
        (
            "# TYPE s summary\ns{quantile=\"0.5\"} 2\ns_count 3\ns_sum 4.5\ns_created 9\n# EOF\n",
            "s:summary {}=n3 s4.5 0.5:2 since 9",
        ),
        ("# TYPE h histogram\nh_created 9\n# EOF\n", ""),
    ]);
}

#[test]
fn a_series_twice_stays_twice() {
    check(&[("# TYPE a gauge\na 1\na 2\n# EOF\n", "a:gauge {}=1 {}=2")]);
}

#[test]
fn what_a_gateway_cannot_show_is_refused() {
    check(&[
        (
            "# TYPE a gaugehistogram\na_bucket{le=\"+Inf\"} 1\na_gcount 1\na_gsum 1\n# EOF\n",
            "OpenMetrics family \"a\" is a gaugehistogram, which a gateway has no page for",
        ),
        (
            "# TYPE \"a.b\" gauge\n{\"a.b\"} 1\n# EOF\n",
            "OpenMetrics family \"a.b\" has a name that is not [a-zA-Z_:][a-zA-Z0-9_:]*",
        ),
    ]);
    let page = b"# TYPE a gauge\na{x=\"\xff\"} 1\n# EOF\n";
    assert_eq!(
        shown(Syntax::OpenMetrics, page),
        Err("OpenMetrics label \"x\" has a value that is not UTF-8: \"\\xff\"".to_owned()),
    );
}

#[test]
fn what_is_no_openmetrics_is_read_as_the_official_gateway_reads_it() {
    check(&[
        ("# TYPE a counter\na 1\n", "a:counter {}=1"),
        (
            "# TYPE foo counter\n# UNIT foo seconds\nfoo_total 17.0\nfoo_created 1520872607.123\n# EOF\n",
            "foo_total:unknown {}=17; foo_created:unknown {}=1520872607.123",
        ),
        (
            "# TYPE a gauge\na x\n# EOF\n",
            "OpenMetrics parsing error in line 2: expected a number, found \"x\"",
        ),
        (
            "# TYPE a counter\na_total 1 # {} 1\n",
            "OpenMetrics parsing error in line 2: the page ends without # EOF",
        ),
    ]);
}
