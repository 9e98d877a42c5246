//! Random changes, made to a store and to the model.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics_core::Kind;
use proptest::prelude::*;
use push_groups::{
    Act, Change, ClaimChange, Claims, Content, Cursor, Entry, Family, GroupKey, GroupStore, Held, Metric,
    Once, Outcome, Value, Version,
};

use crate::{Clock, ModelStore};

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// Changes are made at once, in this order.
    Commit(Vec<Doing>),
    /// What was made last is sent once more, as who got no answer does.
    Again,
    /// Time passes, on a clock that is turned by hand.
    Pass(Duration),
    /// Everything goes.
    Wipe,
    /// The store is closed and opened again.
    Restart,
}

/// What is done to one group.
#[derive(Clone, Debug)]
pub struct Doing {
    group: usize,
    what: What,
    /// Worked out from a state that the group is not in.
    stale: bool,
    once: Option<u8>,
}

#[derive(Clone, Debug)]
enum What {
    Push { families: Vec<(usize, usize)>, checked: bool, lives: Option<u8> },
    Fail,
    Delete,
}

/// A store under test.
pub trait Tested {
    /// The store, as it is open now.
    fn store(&self) -> &dyn GroupStore;

    /// Closes it and opens it again, as far as it can be.
    fn restart(&mut self);
}

/// Up to this many steps over a few groups that get in each other's way.
pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let families = proptest::collection::vec((0..NAMES.len(), 0..LABELS.len()), 0..4);
    let what = prop_oneof![
        6 => (families, prop::bool::weighted(0.8), proptest::option::weighted(0.3, 1..4_u8))
            .prop_map(|(families, checked, lives)| What::Push { families, checked, lives }),
        1 => Just(What::Fail),
        2 => Just(What::Delete),
    ];
    let once = proptest::option::weighted(0.2, 0..4_u8);
    let doing = (0..GROUPS.len(), what, prop::bool::weighted(0.1), once)
        .prop_map(|(group, what, stale, once)| Doing { group, what, stale, once });
    let step = prop_oneof![
        12 => proptest::collection::vec(doing, 1..5).prop_map(Step::Commit),
        2 => Just(Step::Again),
        2 => (1..5_u64).prop_map(|seconds| Step::Pass(Duration::from_secs(seconds))),
        1 => Just(Step::Wipe),
        2 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..most)
}

/// Does the steps with the store and with the model, and compares all outcomes, and after each step all groups and
/// what has changed since the step before. Times are compared where the store goes by `clock`; else only whether
/// there is one; such a store is tested without [`Step::Pass`], within a second.
///
/// # Panics
/// Where the two differ.
pub fn agrees(tested: &mut dyn Tested, clock: Option<&Clock>, steps: &[Step]) {
    let by_hand = clock.cloned().unwrap_or_else(|| Clock::at(1_700_000_000_000_000_000));
    let model = ModelStore::new(by_hand.clone());
    let mut known: BTreeMap<GroupKey, Arc<Entry>> = BTreeMap::new();
    let mut cursor: Option<Cursor> = None;
    let mut version = 0;
    let mut last = Vec::new();
    for step in steps {
        match step {
            Step::Commit(doings) => {
                let mut state = follow(&model, None).0;
                last = doings.iter().map(|doing| change(doing, &mut state, &mut version)).collect();
                same_outcomes(tested.store(), &model, &last, clock.is_some());
            }
            Step::Again => same_outcomes(tested.store(), &model, &last, clock.is_some()),
            Step::Pass(time) => {
                assert!(clock.is_some(), "a store by a clock of its own is tested without passing time");
                by_hand.pass(time.as_nanos() as u64);
            }
            Step::Wipe => {
                tested.store().wipe().expect("the store answers");
                model.wipe().expect("the model answers");
                last.clear();
            }
            Step::Restart => tested.restart(),
        }
        let (expected, _) = follow(&model, None);
        let (found, _) = follow(tested.store(), None);
        same_groups(&found, &expected, clock.is_some());
        let updates = tested.store().follow(cursor).expect("the store answers");
        if updates.whole {
            known.clear();
        }
        for (key, entry) in updates.groups {
            match entry {
                Some(entry) => known.insert(key, entry),
                None => known.remove(&key),
            };
        }
        cursor = Some(updates.cursor);
        assert_eq!(known, found, "what was followed step by step is what there is");
    }
}

