use std::sync::Arc;

use metrics_core::{Exemplar, Label, Series};

use super::*;

fn family(kind: Kind, name: &str, samples: Vec<Sample>) -> FamilySnapshot {
    FamilySnapshot { name: name.into(), help: "Help.".into(), unit: None, kind, bare: false, samples }
}

fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Sample {
    let labels: Vec<Label> = labels.iter().map(|(name, value)| Label::new(name, value)).collect();
    Sample::new(Arc::new(Series::new(name, labels)), value)
}

fn page(format: Format, family: &FamilySnapshot) -> String {
    let snapshot = Snapshot { families: vec![family.clone()] };
    let mut first = Vec::new();
    encode(format, &snapshot, &mut first);
    let mut second = Vec::new();
    encode(format, &snapshot, &mut second);
    assert_eq!(first, second, "the second page, with the series' texts at hand, is another one");
    String::from_utf8(first).unwrap()
}

fn text(family: &FamilySnapshot) -> String {
    page(Format::TEXT, family)
}

fn openmetrics(family: &FamilySnapshot) -> String {
    page(Format::OPENMETRICS, family)
}

#[test]
fn nothing_is_an_empty_text_page_and_an_openmetrics_page_of_its_end() {
    let mut out = Vec::new();
    encode(Format::TEXT, &Snapshot::default(), &mut out);
    assert_eq!(out, b"");
    encode(Format::OPENMETRICS, &Snapshot::default(), &mut out);
    assert_eq!(out, b"# EOF\n");
}

#[test]
fn a_page_is_appended() {
    let mut out = b"before\n".to_vec();
    encode(Format::OPENMETRICS, &Snapshot::default(), &mut out);
    assert_eq!(out, b"before\n# EOF\n");
}

#[test]
fn each_kind_has_its_name_and_word_in_both_formats() {
    for (kind, sample_name, in_text, in_openmetrics) in [
        (Kind::Counter, "m_total", "m_total counter", "m counter"),
        (Kind::Gauge, "m", "m gauge", "m gauge"),
        (Kind::Histogram, "m_count", "m histogram", "m histogram"),
        (Kind::Summary, "m_sum", "m summary", "m summary"),
        (Kind::Unknown, "m", "m untyped", "m unknown"),
        (Kind::Info, "m_info", "m_info gauge", "m info"),
        (Kind::StateSet, "m", "m gauge", "m stateset"),
        (Kind::GaugeHistogram, "m_bucket", "m histogram", "m gaugehistogram"),
    ] {
        let family = family(kind, "m", vec![sample(sample_name, &[], 1.0)]);
        let name = in_text.split(' ').next().unwrap();
        assert_eq!(text(&family), format!("# HELP {name} Help.\n# TYPE {in_text}\n{sample_name} 1.0\n"));
        assert_eq!(
            openmetrics(&family),
            format!("# HELP m Help.\n# TYPE {in_openmetrics}\n{sample_name} 1.0\n# EOF\n"),
        );
    }
}

#[test]
fn a_family_without_samples_and_help_still_has_its_comments() {
    let mut family = family(Kind::Counter, "jobs", vec![]);
    family.help = "".into();
    assert_eq!(text(&family), "# HELP jobs_total \n# TYPE jobs_total counter\n");
    assert_eq!(openmetrics(&family), "# HELP jobs \n# TYPE jobs counter\n# EOF\n");
}

#[test]
fn a_counter_that_does_not_end_in_total_keeps_its_name_and_is_unknown_in_openmetrics() {
    let family = family(Kind::Counter, "jobs", vec![sample("jobs", &[("q", "a")], 2.0)]);
    assert_eq!(text(&family), "# HELP jobs Help.\n# TYPE jobs counter\njobs{q=\"a\"} 2.0\n");
    assert_eq!(openmetrics(&family), "# HELP jobs Help.\n# TYPE jobs unknown\njobs{q=\"a\"} 2.0\n# EOF\n");
}

