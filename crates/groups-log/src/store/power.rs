//! Power cuts, failing syncs and full disks, on a disk that forgets.

use std::collections::BTreeMap;

use proptest::prelude::*;
use push_groups::{Act, ClaimChange, GroupKey, Version};

use super::*;
use crate::disk::model::{Chance, Faults, ModelDisk};

/// What is shown: version and content of each group.
type Shown = BTreeMap<GroupKey, (u64, Vec<u8>)>;

/// Somebody who changes a few groups, and knows what was acknowledged.
struct Writer {
    chance: Chance,
    version: u64,
    /// What has to be there.
    acknowledged: Shown,
    /// What may be there instead: something was written, and it is not known whether it lasts.
    perhaps: Vec<Shown>,
}

impl Writer {
    fn new(seed: u64) -> Writer {
        Writer { chance: Chance::new(seed), version: 0, acknowledged: Shown::new(), perhaps: Vec::new() }
    }

    /// Makes some changes at once.
    fn write(&mut self, store: &LogStore) -> Result<(), StoreError> {
        if self.chance.below(30) == 0 {
            return self.wipe(store);
        }
        let mut after = self.acknowledged.clone();
        let (mut changes, mut states) = (Vec::new(), Vec::new());
        for _ in 0..=self.chance.below(3) {
            changes.push(self.change(&mut after));
            states.push(after.clone());
        }
        match store.commit(&changes) {
            Ok(outcomes) => {
                let made = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Made { .. }));
                assert!(made, "{outcomes:?}");
                self.acknowledged = after;
                self.perhaps.clear();
                assert_eq!(shown(store), self.acknowledged);
                Ok(())
            }
            Err(error) => {
                self.perhaps.extend(states);
                assert_eq!(shown(store), self.acknowledged, "what does not last is not shown");
                Err(error)
            }
        }
    }

    fn change(&mut self, after: &mut Shown) -> Change {
        let group = format!("g{}", self.chance.below(4));
        let key = GroupKey::new([("job", &*group)]).expect("a good key");
        let expects = after.get(&key).map(|(version, _)| Version(*version));
        self.version += 1;
        let act = if expects.is_some() && self.chance.below(4) == 0 {
            after.remove(&key);
            Act::Delete
        } else {
            let length = [10, 300, 3000][self.chance.below(3) as usize];
            let content: Vec<u8> =
                (0..self.chance.below(length)).map(|at| (at + self.version) as u8).collect();
            after.insert(key.clone(), (self.version, content.clone()));
            Act::Push { content: content.into(), lives: None }
        };
        Change { key, expects, gives: Version(self.version), act, claims: ClaimChange::default(), once: None }
    }

    fn wipe(&mut self, store: &LogStore) -> Result<(), StoreError> {
        let wiped = store.wipe();
        match &wiped {
            Ok(()) => (self.acknowledged, self.perhaps) = (Shown::new(), Vec::new()),
            Err(_) => self.perhaps.push(Shown::new()),
        }
        wiped
    }

    /// Takes what was found for what is.
    fn found(&mut self, found: Shown) {
        let may = found == self.acknowledged || self.perhaps.contains(&found);
        assert!(may, "found {found:?}\nacknowledged {:?}\nperhaps {:?}", self.acknowledged, self.perhaps);
        self.acknowledged = found;
        self.perhaps.clear();
    }
}

fn shown(store: &LogStore) -> Shown {
    let groups = store.follow(None).expect("it answers").groups;
    let entry = |entry: Option<Arc<push_groups::Entry>>| {
        entry.map(|entry| (entry.version.0, entry.content.to_vec())).expect("what is whole has no gaps")
    };
    groups.into_iter().map(|(key, its)| (key, entry(its))).collect()
}

fn open(disk: &ModelDisk, sync: Sync, snapshot_after: u64) -> Result<LogStore, OpenError> {
    LogStore::on(Some(Arc::new(disk.now())), Options { sync, snapshot_after, ..Options::in_memory() })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_power_cut_loses_what_was_acknowledged(
        seed in any::<u64>(),
        cuts in proptest::collection::vec(0..200_u64, 1..6),
        snapshot_after in prop::sample::select(vec![0_u64, 3000, 1 << 30]),
        sync_fails in prop::sample::select(vec![0_u64, 0, 7, 30]),
        write_fails in prop::sample::select(vec![0_u64, 0, 20]),
    ) {
        let disk = ModelDisk::new(seed);
        let mut writer = Writer::new(seed);
        for cut in cuts {
            disk.set(Faults { off_after: Some(cut), sync_fails, write_fails, capacity: None });
            let store = open(&disk, Sync::Always, snapshot_after);
            if let Ok(store) = &store {
                writer.found(shown(store));
                let mut tries = 0;
                while !disk.is_off() && tries < 100 {
                    let _ = writer.write(store);
                    tries += 1;
                }
            }
            disk.cut();
            drop(store);
            let again = open(&disk, Sync::Always, snapshot_after).expect("a power cut damages nothing");
            writer.found(shown(&again));
        }
    }

    #[test]
    fn without_syncs_a_power_cut_leaves_a_state_that_was(
        seed in any::<u64>(),
        cuts in proptest::collection::vec(0..200_u64, 1..6),
        snapshot_after in prop::sample::select(vec![0_u64, 3000, 1 << 30]),
    ) {
        let disk = ModelDisk::new(seed);
        let mut writer = Writer::new(seed);
        for cut in cuts {
            disk.set(Faults { off_after: Some(cut), ..Faults::default() });
            let store = open(&disk, Sync::Never, snapshot_after);
            let mut states = vec![writer.acknowledged.clone()];
            if let Ok(store) = &store {
                let mut tries = 0;
                while !disk.is_off() && tries < 100 {
                    let _ = writer.write(store);
                    states.push(writer.acknowledged.clone());
                    states.extend(writer.perhaps.iter().cloned());
                    tries += 1;
                }
            }
            disk.cut();
            drop(store);
            let again = open(&disk, Sync::Never, snapshot_after).expect("a power cut damages nothing");
            let found = shown(&again);
            prop_assert!(states.contains(&found), "found {:?}\nof {:?}", found, states);
            (writer.acknowledged, writer.perhaps) = (found, Vec::new());
        }
    }
}