fn follow(store: &dyn GroupStore, after: Option<Cursor>) -> (BTreeMap<GroupKey, Arc<Entry>>, Cursor) {
    let updates = store.follow(after).expect("the store answers");
    let groups = updates.groups.into_iter().filter_map(|(key, entry)| Some((key, entry?)));
    (groups.collect(), updates.cursor)
}

/// A change of a group as it is in `state`, which then has it as if it had been made.
fn change(doing: &Doing, state: &mut BTreeMap<GroupKey, Arc<Entry>>, version: &mut u64) -> Change {
    let key = GroupKey::new(GROUPS[doing.group].iter().copied()).expect("a good key");
    let held = state.get(&key).cloned();
    let before = held.as_deref().map(|entry| claims(&key, &entry.content)).unwrap_or_default();
    *version += 1;
    let gives = Version(*version);
    let (act, after) = match &doing.what {
        What::Push { families, checked, lives } => {
            let content = content(&key, families, *checked);
            let after = claims(&key, &content);
            let lives = lives.map(|seconds| Duration::from_secs(seconds.into()));
            (Act::Push { content: content.into(), lives }, after)
        }
        What::Fail => {
            let content: Arc<[u8]> = Content { checked: true, families: vec![] }.encode().into();
            let after = if held.is_some() { before.clone() } else { claims(&key, &content) };
            (Act::Fail { content: held.is_none().then_some(content), lives: None }, after)
        }
        What::Delete => (Act::Delete, Claims::default()),
    };
    let expects = held.as_ref().map(|entry| entry.version);
    let expects = if doing.stale { Some(Version(u64::MAX)) } else { expects };
    let once = doing.once.map(|id| Once { id: format!("once-{id}").into(), keep: Duration::from_secs(3) });
    match &act {
        Act::Push { content, .. } | Act::Fail { content: Some(content), .. } => {
            let entry = Entry {
                version: gives,
                born: 0,
                seq: 0,
                pushed: 0,
                failed: 0,
                expires: None,
                content: content.clone(),
            };
            state.insert(key.clone(), Arc::new(entry));
        }
        Act::Fail { content: None, .. } => {
            let entry = held.as_deref().expect("a group without content is there");
            state.insert(key.clone(), Arc::new(Entry { version: gives, ..entry.clone() }));
        }
        Act::Delete => drop(state.remove(&key)),
    }
    Change { key, expects, gives, act, claims: claim_change(&after, &before), once }
}

fn claim_change(after: &Claims, before: &Claims) -> ClaimChange {
    after.since(before)
}

fn claims(key: &GroupKey, content: &[u8]) -> Claims {
    let content = Content::decode(content).expect("made here");
    let families = content.families.iter().map(|held| &held.family);
    let claims = content.checked.then(|| Claims::of(key, families).expect("made to fit"));
    claims.unwrap_or_default()
}

/// Families that fit beside each other, though perhaps not beside those of other groups.
fn content(key: &GroupKey, families: &[(usize, usize)], checked: bool) -> Vec<u8> {
    let mut held: BTreeMap<usize, Held> = BTreeMap::new();
    for (name, labels) in families {
        let (name_text, kind) = NAMES[*name];
        let new = || Held {
            family: Family {
                name: name_text.into(),
                help: "".into(),
                unit: "".into(),
                kind,
                metrics: vec![],
            },
            time: 0,
        };
        let same_name =
            held.values().any(|other| &*other.family.name == name_text && other.family.kind != kind);
        let part = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('_'));
        let clashes = held
            .values()
            .any(|other| part(&other.family.name, name_text) || part(name_text, &other.family.name));
        if same_name || clashes {
            continue;
        }
        let family = &mut held.entry(*name).or_insert_with(new).family;
        let own = LABELS[*labels].iter().filter(|(name, _)| key.label(name).is_none());
        let labels = own.map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let value = match kind {
            Kind::Histogram => Value::Histogram { count: 1, sum: 1.0, buckets: vec![] },
            _ => Value::Number { value: 1.0, exemplar: None },
        };
        let metric = Metric { labels, value, created: None };
        if !family.metrics.iter().any(|other| other.labels == metric.labels) {
            family.metrics.push(metric);
        }
    }
    Content { checked, families: held.into_values().collect() }.encode()
}