#[test]
fn what_the_text_format_does_not_know_follows_its_family_as_gauges() {
    let counter = family(
        Kind::Counter,
        "jobs",
        vec![
            sample("jobs_total", &[("q", "a")], 2.0),
            sample("jobs_created", &[("q", "a")], 9.5),
            sample("jobs_total", &[("q", "b")], 3.0),
            sample("jobs_created", &[("q", "b")], 8.5),
        ],
    );
    assert_eq!(
        text(&counter),
        "# HELP jobs_total Help.\n# TYPE jobs_total counter\n\
         jobs_total{q=\"a\"} 2.0\njobs_total{q=\"b\"} 3.0\n\
         # HELP jobs_created Help.\n# TYPE jobs_created gauge\n\
         jobs_created{q=\"a\"} 9.5\njobs_created{q=\"b\"} 8.5\n",
    );
    let histogram = family(
        Kind::GaugeHistogram,
        "size",
        vec![
            sample("size_bucket", &[("le", "+Inf")], 4.0),
            sample("size_gsum", &[], 7.0),
            sample("size_gcount", &[], 4.0),
        ],
    );
    assert_eq!(
        text(&histogram),
        "# HELP size Help.\n# TYPE size histogram\nsize_bucket{le=\"+Inf\"} 4.0\n\
         # HELP size_gcount Help.\n# TYPE size_gcount gauge\nsize_gcount 4.0\n\
         # HELP size_gsum Help.\n# TYPE size_gsum gauge\nsize_gsum 7.0\n",
    );
    // In OpenMetrics everything has its place.
    assert_eq!(
        openmetrics(&histogram),
        "# HELP size Help.\n# TYPE size gaugehistogram\n\
         size_bucket{le=\"+Inf\"} 4.0\nsize_gsum 7.0\nsize_gcount 4.0\n# EOF\n",
    );
}

#[test]
fn help_escapes_quotes_in_openmetrics_only() {
    let mut family = family(Kind::Gauge, "g", vec![]);
    family.help = "a\\b\n\"c\"\r".into();
    assert_eq!(text(&family), "# HELP g a\\\\b\\n\"c\"\r\n# TYPE g gauge\n");
    assert_eq!(openmetrics(&family), "# HELP g a\\\\b\\n\\\"c\\\"\r\n# TYPE g gauge\n# EOF\n");
}

#[test]
fn label_values_are_bytes_of_which_three_are_escaped() {
    let value: &[u8] = b"\\ \n \" \t \r \0 \xff";
    let series = Series::new("g", [Label { name: "v".into(), value: value.into() }]);
    let family = family(Kind::Gauge, "g", vec![Sample::new(Arc::new(series), 1.0)]);
    let mut out = Vec::new();
    encode(Format::TEXT, &Snapshot { families: vec![family] }, &mut out);
    assert!(out.ends_with(b"g{v=\"\\\\ \\n \\\" \t \r \0 \xff\"} 1.0\n"));
}

#[test]
fn labels_come_in_the_order_of_the_series() {
    let family = family(Kind::Gauge, "g", vec![sample("g", &[("z", "1"), ("a", "2")], 1.0)]);
    assert!(text(&family).ends_with("g{z=\"1\",a=\"2\"} 1.0\n"));
}

#[test]
fn times_are_milliseconds_in_text_and_seconds_in_openmetrics() {
    for (seconds, in_text, in_openmetrics) in [
        (0.0, "0", "0.0"),
        (1520872607.123, "1520872607123", "1520872607.123"),
        (1.001, "1001", "1.001"),
        (-1.5, "-1500", "-1.5"),
        (1e15, "1000000000000000000", "1000000000000000.0"),
    ] {
        let mut sample = sample("g", &[], 5.0);
        sample.timestamp = Some(seconds);
        let family = family(Kind::Gauge, "g", vec![sample]);
        assert!(text(&family).ends_with(&format!("g 5.0 {in_text}\n")));
        assert!(openmetrics(&family).ends_with(&format!("g 5.0 {in_openmetrics}\n# EOF\n")));
    }
}

#[test]
fn a_time_that_is_not_finite_is_left_out() {
    for seconds in [f64::NAN, f64::INFINITY] {
        let mut sample = sample("g", &[], 5.0);
        sample.timestamp = Some(seconds);
        let family = family(Kind::Gauge, "g", vec![sample]);
        assert!(text(&family).ends_with("\ng 5.0\n"));
        assert!(openmetrics(&family).ends_with("\ng 5.0\n# EOF\n"));
    }
}

#[test]
fn a_unit_is_printed_in_openmetrics_where_the_name_ends_in_it() {
    for (kind, name, unit, printed) in [
        (Kind::Gauge, "age_seconds", "seconds", true),
        (Kind::Gauge, "age_seconds", "ages", false),
        (Kind::Gauge, "ageseconds", "seconds", false),
        (Kind::Gauge, "age_", "", false),
        (Kind::Gauge, "age_a b", "a b", false),
        (Kind::Info, "age_seconds", "seconds", false),
    ] {
        let mut family = family(kind, name, vec![]);
        family.unit = Some(unit.into());
        let page = openmetrics(&family);
        assert_eq!(page.contains(&format!("# UNIT {name} {unit}\n")), printed, "{name} {unit}: {page}");
        assert_eq!(page.contains("# UNIT"), printed);
        assert!(!text(&family).contains("UNIT"));
    }
}

