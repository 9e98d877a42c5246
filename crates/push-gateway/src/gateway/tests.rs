use std::collections::BTreeMap;

use groups_testkit::{Clock, ModelStore};
use metrics_core::Kind;
use proptest::prelude::*;
use push_groups::{Content, Metric, Mode, PUSH_TIMES, Value, series_labels};

use super::*;

/// What is asked of a gateway.
#[derive(Clone, Debug)]
enum Step {
    Push { group: usize, mode: Mode, families: Vec<(usize, usize, u8)>, lives: Option<u64>, checked: bool },
    Delete(usize),
    Pass(u64),
    Wipe,
    Restart,
}

const KEYS: [&[(&str, &str)]; 5] = [
    &[("job", "a")],
    &[("job", "a"), ("instance", "")],
    &[("job", "b")],
    &[("job", "b"), ("instance", "1")],
    &[("job", "a"), ("zone", "x")],
];
const FAMILIES: [(&str, Kind); 6] = [
    ("n", Kind::Gauge),
    ("n", Kind::Counter),
    ("h", Kind::Histogram),
    ("h_count", Kind::Gauge),
    ("h_other", Kind::Gauge),
    ("m", Kind::Unknown),
];
const LABELS: [&[(&str, &str)]; 3] = [&[], &[("zone", "x")], &[("instance", "1")]];
const START: u64 = 1_700_000_000_000; // Unix milliseconds

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let families = proptest::collection::vec((0..FAMILIES.len(), 0..LABELS.len(), 0..9_u8), 0..5);
    let mode = prop_oneof![
        Just(Mode::Replace),
        Just(Mode::Merge),
        Just(Mode::Update),
        Just(Mode::Aggregate(metrics_core::Mode::MostRecent))
    ];
    let lives = proptest::option::weighted(0.3, 1..4_u64);
    let checked = prop::bool::weighted(0.9);
    let push = (0..KEYS.len(), mode, families, lives, checked).prop_map(
        |(group, mode, families, lives, checked)| Step::Push { group, mode, families, lives, checked },
    );
    let step = prop_oneof![
        12 => push,
        2 => (0..KEYS.len()).prop_map(Step::Delete),
        2 => (1..4_u64).prop_map(Step::Pass),
        1 => Just(Step::Wipe),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

fn key(group: usize) -> GroupKey {
    GroupKey::new(KEYS[group].iter().copied()).expect("a good key")
}

/// Families as a body that was read gives them: no two of one name, no label that the group has.
fn families(key: &GroupKey, metrics: &[(usize, usize, u8)]) -> Vec<Family> {
    let mut all: BTreeMap<&str, Family> = BTreeMap::new();
    for (which, labels, value) in metrics {
        let (name, kind) = FAMILIES[*which];
        let new = || Family { name: name.into(), help: "".into(), unit: "".into(), kind, metrics: vec![] };
        let family = all.entry(name).or_insert_with(new);
        let own = LABELS[*labels].iter().filter(|(name, _)| key.label(name).is_none());
        let labels = own.map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let value = f64::from(*value);
        let value = match family.kind {
            Kind::Histogram => Value::Histogram { count: value as u64, sum: value, buckets: vec![] },
            _ => Value::Number { value, exemplar: None },
        };
        let metric = Metric { labels, value, created: None };
        if !family.metrics.iter().any(|other| other.labels == metric.labels) {
            family.metrics.push(metric);
        }
    }
    all.into_values().collect()
}

/// A gateway in the fewest words: a map, and every question asked of all of it.
#[derive(Clone, Debug, Default)]
struct Naive {
    now: u64,
    groups: BTreeMap<GroupKey, NaiveGroup>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct NaiveGroup {
    pushed: u64,
    failed: u64,
    expires: Option<u64>,
    checked: bool,
    /// Each with the time of the push it came with.
    families: Vec<(Family, u64)>,
}

impl NaiveGroup {
    fn forget_order(&mut self) {
        self.families.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        self.families
            .iter_mut()
            .for_each(|(family, _)| family.metrics.sort_by(|a, b| a.labels.cmp(&b.labels)));
    }

    fn forget_times(&mut self) {
        for time in [&mut self.pushed, &mut self.failed] {
            *time = u64::from(*time > 0);
        }
        self.expires = self.expires.map(|_| 0);
        self.families.iter_mut().for_each(|(_, time)| *time = u64::from(*time > 0));
    }
}

impl Naive {
    fn push(&mut self, push: &Push) -> bool {
        let held = self.groups.get(&push.key).cloned().unwrap_or_default();
        let pushed = |name: &str| push.families.iter().any(|family| &*family.name == name);
        let fresh = |families: Vec<Family>| families.into_iter().map(|family| (family, self.now)).collect();
        let families = match push.mode {
            Mode::Replace => Some(fresh(push.families.clone())),
            Mode::Merge => {
                let kept = held.families.iter().filter(|(family, _)| !pushed(&family.name)).cloned();
                Some(kept.chain(fresh(push.families.clone()) as Vec<_>).collect())
            }
            Mode::Update => Some(self.updated(&held, push)),
            Mode::Aggregate(_) => self.added(&held, push),
        };
        let families = families.filter(|families| !push.checked || self.fits(&push.key, families));
        let Some(families) = families else {
            let new = !self.groups.contains_key(&push.key);
            if new && push.checked && !self.fits(&push.key, &[]) {
                return false;
            }
            let fresh = NaiveGroup { checked: push.checked, ..NaiveGroup::default() };
            self.groups.entry(push.key.clone()).or_insert(fresh).failed = self.now;
            return false;
        };
        let expires = push.lives.map(|lives| self.now + lives.as_millis() as u64);
        let group =
            NaiveGroup { pushed: self.now, failed: held.failed, expires, checked: push.checked, families };
        self.groups.insert(push.key.clone(), group);
        true
    }

    fn updated(&self, held: &NaiveGroup, push: &Push) -> Vec<(Family, u64)> {
        let mut all = held.families.clone();
        for family in &push.families {
            let kept = all.iter().position(|(held, _)| held.name == family.name);
            let kept = kept.map(|at| all.remove(at).0).filter(|held| held.kind == family.kind);
            let mut metrics: Vec<Metric> = kept.map(|held| held.metrics).unwrap_or_default();
            metrics.retain(|held| !family.metrics.iter().any(|metric| metric.labels == held.labels));
            metrics.extend(family.metrics.iter().cloned());
            all.push((Family { metrics, ..family.clone() }, self.now));
        }
        all
    }

    fn added(&self, held: &NaiveGroup, push: &Push) -> Option<Vec<(Family, u64)>> {
        let mut all = held.families.clone();
        for family in &push.families {
            let Some((sum, time)) = all.iter_mut().find(|(held, _)| held.name == family.name) else {
                all.push((family.clone(), self.now));
                continue;
            };
            if sum.kind != family.kind {
                return None;
            }
            *time = self.now;
            for metric in &family.metrics {
                match sum.metrics.iter_mut().find(|held| held.labels == metric.labels) {
                    None => sum.metrics.push(metric.clone()),
                    Some(held) => match (&mut held.value, &metric.value) {
                        (Value::Number { value: held, .. }, Value::Number { value, .. }) => {
                            *held = if family.kind == Kind::Counter { *held + value } else { *value };
                        }
                        (Value::Histogram { count: a, sum: b, .. }, Value::Histogram { count, sum, .. }) => {
                            *a += count;
                            *b += sum;
                        }
                        _ => unreachable!("families of one kind"),
                    },
                }
            }
        }
        Some(all)
    }

    /// Whether a group may hold these families, beside all others that were checked.
    fn fits(&self, key: &GroupKey, families: &[(Family, u64)]) -> bool {
        let others = self.groups.iter().filter(|(other, group)| *other != key && group.checked);
        let mut shown: Vec<(String, Kind, Vec<String>)> = Vec::new();
        let mine = lines(key, families.iter().map(|(family, _)| family));
        shown.extend(
            others.flat_map(|(other, group)| lines(other, group.families.iter().map(|(family, _)| family))),
        );
        let all: Vec<_> = shown.iter().chain(&mine).collect();
        mine.iter().enumerate().all(|(at, (name, kind, labels))| {
            let others = all.iter().enumerate().filter(|(other, _)| *other != shown.len() + at);
            others.map(|(_, line)| line).all(|(other, other_kind, other_labels)| {
                let same = name == other;
                let part = |a: &str, b: &str, kind: &Kind| {
                    let parts =
                        if *kind == Kind::Histogram { &["_bucket", "_sum", "_count"][..] } else { &[] };
                    parts.iter().any(|part| a == format!("{b}{part}"))
                };
                let clash = (same && (kind != other_kind || labels == other_labels))
                    || part(name, other, other_kind)
                    || part(other, name, kind);
                !clash
            })
        })
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds * 1000;
        self.groups.retain(|_, group| group.expires.is_none_or(|expires| expires > self.now));
    }
}

/// Name, kind and labels of all metrics that a group shows. A family without metrics has its name all the same.
fn lines<'a>(key: &GroupKey, families: impl Iterator<Item = &'a Family>) -> Vec<(String, Kind, Vec<String>)> {
    let of = |labels| -> Vec<String> {
        series_labels(key.labels(), labels).iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    let mut all: Vec<(String, Kind, Vec<String>)> =
        PUSH_TIMES.iter().map(|name| ((*name).to_owned(), Kind::Gauge, of(&[]))).collect();
    for family in families {
        all.extend(
            family.metrics.iter().map(|metric| (family.name.to_string(), family.kind, of(&metric.labels))),
        );
    }
    all
}

fn shown(gateway: &Gateway) -> BTreeMap<GroupKey, NaiveGroup> {
    let groups = gateway.groups().expect("the store answers").groups;
    let group = |group: Group| {
        let content = Content::decode(&group.entry.content).expect("written here");
        let pushed = group.entry.pushed;
        let time = |time: u64| if time == 0 { pushed } else { time } / 1_000_000;
        let families = content.families.into_iter().map(|held| (held.family, time(held.time))).collect();
        let naive = NaiveGroup {
            pushed: pushed / 1_000_000,
            failed: group.entry.failed / 1_000_000,
            expires: group.entry.expires,
            checked: content.checked,
            families,
        };
        (group.key, naive)
    };
    groups.into_iter().map(group).collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

fn push(group: usize, mode: Mode, metrics: &[(usize, usize, u8)]) -> Push {
    let key = key(group);
    Push { families: families(&key, metrics), key, mode, lives: None, once: None, checked: true }
}

/// Does the steps with a gateway and with the map, and compares what they say and hold after each. `open` opens the
/// store, again after each restart. Times are compared where the store goes by `clock`.
fn agree(steps: &[Step], clock: Option<&Clock>, open: &mut dyn FnMut() -> Arc<dyn GroupStore>) {
    let mut start = || Gateway::new(vec![open()], &GatewayOptions::default()).expect("the store answers");
    let mut gateway = Some(start());
    let mut naive = Naive { now: START, ..Naive::default() };
    let runtime = runtime();
    for step in steps {
        let running = gateway.as_ref().expect("it runs");
        match step {
            Step::Push { group, mode, families: metrics, lives, checked } => {
                let lives = lives.map(Duration::from_secs);
                let push = Push { lives, checked: *checked, ..push(*group, *mode, metrics) };
                let fits = naive.push(&push);
                let answer = runtime.block_on(running.push(push));
                match (fits, &answer) {
                    (true, Ok(Done::Made)) | (false, Err(Refusal::Inconsistent(_))) => {}
                    _ => panic!("{step:?} gave {answer:?}"),
                }
            }
            Step::Delete(group) => {
                naive.groups.remove(&key(*group));
                assert_eq!(runtime.block_on(running.delete(key(*group))).ok(), Some(Done::Made));
            }
            Step::Pass(seconds) => {
                let clock = clock.expect("a clock that can be turned");
                clock.pass(seconds * 1_000_000_000);
                naive.pass(*seconds);
                // Who only goes on counting does not know that the clock of the store was turned.
                drop(gateway.take());
                gateway = Some(start());
            }
            Step::Wipe => {
                naive.groups.clear();
                assert_eq!(runtime.block_on(running.wipe()).ok(), Some(Done::Made));
            }
            Step::Restart => {
                // The one before lets go of the store first.
                drop(gateway.take());
                gateway = Some(start());
            }
        }
        let mut found = shown(gateway.as_ref().expect("it runs"));
        let mut expected = naive.groups.clone();
        if clock.is_none() {
            found.values_mut().chain(expected.values_mut()).for_each(NaiveGroup::forget_times);
        }
        found.values_mut().chain(expected.values_mut()).for_each(NaiveGroup::forget_order);
        assert_eq!(found, expected, "after {step:?}");
    }
}

proptest! {
    #[test]
    fn a_gateway_does_what_a_map_of_groups_does(steps in steps()) {
        let clock = Clock::at(START * 1_000_000);
        let store: Arc<dyn GroupStore> = Arc::new(ModelStore::new(clock.clone()));
        agree(&steps, Some(&clock), &mut || store.clone());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_gateway_on_a_log_does_what_a_map_of_groups_does(steps in steps()) {
        let clock = Clock::at(START * 1_000_000);
        let directory = tempfile::tempdir().expect("a directory");
        agree(&steps, Some(&clock), &mut || {
            let clock = clock.clone();
            let options = groups_log::Options {
                clock: Some(Arc::new(move || clock.now())),
                // Snapshots come and go all the time.
                snapshot_after: 2000,
                ..groups_log::Options::new(directory.path())
            };
            // The thread that commits lets go of the store a moment after its gateway has.
            loop {
                match groups_log::LogStore::open(options.clone()) {
                    Ok(store) => return Arc::new(store),
                    Err(groups_log::OpenError::InUse(_)) => std::thread::sleep(Duration::from_millis(1)),
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
}

#[test]
fn a_gateway_on_redis_does_what_a_map_of_groups_does() {
    let server = redis_testkit::RedisServer::start();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) };
    let number = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&steps(), |mut steps| {
        // The clock is the server's.
        steps.retain(|step| !matches!(step, Step::Pass(_)));
        number.set(number.get() + 1);
        let namespace = format!("case-{}", number.get());
        agree(&steps, None, &mut || {
            let address = redis_link::Address::parse(&server.url()).expect("an address");
            let options =
                groups_redis::Options { namespace: namespace.clone(), ..groups_redis::Options::default() };
            Arc::new(groups_redis::RedisStore::new(address, options))
        });
        Ok(())
    });
    outcome.expect("they agree");
}

#[test]
fn pushes_at_once_are_all_made_and_each_once() {
    let store: Arc<dyn GroupStore> = Arc::new(ModelStore::new(Clock::at(START * 1_000_000)));
    let gateways: Vec<Arc<Gateway>> = (0..2)
        .map(|_| Arc::new(Gateway::new(vec![store.clone()], &GatewayOptions::default()).expect("it answers")))
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let sum = Mode::Aggregate(metrics_core::Mode::Sum);
    runtime.block_on(async {
        let pushes = (0..200).map(|at| {
            let gateway = gateways[at % 2].clone();
            tokio::spawn(async move { gateway.push(push(0, sum, &[(1, 0, 1)])).await })
        });
        for push in pushes.collect::<Vec<_>>() {
            assert_eq!(push.await.expect("it ran").ok(), Some(Done::Made));
        }
    });
    for gateway in &gateways {
        let group = shown(gateway).remove(&key(0)).expect("pushed to");
        let (family, _) = &group.families[0];
        assert_eq!(family.metrics[0].value, Value::Number { value: 200.0, exemplar: None });
    }
    let pages: Vec<Vec<u8>> = gateways
        .iter()
        .map(|gateway| {
            let page = gateway.page(PageFormat::Text, &[]).expect("the store answers");
            page.pieces.iter().flat_map(|piece| piece.bytes.to_vec()).collect()
        })
        .collect();
    assert_eq!(pages[0], pages[1]);
}

/// A store that can be told to keep whoever asks what became of groups waiting, in vain.
struct Hanging {
    inner: ModelStore,
    hangs: std::sync::atomic::AtomicBool,
    asked: Arc<std::sync::atomic::AtomicUsize>,
}

impl GroupStore for Hanging {
    fn commit(&self, changes: &[push_groups::Change]) -> Result<Vec<push_groups::Outcome>, StoreError> {
        self.inner.commit(changes)
    }

    fn follow(&self, after: Option<push_groups::Cursor>) -> Result<push_groups::Updates, StoreError> {
        use std::sync::atomic::Ordering;
        // Threads that commit look now and then, too, and are not meant.
        let commits = std::thread::current().name() == Some("commit");
        if commits || !self.hangs.load(Ordering::SeqCst) {
            return self.inner.follow(after);
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let end = std::time::Instant::now() + Duration::from_secs(20);
        // Until the other one hangs beside it: one after the other they would wait for each other in vain.
        while self.asked.load(Ordering::SeqCst) < 2 {
            assert!(std::time::Instant::now() < end, "the stores are asked one after the other");
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(StoreError { what: "it hangs".to_owned(), passing: true })
    }

    fn wipe(&self) -> Result<(), StoreError> {
        self.inner.wipe()
    }
}

#[test]
fn stores_that_hang_are_waited_for_at_once_and_the_last_page_is_shown() {
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let stores: Vec<Arc<Hanging>> = (0..2)
        .map(|_| {
            let inner = ModelStore::new(Clock::at(START * 1_000_000));
            Arc::new(Hanging { inner, hangs: false.into(), asked: asked.clone() })
        })
        .collect();
    let shards = stores.iter().map(|store| store.clone() as Arc<dyn GroupStore>).collect();
    let gateway = Gateway::new(shards, &GatewayOptions::default()).expect("they answer");
    let runtime = runtime();
    for group in 0..KEYS.len() {
        runtime.block_on(gateway.push(push(group, Mode::Replace, &[(0, 0, 1)]))).ok();
    }
    let before = gateway.groups().expect("they answer");
    assert_eq!(before.stale, None);
    stores.iter().for_each(|store| store.hangs.store(true, std::sync::atomic::Ordering::SeqCst));
    let page = gateway.groups().expect("the last answer is not old");
    assert_eq!(page.groups, before.groups);
    assert!(page.stale.is_some());
}