fn same_outcomes(store: &dyn GroupStore, model: &dyn GroupStore, changes: &[Change], times: bool) {
    let found = store.commit(changes).expect("the store answers");
    let expected = model.commit(changes).expect("the model answers");
    assert_eq!(found.len(), expected.len(), "an outcome for each change");
    for ((found, expected), change) in found.iter().zip(&expected).zip(changes) {
        match (found, expected) {
            (Outcome::Made { time, .. }, Outcome::Made { time: by_hand, .. }) => {
                assert!(!times || time == by_hand, "{found:?} beside {expected:?} of {change:?}");
            }
            (Outcome::Stale(found), Outcome::Stale(expected)) => {
                same_entries(found.as_deref(), expected.as_deref(), times, &change.key);
            }
            _ => assert_eq!(found, expected, "of {change:?}"),
        }
    }
}

fn same_groups(
    found: &BTreeMap<GroupKey, Arc<Entry>>,
    expected: &BTreeMap<GroupKey, Arc<Entry>>,
    times: bool,
) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (key, entry) in expected {
        same_entries(found.get(key).map(|entry| &**entry), Some(entry), times, key);
    }
    // The order in which groups came to be, and changed, is one order.
    let order = |groups: &BTreeMap<GroupKey, Arc<Entry>>, by: fn(&Entry) -> u64| {
        let mut keys: Vec<GroupKey> = groups.keys().cloned().collect();
        keys.sort_by_key(|key| groups.get(key).map(|entry| by(entry)));
        keys
    };
    assert_eq!(order(found, |entry| entry.born), order(expected, |entry| entry.born));
    assert_eq!(order(found, |entry| entry.seq), order(expected, |entry| entry.seq));
}

fn same_entries(found: Option<&Entry>, expected: Option<&Entry>, times: bool, key: &GroupKey) {
    let seen = |entry: &Entry| {
        let time = |time: u64| if times { time } else { u64::from(time > 0) };
        (
            entry.version,
            time(entry.pushed),
            time(entry.failed),
            entry.expires.map(|expires| if times { expires } else { 0 }),
            entry.content.clone(),
        )
    };
    assert_eq!(found.map(seen), expected.map(seen), "of {key}");
}

/// Groups of which some would show the same series: `instance` is empty where it is not named.
const GROUPS: &[&[(&str, &str)]] = &[
    &[("job", "a")],
    &[("job", "a"), ("instance", "")],
    &[("job", "b")],
    &[("job", "b"), ("instance", "1")],
    &[("job", "a"), ("zone", "x")],
];

/// Families of which some exclude each other.
const NAMES: &[(&str, Kind)] = &[
    ("n", Kind::Gauge),
    ("n", Kind::Counter),
    ("h", Kind::Histogram),
    ("h_count", Kind::Gauge),
    ("h_other", Kind::Gauge),
    ("m", Kind::Unknown),
];

/// Labels of which some make the same series in two groups.
const LABELS: &[&[(&str, &str)]] = &[&[], &[("zone", "x")], &[("instance", "1")]];

#[cfg(test)]
mod tests {
    use super::*;

    struct Model(ModelStore);

    impl Tested for Model {
        fn store(&self) -> &dyn GroupStore {
            &self.0
        }

        fn restart(&mut self) {}
    }

    proptest! {
        #[test]
        fn the_model_agrees_with_itself(steps in steps(30)) {
            let clock = Clock::at(1_700_000_000_000_000_000);
            let mut model = Model(ModelStore::new(clock.clone()));
            agrees(&mut model, Some(&clock), &steps);
        }
    }
}
