use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{Bucket, Held, Version};

fn number(value: f64) -> Value {
    Value::Number { value, exemplar: None }
}

fn family(name: &str, help: &str, kind: Kind, metrics: Vec<(&[(&str, &str)], Value)>) -> Family {
    let metrics = metrics.into_iter().map(|(labels, value)| {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Metric { labels, value, created: None }
    });
    Family { name: name.into(), help: help.into(), unit: "".into(), kind, metrics: metrics.collect() }
}

fn key(labels: &[(&str, &str)]) -> GroupKey {
    GroupKey::new(labels.iter().copied()).expect("a good key")
}

fn entry(born: u64, families: Vec<Family>) -> Arc<Entry> {
    let families = families.into_iter().map(|family| Held { family, time: 0 }).collect();
    Arc::new(Entry {
        version: Version(1),
        born,
        seq: born,
        pushed: 1_795_221_297_956_819_000,
        failed: 0,
        expires: None,
        content: Content { checked: true, families }.encode().into(),
    })
}

fn text(page: &mut Page, own: &[Family]) -> String {
    let bytes: Vec<u8> = page.print(own).iter().flat_map(|piece| piece.bytes.to_vec()).collect();
    String::from_utf8(bytes).expect("a page is text")
}

/// Without the push times.
fn pushed(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.contains("push_time_seconds") && !line.contains("push_failure"))
        .collect()
}

#[test]
fn a_page_is_as_the_official_gateway_prints_it() {
    let mut page = Page::new(PageFormat::Text);
    let buckets =
        vec![Bucket { le: 0.5, count: 1, exemplar: None }, Bucket { le: 1.0, count: 2, exemplar: None }];
    let families = vec![
        family(
            "m",
            "",
            Kind::Unknown,
            vec![(&[("b", "2")], number(1e6)), (&[("b", "1")], number(-0.0)), (&[], number(4.0))],
        ),
        family(
            "h",
            "A \\ and a\nline.",
            Kind::Histogram,
            vec![(&[], Value::Histogram { count: 3, sum: 2.5, buckets })],
        ),
        family(
            "s",
            "",
            Kind::Summary,
            vec![(&[], Value::Summary { count: 4, sum: 3.0, quantiles: vec![(0.9, f64::NAN)] })],
        ),
        family("c_total", "Of \"c\".", Kind::Counter, vec![(&[("q", "a\"b\\c\nd")], number(1.5))]),
    ];
    page.update([(&key(&[("job", "j")]), Some(&entry(1, families)))]);
    assert_eq!(
        text(&mut page, &[]),
        r#"# HELP c_total Of "c".
# TYPE c_total counter
c_total{instance="",job="j",q="a\"b\\c\nd"} 1.5
# HELP h A \\ and a\nline.
# TYPE h histogram
h_bucket{instance="",job="j",le="0.5"} 1
h_bucket{instance="",job="j",le="1"} 2
h_bucket{instance="",job="j",le="+Inf"} 3
h_sum{instance="",job="j"} 2.5
h_count{instance="",job="j"} 3
# TYPE m untyped
m{instance="",job="j"} 4
m{b="1",instance="",job="j"} 0
m{b="2",instance="",job="j"} 1e+06
# HELP push_failure_time_seconds Last Unix time when changing this group in the Pushgateway failed.
# TYPE push_failure_time_seconds gauge
push_failure_time_seconds{instance="",job="j"} 0
# HELP push_time_seconds Last Unix time when changing this group in the Pushgateway succeeded.
# TYPE push_time_seconds gauge
push_time_seconds{instance="",job="j"} 1.795221297956819e+09
# TYPE s summary
s{instance="",job="j",quantile="0.9"} NaN
s_sum{instance="",job="j"} 3
s_count{instance="",job="j"} 4
"#
    );
}

#[test]
fn an_openmetrics_page_is_read_back_as_what_it_says() {
    let mut page = Page::new(PageFormat::OpenMetrics);
    let exemplar =
        crate::Exemplar { labels: vec![("trace".into(), "1".into())], value: 1.0, timestamp: Some(2.5) };
    let mut counter = family("c_total", "C.", Kind::Counter, vec![]);
    counter.metrics.push(Metric {
        labels: vec![],
        value: Value::Number { value: 3.0, exemplar: Some(Box::new(exemplar)) },
        created: Some(1.5),
    });
    let families = vec![
        counter,
        family("bare", "", Kind::Counter, vec![(&[], number(1.0))]),
        family("d_total", "", Kind::Counter, vec![(&[], number(1.0))]),
        family("d", "", Kind::Gauge, vec![(&[], number(2.0))]),
        family("b_info", "", Kind::Info, vec![(&[("v", "1")], number(1.0))]),
        family(
            "h",
            "",
            Kind::Histogram,
            vec![(&[], Value::Histogram { count: 3, sum: 2.5, buckets: vec![] })],
        ),
    ];
    page.update([(&key(&[("job", "j")]), Some(&entry(1, families)))]);
    let text = text(&mut page, &[]);
    assert_eq!(
        pushed(&text),
        [
            "# TYPE b info",
            "b_info{instance=\"\",job=\"j\",v=\"1\"} 1.0",
            "# TYPE bare unknown",
            "bare{instance=\"\",job=\"j\"} 1.0",
            "# HELP c C.",
            "# TYPE c counter",
            "c_total{instance=\"\",job=\"j\"} 3.0 # {trace=\"1\"} 1.0 2.5",
            "c_created{instance=\"\",job=\"j\"} 1.5",
            "# TYPE d gauge",
            "d{instance=\"\",job=\"j\"} 2.0",
            "# TYPE d_total unknown",
            "d_total{instance=\"\",job=\"j\"} 1.0",
            "# TYPE h histogram",
            "h_bucket{instance=\"\",job=\"j\",le=\"+Inf\"} 3.0",
            "h_count{instance=\"\",job=\"j\"} 3.0",
            "h_sum{instance=\"\",job=\"j\"} 2.5",
            "# EOF",
        ]
    );
    exposition::parse(exposition::Syntax::OpenMetrics1, text.as_bytes()).expect("a page that can be read");
}