fn with_exemplar(mut sample: Sample, labels: &[(&str, &str)], timestamp: Option<f64>) -> Sample {
    let labels = labels.iter().map(|(name, value)| Label::new(name, value)).collect();
    sample.exemplar = Some(Box::new(Exemplar { labels, value: 0.5, timestamp }));
    sample
}

#[test]
fn counters_and_buckets_have_exemplars_in_openmetrics() {
    let total = with_exemplar(sample("c_total", &[], 1.0), &[("trace", "a\"b")], Some(12.5));
    let counter = family(Kind::Counter, "c", vec![total]);
    assert!(openmetrics(&counter).ends_with("c_total 1.0 # {trace=\"a\\\"b\"} 0.5 12.5\n# EOF\n"));
    assert!(text(&counter).ends_with("c_total 1.0\n"));

    let mut bucket = with_exemplar(sample("h_bucket", &[("le", "+Inf")], 1.0), &[], None);
    bucket.timestamp = Some(3.0);
    let histogram = family(Kind::Histogram, "h", vec![bucket]);
    assert!(openmetrics(&histogram).ends_with("h_bucket{le=\"+Inf\"} 1.0 3.0 # {} 0.5\n# EOF\n"));
}

#[test]
fn exemplars_that_openmetrics_forbids_are_left_out() {
    let long = "é".repeat(127);
    let too_long = with_exemplar(sample("c_total", &[], 1.0), &[("id", &long)], None);
    let just_fits = with_exemplar(sample("c_total", &[], 1.0), &[("i", &long)], None);
    assert!(!openmetrics(&family(Kind::Counter, "c", vec![too_long])).contains("# {"));
    assert!(openmetrics(&family(Kind::Counter, "c", vec![just_fits])).contains("# {"));
    let on_gauge = with_exemplar(sample("g", &[], 1.0), &[], None);
    assert!(openmetrics(&family(Kind::Gauge, "g", vec![on_gauge])).ends_with("g 1.0\n# EOF\n"));
    let on_bare_counter = with_exemplar(sample("c", &[], 1.0), &[], None);
    assert!(openmetrics(&family(Kind::Counter, "c", vec![on_bare_counter])).ends_with("c 1.0\n# EOF\n"));
}

fn utf8_counter() -> FamilySnapshot {
    family(Kind::Counter, "http.requests", vec![sample("http.requests_total", &[("http.code", "200")], 1.0)])
}

/// As `EscapeMetricFamily` and then `MetricFamilyToText` or `MetricFamilyToOpenMetrics` of Prometheus' common
/// library: to it `_total` is part of the name that it escapes, but no part of the OpenMetrics family.
#[test]
fn names_of_counters_agree_under_every_escaping() {
    for (escaping, in_text, in_openmetrics) in [
        (
            Escaping::Underscores,
            "# TYPE http_requests_total counter\nhttp_requests_total{http_code=\"200\"} 1.0\n",
            "# TYPE http_requests counter\nhttp_requests_total{http_code=\"200\"} 1.0\n",
        ),
        (
            Escaping::Dots,
            "# TYPE http_dot_requests__total counter\nhttp_dot_requests__total{http_dot_code=\"200\"} 1.0\n",
            "# TYPE http_dot_requests_ counter\nhttp_dot_requests__total{http_dot_code=\"200\"} 1.0\n",
        ),
        (
            Escaping::Values,
            "# TYPE U__http_2e_requests__total counter\n\
             U__http_2e_requests__total{U__http_2e_code=\"200\"} 1.0\n",
            "# TYPE U__http_2e_requests_ counter\nU__http_2e_requests__total{U__http_2e_code=\"200\"} 1.0\n",
        ),
        (
            Escaping::AllowUtf8,
            "# TYPE \"http.requests_total\" counter\n{\"http.requests_total\",\"http.code\"=\"200\"} 1.0\n",
            "# TYPE \"http.requests\" counter\n{\"http.requests_total\",\"http.code\"=\"200\"} 1.0\n",
        ),
    ] {
        let text = page(Format { syntax: Syntax::Text1, escaping }, &utf8_counter());
        assert_eq!(text.split_once('\n').unwrap().1, in_text);
        let openmetrics = page(Format { syntax: Syntax::OpenMetrics1, escaping }, &utf8_counter());
        assert_eq!(openmetrics.split_once('\n').unwrap().1, format!("{in_openmetrics}# EOF\n"));
    }
}

