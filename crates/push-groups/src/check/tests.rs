use super::*;
use crate::{ReadLimits, Syntax, Value, read};

fn key(labels: &[(&str, &str)]) -> GroupKey {
    GroupKey::new([("job", "j")].into_iter().chain(labels.iter().copied())).expect("labels of a group")
}

fn checked(group: &[(&str, &str)], page: &str) -> Result<(), String> {
    let key = key(group);
    let body = read(Syntax::Text, &key, page.as_bytes(), &ReadLimits::default()).expect("a page");
    check(&key, &body.families).map_err(|error| error.to_string())
}

#[test]
fn what_no_page_can_show_is_told_as_the_official_gateway_tells_it() {
    const HEAD: &str =
        r#"collected metric "a" { label:<name:"instance" value:"" > label:<name:"job" value:"j" > "#;
    let twice = format!("{HEAD}}} was collected before with the same name and label values");
    for (group, page, expected) in [
        (&[][..], "a 1\na 1\n", twice.clone()),
        (&[], "a{job=\"1\"} 1\na{job=\"2\"} 1\n", twice.clone()),
        (&[], "a{instance=\"\"} 1\na 1\n", twice.clone()),
        (&[], "# TYPE a histogram\na_count{job=\"1\"} 1\na_sum{job=\"2\"} 1\n", twice),
        (
            &[],
            "a{z=\"\\\"\"} 1\na{z=\"\\\"\"} 2\n",
            format!(
                "{HEAD}label:<name:\"z\" value:\"\\\"\" > }} was collected before with the same name and label values"
            ),
        ),
        (
            &[],
            "a{x__=\"1\",__z=\"1\"} 1\n",
            format!(
                "collected metric \"a\" {{ label:<name:\"__z\" value:\"1\" > {}label:<name:\"x__\" value:\"1\" > }} \
                 has a label with an invalid name: __z",
                &HEAD["collected metric \"a\" { ".len()..],
            ),
        ),
        (
            &[("quantile", "0.1")],
            "# TYPE a summary\na_count 1\n",
            format!(
                "{HEAD}label:<name:\"quantile\" value:\"0.1\" > }} must not have an explicit \"quantile\" label"
            ),
        ),
    ] {
        assert_eq!(checked(group, page), Err(expected), "{page}");
    }
}

#[test]
fn what_can_be_shown_is_fine_whatever_its_values() {
    for (group, page) in [
        (&[][..], "# TYPE a counter\na -1\n"),
        (&[], "# TYPE a counter\na NaN\n"),
        (&[], "a{quantile=\"0.5\",le=\"1\"} 1\na{quantile=\"0.6\",le=\"1\"} 1\n"),
        (&[], "# TYPE a histogram\na_bucket{le=\"1\"} 5\na_bucket{le=\"2\"} 3\na_bucket{le=\"1\"} 4\n"),
        (&[], "# TYPE a summary\na{quantile=\"0.5\"} 1\na{quantile=\"0.5\"} 2\n"),
        (&[], "a{x=\"1\"} 1\na{x=\"\"} 1\na 1\na{y=\"1\"} 1\n"),
        (&[("le", "9")], "# TYPE a histogram\na_bucket{le=\"1\"} 5\n"),
        (&[("instance", "i")], "a{instance=\"\"} 1\n"),
    ] {
        assert_eq!(checked(group, page), Ok(()), "{page}");
    }
}

#[test]
fn a_label_twice_is_told_wherever_the_families_come_from() {
    let labels = vec![("x".into(), "1".into()), ("x".into(), "2".into())];
    let metric = Metric { labels, value: Value::Number { value: 1.0, exemplar: None }, created: None };
    let family = Family {
        name: "a".into(),
        help: "".into(),
        kind: Kind::Gauge,
        unit: "".into(),
        metrics: vec![metric],
    };
    let error = check(&key(&[]), &[family]).expect_err("one label twice");
    assert!(error.0.ends_with("} has two or more labels with the same name: x"), "{error}");
}

#[test]
fn among_many_series_the_one_that_comes_twice_is_found() {
    let line = |at: usize| format!("a{{x=\"{at}\"}} 1\n");
    for count in [2, 7, 8, 9, 50] {
        let page: String = (0..count).map(line).collect();
        assert_eq!(checked(&[], &page), Ok(()), "{count}");
        let again = format!("{page}{}", line(count / 2));
        let error = checked(&[], &again).expect_err("a series twice");
        assert!(error.contains(&format!("value:\"{}\" > }} was collected before", count / 2)), "{error}");
    }
}

#[test]
fn a_message_stays_short_whatever_the_labels() {
    let value = "é".repeat(3000);
    let page: String =
        (0..40).map(|at| format!("a{{x{at}=\"{value}\"}} 1\n")).collect::<String>() + "a{__x=\"1\"} 1\n";
    assert!(checked(&[("long", &value)], &page).expect_err("a bad name").len() < 5000);
}