#[test]
fn what_excludes_what_was_first_is_left_out_and_counted() {
    let mut page = Page::new(PageFormat::Text);
    let one = |name, kind| family(name, "", kind, vec![(&[], number(1.0))]);
    let histogram = || {
        family(
            "h",
            "",
            Kind::Histogram,
            vec![(&[], Value::Histogram { count: 1, sum: 1.0, buckets: vec![] })],
        )
    };
    let (first, second) = (key(&[("job", "z")]), key(&[("job", "a")]));
    page.update([
        (&first, Some(&entry(1, vec![one("n", Kind::Gauge), one("h_count", Kind::Gauge)]))),
        (&second, Some(&entry(2, vec![one("n", Kind::Counter), histogram()]))),
    ]);
    let shown = text(&mut page, &[]);
    assert_eq!(
        pushed(&shown),
        [
            "# TYPE h_count gauge",
            "h_count{instance=\"\",job=\"z\"} 1",
            "# TYPE n gauge",
            "n{instance=\"\",job=\"z\"} 1"
        ]
    );
    assert_eq!(page.hidden(), Hidden { families: 2, series: 0 });
    page.update([(&first, None)]);
    let shown = text(&mut page, &[]);
    assert!(shown.contains("h_count{instance=\"\",job=\"a\"} 1\n# TYPE n counter\n"), "{shown}");
    assert_eq!(page.hidden(), Hidden::default());
    // The same series from two groups, of which neither was checked.
    page.update([
        (
            &key(&[("job", "j")]),
            Some(&entry(4, vec![family("x", "", Kind::Gauge, vec![(&[("instance", "")], number(4.0))])])),
        ),
        (&key(&[("job", "j"), ("instance", "")]), Some(&entry(3, vec![one("x", Kind::Gauge)]))),
    ]);
    let shown = text(&mut page, &[]);
    assert!(
        shown.contains("# TYPE x gauge\nx{instance=\"\",job=\"j\"} 1\n") && !shown.contains(" 4\n"),
        "{shown}"
    );
    assert_eq!(page.hidden(), Hidden { families: 0, series: 3 }, "the push times of both are the same too");
}

#[test]
fn the_gateways_own_families_stand_among_the_others_and_come_first() {
    let mut page = Page::new(PageFormat::Text);
    let one = |name, help, kind| family(name, help, kind, vec![(&[], number(1.0))]);
    page.update([(
        &key(&[("job", "j")]),
        Some(&entry(
            1,
            vec![
                one("go_x", "Theirs.", Kind::Gauge),
                one("go_y", "", Kind::Gauge),
                one("z", "", Kind::Gauge),
            ],
        )),
    )]);
    let own = [one("go_y", "", Kind::Counter), one("go_x", "Ours.", Kind::Gauge), one("a", "", Kind::Gauge)];
    let shown = text(&mut page, &own);
    assert_eq!(
        pushed(&shown),
        [
            "# TYPE a gauge",
            "a 1",
            "# HELP go_x Ours.",
            "# TYPE go_x gauge",
            "go_x 1",
            "go_x{instance=\"\",job=\"j\"} 1",
            "# TYPE go_y counter",
            "go_y 1",
            "# TYPE z gauge",
            "z{instance=\"\",job=\"j\"} 1",
        ]
    );
    assert_eq!(page.hidden(), Hidden { families: 1, series: 0 });
}

#[test]
fn what_has_not_changed_is_the_same_piece() {
    let mut page = Page::new(PageFormat::Text);
    let one = |name, value| family(name, "", Kind::Gauge, vec![(&[], number(value))]);
    page.update([(&key(&[("job", "a")]), Some(&entry(1, vec![one("a", 1.0), one("b", 1.0)])))]);
    let lines = |pieces: &[Piece], name: &str| {
        let piece = pieces.iter().find(|piece| piece.bytes.starts_with(format!("{name}{{").as_bytes()));
        piece.expect("a family").clone()
    };
    let before = page.print(&[]);
    page.update([(&key(&[("job", "c")]), Some(&entry(2, vec![one("a", 2.0)])))]);
    let after = page.print(&[]);
    assert!(!Arc::ptr_eq(&lines(&before, "a").packed, &lines(&after, "a").packed));
    assert!(Arc::ptr_eq(&lines(&before, "b").packed, &lines(&after, "b").packed));
}

