use std::collections::BTreeSet;

use groups_testkit::{Clock, ModelStore};
use proptest::prelude::*;
use push_groups::{Mode, Push};

use super::*;
use crate::GatewayOptions;

/// A gateway with these groups, pushed to in this order.
pub(crate) fn gateway(groups: &[&[(&str, &str)]]) -> Gateway {
    let clock = Clock::at(1_700_000_000_000_000_000);
    let store = Arc::new(ModelStore::new(clock.clone()));
    let gateway = Gateway::new(vec![store], &GatewayOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for labels in groups {
        let key = GroupKey::new(labels.iter().copied()).unwrap();
        let push =
            Push { key, mode: Mode::Replace, families: Vec::new(), lives: None, once: None, checked: true };
        runtime.block_on(gateway.push(push)).unwrap();
        clock.pass(1_000_000_000);
    }
    gateway
}

fn browse(parameters: &[(&str, &str)]) -> Browse {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Browse::of(&parameters.collect::<Vec<_>>()).unwrap()
}

fn names(groups: &[Group]) -> Vec<String> {
    let name =
        |group: &Group| group.key.labels().map(|(_, value)| value.to_owned()).collect::<Vec<_>>().join("/");
    groups.iter().map(name).collect()
}

const GROUPS: [&[(&str, &str)]; 4] = [
    &[("job", "web"), ("instance", "a")],
    &[("job", "Backup"), ("zone", "Äther")],
    &[("job", "db"), ("instance", "web")],
    &[("job", "web")],
];

#[test]
fn groups_stand_in_the_order_of_jobs_or_the_last_pushed_in_front() {
    let gateway = gateway(&GROUPS);
    let page = browse(&[]).page(&gateway).unwrap();
    assert_eq!(names(&page.groups), ["Backup/Äther", "web/db", "a/web", "web"]);
    assert_eq!((page.all, page.found, page.next), (4, 4, None));
    let page = browse(&[("sort", "pushed")]).page(&gateway).unwrap();
    assert_eq!(names(&page.groups), ["web", "web/db", "Backup/Äther", "a/web"]);
}

#[test]
fn a_search_finds_words_in_any_label_in_any_case() {
    let gateway = gateway(&GROUPS);
    let table: [(&str, &[&str]); 7] = [
        ("web", &["web/db", "a/web", "web"]),
        ("job=web", &["a/web", "web"]),
        ("WEB instance=", &["web/db", "a/web"]),
        ("äth", &["Backup/Äther"]),
        ("b w", &["web/db", "a/web", "web"]),
        ("ackupäther", &[]),
        (" ", &["Backup/Äther", "web/db", "a/web", "web"]),
    ];
    for (search, expected) in table {
        let page = browse(&[("search", search)]).page(&gateway).unwrap();
        assert_eq!(names(&page.groups), expected, "{search}");
        assert_eq!((page.all, page.found), (4, expected.len()), "{search}");
    }
}

#[test]
fn a_group_is_found_by_its_identifier_however_long_its_labels_are() {
    let long = "x".repeat(1 << 20);
    let gateway = gateway(&[&[("job", "a")], &[("job", &long)]]);
    let key = GroupKey::new([("job", &*long)]).unwrap();
    assert_eq!(id_of(&key).len(), 32);
    assert_eq!(find(&gateway, &id_of(&key)).unwrap().unwrap().key, key);
    for absent in ["", "0", "x", &"f".repeat(33)] {
        assert_eq!(find(&gateway, absent).unwrap(), None, "{absent}");
    }
    // A cursor is no longer than what fits a URL.
    let page = browse(&[("limit", "1"), ("sort", "name")]).page(&gateway).unwrap();
    assert!(page.next.unwrap().cursor().len() <= 32 + 2 * CURSOR_NAME);
}

#[test]
fn what_cannot_be_understood_is_refused_with_a_reason() {
    let long = "x".repeat(1001);
    let table = [
        (("limit", "0"), r#"limit="0": 1 to 1000 are wanted"#),
        (("limit", "1001"), r#"limit="1001": 1 to 1000 are wanted"#),
        (("label_chars", "0"), r#"label_chars="0": a number above 0 is wanted"#),
        (("sort", "size"), r#"sort="size": name or pushed are wanted"#),
        (("after", "xyz"), r#"after="xyz": it is the "next" of the page before"#),
        (("search", &long), "search has more than 1000 bytes"),
    ];
    for ((name, value), why) in table {
        assert_eq!(Browse::of(&[(name.to_owned(), value.to_owned())]).unwrap_err(), why);
    }
}

#[test]
fn a_long_text_is_cut_between_letters() {
    assert_eq!(cut("äöü", Some(2)), "äö… (6 bytes)");
    assert_eq!(cut("äöü", Some(3)), "äöü");
    assert_eq!(cut("äöü", None), "äöü");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Page after page shows what one page of all would, each group once, also where the last group seen is deleted.
    #[test]
    fn pages_together_are_everything_once(
        names in proptest::collection::btree_set(("[ab]{1,2}", "[ab\u{ff}]{0,2}", prop::bool::ANY), 0..20),
        limit in 1..7_usize,
        sort in prop_oneof![Just("name"), Just("pushed")],
        search in "[ab]{0,1}",
        deletes in prop::bool::ANY,
    ) {
        let long = "x".repeat(2 * CURSOR_NAME);
        let labels: Vec<[(&str, String); 2]> = names
            .iter()
            .map(|(job, more, is_long)| {
                let head = if *is_long { &*long } else { "" };
                [("job", format!("{head}{job}")), ("more", more.clone())]
            })
            .collect();
        let borrowed: Vec<Vec<(&str, &str)>> =
            labels.iter().map(|pair| pair.iter().map(|(name, value)| (*name, &**value)).collect()).collect();
        let gateway = gateway(&borrowed.iter().map(|pairs| &pairs[..]).collect::<Vec<_>>());
        let ask = |after: &str| browse(&[("sort", sort), ("search", &search), ("after", after)]);
        let whole = Browse { limit: Some(1000), ..ask("") }.page(&gateway).unwrap();
        let naive: BTreeSet<Vec<(&str, &str)>> = borrowed
            .iter()
            .filter(|pairs| pairs.iter().any(|(name, value)| format!("{name}={value}").contains(&search)))
            .cloned()
            .collect();
        let of_whole = whole.groups.iter().map(|group| group.key.labels().collect::<Vec<_>>());
        prop_assert_eq!(of_whole.collect::<BTreeSet<_>>(), naive);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut after, mut seen) = (String::new(), Vec::new());
        loop {
            let page = Browse { limit: Some(limit), ..ask(&after) }.page(&gateway).unwrap();
            prop_assert!(page.groups.len() <= limit);
            seen.extend(page.groups.iter().map(|group| group.key.clone()));
            if let (true, Some(last)) = (deletes, page.groups.last()) {
                runtime.block_on(gateway.delete(last.key.clone())).unwrap();
            }
            match page.next {
                Some(next) => after = next.cursor(),
                None => break,
            }
        }
        prop_assert_eq!(seen, whole.groups.iter().map(|group| group.key.clone()).collect::<Vec<_>>());
    }
}
