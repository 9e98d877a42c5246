use crate::store::{Act, Entry};
use crate::{Content, GroupKey, Mode, Push, ReadLimits, Syntax, Version, prepare, read};

/// What a group that holds `held` (pushed at 7) holds once `pushed` is pushed to it: names, label values, numbers.
fn after(mode: Mode, held: &str, pushed: &str) -> Vec<String> {
    let key = GroupKey::new([("job", "j")]).unwrap();
    let families =
        |text: &str| read(Syntax::Text, &key, text.as_bytes(), &ReadLimits::default()).unwrap().families;
    let push = |mode, text| Push {
        key: key.clone(),
        mode,
        families: families(text),
        lives: None,
        once: None,
        checked: true,
    };
    let first = prepare(&push(Mode::Replace, held), None, Version(1)).unwrap();
    let Act::Push { content, .. } = first.change.act else { panic!("a push is none") };
    let entry = Entry { version: Version(1), born: 1, seq: 1, pushed: 7, failed: 0, expires: None, content };
    let second = prepare(&push(mode, pushed), Some(&entry), Version(2)).unwrap();
    let Act::Push { content, .. } = second.change.act else { panic!("a push is none") };
    let held = Content::decode(&content).unwrap().families;
    held.iter()
        .map(|held| {
            let metrics = held.family.metrics.iter().map(|metric| {
                let labels: String = metric.labels.iter().map(|(_, value)| &**value).collect();
                format!(" {labels}={:?}", metric.value)
            });
            format!("{} {}@{}{}", held.family.kind, held.family.name, held.time, metrics.collect::<String>())
        })
        .collect()
}

#[test]
fn an_update_takes_the_place_of_the_same_series_alone() {
    let value = |value: &str| format!("Number {{ value: {value}, exemplar: None }}");
    let held = "a{x=\"1\"} 1\na{x=\"2\"} 2\nb 3\n# TYPE c gauge\nc{x=\"1\"} 4\n";
    let pushed = "a{x=\"2\"} 20\na{x=\"3\"} 30\n# TYPE c counter\nc 5\nd 6\n";
    let expected = [
        format!("unknown a@0 1={} 2={} 3={}", value("1.0"), value("20.0"), value("30.0")),
        format!("unknown b@7 ={}", value("3.0")),
        format!("counter c@0 ={}", value("5.0")),
        format!("unknown d@0 ={}", value("6.0")),
    ];
    assert_eq!(after(Mode::Update, held, pushed), expected);
}

#[test]
fn a_merge_takes_the_place_of_families_and_a_replacement_of_all() {
    let value = |value: &str| format!("Number {{ value: {value}, exemplar: None }}");
    let (held, pushed) = ("a{x=\"1\"} 1\nb 3\n", "a{x=\"2\"} 2\n");
    let a = format!("unknown a@0 2={}", value("2.0"));
    assert_eq!(after(Mode::Merge, held, pushed), [format!("unknown b@7 ={}", value("3.0")), a.clone()]);
    assert_eq!(after(Mode::Replace, held, pushed), [a]);
}

#[test]
fn a_family_without_metrics_takes_those_of_its_name_away() {
    let key = GroupKey::new([("job", "j")]).unwrap();
    let push =
        |mode, families| Push { key: key.clone(), mode, families, lives: None, once: None, checked: true };
    let read =
        |text: &str| read(Syntax::Text, &key, text.as_bytes(), &ReadLimits::default()).unwrap().families;
    let names = |content: Option<Content>| -> Vec<(String, u64)> {
        let held = content.unwrap().families;
        held.iter().map(|held| (held.family.name.to_string(), held.time)).collect()
    };
    let first = prepare(&push(Mode::Replace, read("a 1\nb 2\n")), None, Version(1)).unwrap();
    let Act::Push { content, .. } = first.change.act else { panic!("a push is none") };
    let found = Entry { version: Version(1), born: 1, seq: 1, pushed: 5, failed: 0, expires: None, content };
    let mut pushed = read("a 1\nc 3\n");
    pushed[0].metrics.clear();
    let merged = prepare(&push(Mode::Merge, pushed.clone()), Some(&found), Version(2)).unwrap();
    assert_eq!(names(merged.content), [("b".to_owned(), 5), ("c".to_owned(), 0)]);
    pushed.truncate(1);
    let replaced = prepare(&push(Mode::Replace, pushed), Some(&found), Version(2)).unwrap();
    assert_eq!(names(replaced.content), []);
}