/// What can become of a group: a few families of a few labels, and which of them. None for gone.
type Turn = (usize, Option<Vec<(usize, usize, u8)>>);

const KEYS: [&[(&str, &str)]; 4] =
    [&[("job", "a")], &[("job", "b"), ("instance", "i")], &[("job", "c"), ("zone", "z")], &[("job", "d")]];
const FAMILIES: [(&str, &str, Kind); 4] = [
    ("a", "", Kind::Gauge),
    ("a", "With a text.", Kind::Gauge),
    ("b", "", Kind::Counter),
    ("c", "", Kind::Unknown),
];
const LABELS: [&[(&str, &str)]; 4] = [&[], &[("x", "1")], &[("x", "\0")], &[("k", "2"), ("x", "")]];

fn turns() -> impl Strategy<Value = Vec<(Turn, bool)>> {
    let metric = (0..FAMILIES.len(), 0..LABELS.len(), 0..3_u8);
    let group = proptest::option::weighted(0.8, proptest::collection::vec(metric, 0..6));
    proptest::collection::vec(((0..KEYS.len(), group), any::<bool>()), 1..20)
}

fn families(metrics: &[(usize, usize, u8)]) -> Vec<Family> {
    let mut all: BTreeMap<&str, Family> = BTreeMap::new();
    for (which, labels, value) in metrics {
        let (name, help, kind) = FAMILIES[*which];
        let family = all.entry(name).or_insert_with(|| family(name, help, kind, vec![]));
        let labels: Vec<_> =
            LABELS[*labels].iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        if !family.metrics.iter().any(|metric| metric.labels == labels) {
            family.metrics.push(Metric { labels, value: number(f64::from(*value)), created: None });
        }
    }
    all.into_values().collect()
}

/// What a line is sorted by, and the line.
type Ordered = (Vec<String>, String);

/// The page of these groups, made from nothing: all samples, sorted as the official gateway sorts them.
fn naive(groups: &BTreeMap<usize, (u64, Vec<Family>)>) -> String {
    let mut page: BTreeMap<String, (String, &str, Vec<Ordered>)> = BTreeMap::new();
    let mut by_age: Vec<_> = groups.iter().collect();
    by_age.sort_by_key(|(_, (born, _))| *born);
    for (which, (_, families)) in by_age {
        for one in families {
            let key = key(KEYS[*which]);
            let (help, _, lines) = page
                .entry(one.name.to_string())
                .or_insert_with(|| (String::new(), text::type_word(one.kind), vec![]));
            if help.is_empty() {
                *help = one.help.to_text().into_owned();
            }
            for metric in &one.metrics {
                let labels = series_labels(key.labels(), &metric.labels);
                let mut order = vec![format!("{:05}", labels.len())];
                order.extend(labels.iter().map(|(_, value)| (*value).to_owned()));
                let printed: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
                let Value::Number { value, .. } = &metric.value else { continue };
                lines.push((order, format!("{}{{{}}} {value}\n", one.name, printed.join(","))));
            }
        }
    }
    let mut out = String::new();
    for (name, (help, word, mut lines)) in page.into_iter().filter(|(_, (_, _, lines))| !lines.is_empty()) {
        lines.sort();
        if !help.is_empty() {
            out += &format!("# HELP {name} {help}\n");
        }
        out += &format!("# TYPE {name} {word}\n");
        lines.into_iter().for_each(|(_, line)| out += &line);
    }
    out
}

proptest! {
    #[test]
    fn a_page_that_follows_is_the_page_made_anew(turns in turns()) {
        let mut page = Page::new(PageFormat::Text);
        let mut groups: BTreeMap<usize, (u64, Vec<Family>)> = BTreeMap::new();
        for (at, ((which, metrics), print)) in turns.iter().enumerate() {
            match metrics {
                Some(metrics) => {
                    let born = groups.get(which).map_or(at as u64 + 1, |(born, _)| *born);
                    groups.insert(*which, (born, families(metrics)));
                    page.update([(&key(KEYS[*which]), Some(&entry(born, families(metrics))))]);
                }
                None => {
                    groups.remove(which);
                    page.update([(&key(KEYS[*which]), None)]);
                }
            }
            if *print {
                let shown = text(&mut page, &[]);
                let shown: String = pushed(&shown).into_iter().flat_map(|line| [line, "\n"]).collect();
                prop_assert_eq!(shown, naive(&groups));
                prop_assert_eq!(page.hidden(), Hidden::default());
            }
        }
    }

    #[test]
    fn any_content_makes_a_page(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut page = Page::new(PageFormat::OpenMetrics);
        let broken = Arc::new(Entry { content: bytes.into(), ..Entry::clone(&entry(1, vec![])) });
        page.update([(&key(&[("job", "j")]), Some(&broken))]);
        prop_assert!(text(&mut page, &[]).ends_with("# EOF\n"));
    }
}
