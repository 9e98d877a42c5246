use std::path::Path;

use groups_testkit::{Clock as Hand, Tested, agrees, steps};
use proptest::prelude::*;
use push_groups::{Act, ClaimChange, GroupKey, Version};

use super::*;
use crate::disk::model::ModelDisk;

/// A store that is closed and opened again whenever it is told to.
struct Reopened {
    store: Option<LogStore>,
    /// Instead of a directory.
    disk: Option<ModelDisk>,
    options: Options,
}

impl Reopened {
    fn open(options: Options, disk: Option<ModelDisk>) -> Reopened {
        let mut store = Reopened { store: None, disk, options };
        store.open_again();
        store
    }

    fn open_again(&mut self) {
        let options = self.options.clone();
        let opened = match &self.disk {
            Some(disk) => LogStore::on(Some(Arc::new(disk.now())), options),
            None => LogStore::open(options),
        };
        self.store = Some(opened.expect("opens"));
    }
}

impl Tested for Reopened {
    fn store(&self) -> &dyn GroupStore {
        self.store.as_ref().expect("is open")
    }

    fn restart(&mut self) {
        if self.options.directory.is_some() || self.disk.is_some() {
            drop(self.store.take());
            self.open_again();
        }
    }
}

fn by_hand(directory: Option<&Path>, clock: &Hand, snapshot_after: u64, sync: Sync) -> Options {
    let clock = clock.clone();
    Options {
        directory: directory.map(Path::to_owned),
        sync,
        snapshot_after,
        clock: Some(Arc::new(move || clock.now())),
        ..Options::in_memory()
    }
}

const BEGIN: u64 = 1_700_000_000_000_000_000;

fn often() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![0_u64, 2000, 1 << 30])
}

fn syncs() -> impl Strategy<Value = Sync> {
    prop::sample::select(vec![Sync::Always, Sync::Interval(Duration::from_millis(1)), Sync::Never])
}

proptest! {
    #[test]
    fn it_does_as_the_model_does(steps in steps(40), snapshot_after in often(), sync in syncs()) {
        let clock = Hand::at(BEGIN);
        let options = by_hand(None, &clock, snapshot_after, sync);
        agrees(&mut Reopened::open(options, Some(ModelDisk::new(1))), Some(&clock), &steps);
    }

    #[test]
    fn it_does_as_the_model_does_in_memory(steps in steps(60)) {
        let clock = Hand::at(BEGIN);
        agrees(&mut Reopened::open(by_hand(None, &clock, 0, Sync::Always), None), Some(&clock), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn it_does_as_the_model_does_in_a_directory(steps in steps(40), snapshot_after in often(), sync in syncs()) {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Hand::at(BEGIN);
        let options = by_hand(Some(directory.path()), &clock, snapshot_after, sync);
        agrees(&mut Reopened::open(options, None), Some(&clock), &steps);
    }
}

#[test]
fn what_was_pushed_elsewhere_keeps_its_times() {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Hand::at(BEGIN);
    let open =
        || LogStore::open(by_hand(Some(directory.path()), &clock, 1 << 30, Sync::Always)).expect("opens");
    let push = |job, version, [pushed, failed]: [u64; 2]| TakenOver {
        change: Change {
            key: GroupKey::new([("job", job)]).expect("a good key"),
            expects: None,
            gives: Version(version),
            act: Act::Push { content: vec![1, 2].into(), lives: None },
            claims: ClaimChange::default(),
            once: None,
        },
        pushed,
        failed,
    };
    let store = open();
    // The last one is from a clock that went ahead of this one.
    let pushes = [push("a", 1, [BEGIN - 5, 0]), push("b", 2, [0, BEGIN - 3]), push("c", 3, [BEGIN + 9, 1])];
    let outcomes = store.take_over(&pushes).expect("has room");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Made { .. })), "{outcomes:?}");
    let times = |store: &LogStore| {
        let groups = store.follow(None).expect("it answers").groups;
        let entries = groups.into_iter().filter_map(|(_, entry)| entry);
        let mut times: Vec<_> = entries.map(|its| (its.version.0, its.pushed, its.failed)).collect();
        times.sort_unstable();
        times
    };
    let expected = [(1, BEGIN - 5, 0), (2, 0, BEGIN - 3), (3, BEGIN, 1)];
    assert_eq!(times(&store), expected);
    drop(store);
    assert_eq!(times(&open()), expected);
}

#[test]
fn time_does_not_go_back_with_the_clock() {
    let disk = ModelDisk::new(1);
    let pushed_at = |version: u64, clock: &Hand| {
        let options = by_hand(None, clock, 1 << 30, Sync::Always);
        let store = LogStore::on(Some(Arc::new(disk.now())), options).expect("opens");
        let change = Change {
            key: GroupKey::new([("job", &*version.to_string())]).expect("a good key"),
            expects: None,
            gives: Version(version),
            act: Act::Push { content: vec![].into(), lives: Some(Duration::from_millis(7)) },
            claims: ClaimChange::default(),
            once: None,
        };
        let outcomes = store.commit(&[change]).expect("has room");
        let [Outcome::Made { time, .. }] = *outcomes else { panic!("{outcomes:?}") };
        (time, store.follow(None).expect("it answers").now)
    };
    assert_eq!(pushed_at(1, &Hand::at(BEGIN)), (BEGIN, BEGIN / 1_000_000));
    assert_eq!(pushed_at(2, &Hand::at(BEGIN - 1_000_000_000)), (BEGIN, BEGIN / 1_000_000));
    assert_eq!(pushed_at(3, &Hand::at(BEGIN + 5)), (BEGIN + 5, BEGIN / 1_000_000));
}

#[test]
fn what_was_closed_is_as_it_was() {
    let disk = ModelDisk::new(1);
    let open = || {
        let options = by_hand(None, &Hand::at(BEGIN), 1 << 30, Sync::Always);
        LogStore::on(Some(Arc::new(disk.now())), options).expect("opens")
    };
    assert_eq!(open().opened(), &Opened::default());
    let store = open();
    assert_eq!(store.opened(), &Opened::default());
    let stats = store.stats();
    assert_eq!((stats.groups, stats.series, stats.trouble), (0, 0, None));
}