#[test]
fn names_of_histograms_agree_under_every_escaping() {
    let family = family(Kind::Histogram, "h_1.s", vec![sample("h_1.s_bucket", &[("le", "1.0")], 1.0)]);
    for (escaping, expected) in [
        (Escaping::Underscores, "# TYPE h_1_s histogram\nh_1_s_bucket{le=\"1.0\"} 1.0\n"),
        (Escaping::Dots, "# TYPE h__1_dot_s histogram\nh__1_dot_s_bucket{le=\"1.0\"} 1.0\n"),
        (Escaping::Values, "# TYPE U__h__1_2e_s histogram\nU__h__1_2e_s_bucket{le=\"1.0\"} 1.0\n"),
        (Escaping::AllowUtf8, "# TYPE \"h_1.s\" histogram\n{\"h_1.s_bucket\",le=\"1.0\"} 1.0\n"),
    ] {
        let text = page(Format { syntax: Syntax::Text1, escaping }, &family);
        assert_eq!(text.split_once('\n').unwrap().1, expected);
    }
}

#[test]
fn a_quoted_name_without_labels_stands_alone_in_its_braces() {
    let family = family(Kind::Gauge, "a b", vec![sample("a b", &[], 1.0)]);
    let format = Format { syntax: Syntax::Text1, escaping: Escaping::AllowUtf8 };
    assert_eq!(page(format, &family), "# HELP \"a b\" Help.\n# TYPE \"a b\" gauge\n{\"a b\"} 1.0\n");
}

#[test]
fn text_0_has_no_quoted_names() {
    let format = Format { syntax: Syntax::Text0, escaping: Escaping::AllowUtf8 };
    assert_eq!(page(format, &utf8_counter()), text(&utf8_counter()));
}

/// The text that a series keeps serves all formats, so none may leave its own spelling there.
#[test]
fn one_series_is_printed_in_all_formats_in_turn() {
    let family = family(Kind::Gauge, "a_b", vec![sample("a_b", &[("c_d", "x")], 1.0)]);
    let line = |escaping| {
        let page = page(Format { syntax: Syntax::Text1, escaping }, &family);
        page.lines().last().unwrap().to_owned()
    };
    assert_eq!(line(Escaping::Dots), "a__b{c__d=\"x\"} 1.0");
    assert_eq!(line(Escaping::AllowUtf8), "a_b{c_d=\"x\"} 1.0");
    assert_eq!(line(Escaping::Dots), "a__b{c__d=\"x\"} 1.0");
    assert_eq!(line(Escaping::Values), "a_b{c_d=\"x\"} 1.0");
    assert_eq!(line(Escaping::Underscores), "a_b{c_d=\"x\"} 1.0");
}

#[test]
fn the_text_of_a_series_is_made_once() {
    let sample = sample("g", &[("l", "v")], 1.0);
    let series = sample.series.clone();
    let snapshot = Snapshot { families: vec![family(Kind::Gauge, "g", vec![sample])] };
    let mut out = Vec::new();
    encode(Format::TEXT, &snapshot, &mut out);
    let made = series.rendered.get().expect("the first page makes it");
    assert_eq!(**made, *b"g{l=\"v\"} ");
    let (address, room) = (made.as_ptr(), out.capacity());
    out.clear();
    encode(Format::TEXT, &snapshot, &mut out);
    assert_eq!(series.rendered.get().map(|made| made.as_ptr()), Some(address));
    assert_eq!(out.capacity(), room);
}

#[test]
fn texts_made_one_after_the_other_are_those_made_alone() {
    let names: [Arc<str>; 3] = ["a_total".into(), "b_bucket".into(), "not.legacy".into()];
    let label_names: [Arc<str>; 3] = ["le".into(), "path".into(), "also-not".into()];
    let values: [Arc<[u8]>; 4] =
        [b"".as_slice().into(), b"0.5".as_slice().into(), b"a\"\\".as_slice().into(), (*b"/").into()];
    let mut next = 1;
    let mut any = |below: usize| {
        next = next * 48_271 % 0x7fff_ffff;
        next % below
    };
    let mut all: Vec<Series> = Vec::new();
    for _ in 0..5_000 {
        // Mostly like the last one, but for one value.
        let mut labels = all.last().map_or(Vec::new(), |last| last.labels.to_vec());
        let mut name = all.last().map_or(names[0].clone(), |last| last.name.clone());
        match any(12) {
            0 => name = names[any(3)].clone(),
            1 => labels.truncate(any(4)),
            2 | 3 if labels.len() < 4 => {
                labels.push(Label { name: label_names[any(3)].clone(), value: values[any(4)].clone() });
            }
            4 if !labels.is_empty() => {
                let at = any(labels.len());
                labels[at].name = label_names[any(3)].clone();
            }
            _ if !labels.is_empty() => {
                let at = any(labels.len());
                labels[at].value = values[any(4)].clone();
            }
            _ => {}
        }
        all.push(Series::new(name, labels));
    }
    prepare(&all);
    for series in all {
        let alone = Series::new(series.name.clone(), series.labels.clone());
        prepare([&alone]);
        assert_eq!(series.rendered.get(), alone.rendered.get());
    }
}