#[test]
fn a_log_that_could_not_be_synced_is_never_written_again() {
    let disk = ModelDisk::new(3);
    let mut writer = Writer::new(5);
    let store = open(&disk, Sync::Always, 1 << 30).expect("opens");
    writer.write(&store).expect("nothing is wrong yet");
    let first = disk.bytes("groups-0000000001.log").expect("the first log");
    disk.set(Faults { sync_fails: 1, ..Faults::default() });
    // What fails may be the sync of the commit, or that of more room for it.
    let error = writer.write(&store).expect_err("it does not last");
    assert!(error.what.ends_with(": input/output error"), "{error}");
    assert!(error.passing);
    disk.set(Faults::default());
    writer.write(&store).expect("a new log is begun");
    assert!(disk.bytes("groups-0000000001.log").is_none(), "{}", first.len());
    assert!(disk.bytes("groups-0000000002.snapshot").is_some());
    disk.cut();
    drop(store);
    writer.found(shown(&open(&disk, Sync::Always, 1 << 30).expect("opens")));
}

#[test]
fn nobody_sees_a_change_before_it_lasts() {
    let disk = ModelDisk::new(3);
    let store = Arc::new(open(&disk, Sync::Always, 1 << 30).expect("opens"));
    let mut writer = Writer::new(5);
    writer.write(&store).expect("has room");
    let (seen, watched) = (Arc::new(Mutex::new(Vec::new())), Arc::downgrade(&store));
    let sees = seen.clone();
    disk.watch(Arc::new(move || {
        // Who reads does not wait for the disk, either: this is called in the midst of a sync.
        lock(&sees).extend(watched.upgrade().map(|store| shown(&store)));
    }));
    for _ in 0..20 {
        let before = writer.acknowledged.clone();
        writer.write(&store).expect("has room");
        let seen = std::mem::take(&mut *lock(&seen));
        assert!(!seen.is_empty(), "it was synced");
        assert!(seen.iter().all(|seen| *seen == before), "{seen:?} while there was {before:?}");
    }
}

#[test]
fn what_could_not_be_synced_by_and_by_goes_to_a_snapshot() {
    let disk = ModelDisk::new(3);
    let mut writer = Writer::new(5);
    let store = open(&disk, Sync::Interval(Duration::from_secs(3600)), 1 << 30).expect("opens");
    writer.write(&store).expect("nothing is wrong yet");
    disk.set(Faults { sync_fails: 1, ..Faults::default() });
    store.shared.sync();
    let path = "/model/groups-0000000001.log";
    let trouble = store.stats().trouble.expect("it is told");
    assert_eq!(trouble, format!("sync {path} at 512: input/output error"));
    writer.write(&store).expect_err("a snapshot cannot be synced either");
    disk.set(Faults::default());
    writer.write(&store).expect("a new log is begun");
    assert_eq!(store.stats().trouble, None);
    store.shared.sync();
    disk.cut();
    drop(store);
    writer.found(shown(&open(&disk, Sync::Always, 1 << 30).expect("opens")));
}

#[test]
fn what_was_never_finished_is_removed() {
    let unfinished = ["groups-0000000001.snapshot.new", "groups-0000000001.log.new"];
    let disk = ModelDisk::with(&[(unfinished[0], b"half"), (unfinished[1], b""), ("notes.txt", b"mine")]);
    for _ in 0..2 {
        drop(open(&disk, Sync::Always, 1 << 30).expect("opens"));
    }
    let mut names = disk.now().names().expect("it answers");
    names.sort();
    assert_eq!(names, ["groups-0000000002.log", "groups-0000000002.snapshot", "notes.txt", "spare"]);
}

#[test]
fn a_full_disk_refuses_changes_and_keeps_what_there_is() {
    let disk = ModelDisk::new(3);
    let mut writer = Writer::new(6);
    disk.set(Faults { capacity: Some(20_000), ..Faults::default() });
    let store = open(&disk, Sync::Always, 1 << 30).expect("opens");
    let error = loop {
        if let Err(error) = writer.write(&store) {
            break error;
        }
    };
    assert!(error.what.starts_with("make room in /model/groups-0000000001.log at "), "{error}");
    assert!(error.what.ends_with(": no storage space"), "{error}");
    assert!(writer.write(&store).is_err() || !writer.acknowledged.is_empty());
    disk.set(Faults::default());
    for _ in 0..20 {
        writer.write(&store).expect("there is room again");
    }
    disk.cut();
    drop(store);
    writer.found(shown(&open(&disk, Sync::Always, 1 << 30).expect("opens")));
}
