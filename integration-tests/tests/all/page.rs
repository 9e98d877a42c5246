//! Pages compared: what two of them say, in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use exposition::Syntax;

/// The families of a page: what stands before the samples, and the samples.
pub(crate) type Families = BTreeMap<String, BTreeSet<String>>;

/// The families of a page by its text alone: `# HELP` and `# TYPE` lines, and the lines behind them.
pub(crate) fn as_written(page: &[u8]) -> Families {
    let page = std::str::from_utf8(page).expect("the page is UTF-8");
    let mut families = Families::new();
    let mut head = String::new();
    for line in page.lines() {
        if line.starts_with("# HELP ") {
            head = line.to_owned();
        } else if line.starts_with("# TYPE ") {
            head = format!("{head}\n{line}");
            let twice = families.insert(head.clone(), BTreeSet::new());
            assert!(twice.is_none(), "the page has a family twice: {head}");
        } else {
            let family = families.get_mut(&head).unwrap_or_else(|| panic!("no # TYPE before {line}"));
            assert!(family.insert(line.to_owned()), "the page has a line twice: {line}");
        }
    }
    families
}

/// The families of a page by their meaning: numbers printed, labels ordered and escaped in other ways are equal.
pub(crate) fn as_meant(page: &[u8]) -> Families {
    let snapshot = exposition::parse(Syntax::Text0, page)
        .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(page)));
    let mut families = Families::new();
    for family in snapshot.families {
        let samples = family.samples.iter().map(|sample| {
            let mut labels: Vec<_> =
                sample.series.labels.iter().map(|label| (label.name.clone(), value(label))).collect();
            labels.sort();
            format!("{} {labels:?} {:?}", sample.series.name, sample.value)
        });
        families.insert(format!("{} {:?} {:?}", family.name, family.kind, family.help), samples.collect());
    }
    families
}

/// A label's value; the bound of a bucket by its number, as clients differ in `1` and `1.0`.
fn value(label: &metrics_core::Label) -> String {
    let text = label.value_text();
    match text.parse::<f64>() {
        Ok(bound) if &*label.name == "le" => format!("{bound:?}"),
        _ => text.into_owned(),
    }
}

/// The sum of all series of one name.
pub(crate) fn sum(page: &[u8], name: &str) -> f64 {
    let page = std::str::from_utf8(page).expect("the page is UTF-8");
    page.lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .map(|line| {
            line.rsplit(' ')
                .next()
                .and_then(|value| value.parse::<f64>().ok())
                .expect("a line ends in a number")
        })
        .sum()
}

/// Fails with the lines that only one of the pages has, and when there is nothing to compare.
pub(crate) fn assert_equal(left: (&str, &Families), right: (&str, &Families)) {
    let differences = differences(left, right);
    assert!(differences.is_empty(), "the pages differ:\n{}", differences.join("\n"));
    assert!(
        left.1.values().any(|samples| !samples.is_empty()),
        "the pages of {} and {} are empty",
        left.0,
        right.0
    );
}

fn differences(left: (&str, &Families), right: (&str, &Families)) -> Vec<String> {
    let mut differences = only_in(left, right.1);
    differences.extend(only_in(right, left.1));
    differences
}

fn only_in((name, page): (&str, &Families), other: &Families) -> Vec<String> {
    let nothing = BTreeSet::new();
    let mut lines = Vec::new();
    for (head, samples) in page {
        if !other.contains_key(head) {
            lines.push(format!("only {name}: {head}"));
        }
        let missing = samples.difference(other.get(head).unwrap_or(&nothing));
        lines.extend(missing.map(|sample| format!("only {name}: {sample}")));
    }
    lines
}

#[test]
fn families_lines_and_help_that_one_page_lacks_are_named() {
    let left = as_written(b"# HELP a A.\n# TYPE a gauge\na{x=\"1\"} 1.0\na{x=\"2\"} 2.0\n");
    let right = as_written(
        b"# HELP a A.\n# TYPE a gauge\na{x=\"2\"} 2.0\na{x=\"1\"} 1.5\n# HELP b B.\n# TYPE b gauge\n",
    );
    assert_eq!(
        differences(("left", &left), ("right", &right)),
        [
            "only left: a{x=\"1\"} 1.0",
            "only right: a{x=\"1\"} 1.5",
            "only right: # HELP b B.\n# TYPE b gauge"
        ]
    );
    assert_eq!(differences(("left", &left), ("left", &left)), Vec::<String>::new());
}

#[test]
fn numbers_and_label_order_of_another_client_mean_the_same() {
    let ours = as_meant(b"# TYPE h histogram\nh_bucket{le=\"1.0\",m=\"x\"} 1e+06\n");
    let theirs = as_meant(b"# TYPE h histogram\nh_bucket{m=\"x\",le=\"1\"} 1000000\n");
    assert_eq!(differences(("ours", &ours), ("theirs", &theirs)), Vec::<String>::new());
}
