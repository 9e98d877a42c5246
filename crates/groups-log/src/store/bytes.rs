//! Files that are cut at each byte, and files of which each byte is another one.

use push_groups::{Act, ClaimChange, Entry, GroupKey, Version};

use super::*;
use crate::disk::model::ModelDisk;
use crate::frame::{HEADER, Kind};
use crate::names::name;

fn push(group: usize, version: u64, expects: Option<u64>) -> Change {
    let key = GroupKey::new([("job", &*format!("g{group}"))]).expect("a good key");
    Change {
        key,
        expects: expects.map(Version),
        gives: Version(version),
        act: Act::Push { content: vec![version as u8; 20].into(), lives: None },
        claims: ClaimChange::default(),
        once: None,
    }
}

fn open(disk: &ModelDisk, ignore_corrupt: bool) -> Result<LogStore, OpenError> {
    let clock: Clock = Arc::new(|| 1_700_000_000_000_000_000);
    let options = Options { ignore_corrupt, clock: Some(clock), ..Options::in_memory() };
    LogStore::on(Some(Arc::new(disk.now())), options)
}

/// Versions of the groups, ascending.
fn versions(store: &LogStore) -> Vec<u64> {
    let groups = store.follow(None).expect("it answers").groups;
    let version = |entry: Option<Arc<Entry>>| entry.map(|entry| entry.version.0);
    let mut versions: Vec<u64> = groups.into_iter().filter_map(|(_, entry)| version(entry)).collect();
    versions.sort_unstable();
    versions
}

/// A log of five commits, and where each of them ends. It is not closed, as after a crash.
fn log_of_five() -> (Vec<u8>, Vec<u64>) {
    let disk = ModelDisk::new(1);
    let store = open(&disk, false).expect("opens");
    let ends = (1..=5_u64).map(|at| {
        store.commit(&[push(at as usize, at, None)]).expect("has room");
        store.stats().log_bytes
    });
    let ends = ends.collect();
    (disk.bytes(&name(Kind::Log, 1)).expect("the first log"), ends)
}

#[test]
fn a_log_that_is_cut_anywhere_gives_the_commits_before() {
    let (log, ends) = log_of_five();
    for cut in HEADER..=log.len() {
        let disk = ModelDisk::with(&[(&name(Kind::Log, 1), &log[..cut])]);
        let store = open(&disk, false).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let whole = ends.iter().filter(|end| **end <= cut as u64).count() as u64;
        assert_eq!(versions(&store), (1..=whole).collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(store.opened().changes, whole);
        // What follows is read again behind what there was.
        store.commit(&[push(9, 9, None)]).expect("has room");
        drop(store);
        let expected: Vec<u64> = (1..=whole).chain([9]).collect();
        assert_eq!(versions(&open(&disk, false).expect("opens")), expected, "cut at {cut}");
    }
}

#[test]
fn a_log_that_is_cut_within_its_header_is_damaged() {
    let (log, _) = log_of_five();
    let disk = ModelDisk::with(&[(&name(Kind::Log, 1), &log[..100])]);
    let error = open(&disk, false).expect_err("is damaged").to_string();
    let path = "/model/groups-0000000001.log";
    assert_eq!(error, format!("damaged: {path} at byte 100: the file ends within its header"));
}

#[test]
fn what_is_torn_is_told() {
    let (log, ends) = log_of_five();
    let cut = (ends[3] + 50) as usize;
    let disk = ModelDisk::with(&[(&name(Kind::Log, 1), &log[..cut])]);
    let store = open(&disk, false).expect("opens");
    let torn = store.opened().cut.clone().expect("a torn commit");
    let path = "/model/groups-0000000001.log";
    assert_eq!(torn.to_string(), format!("{path} at byte {}: a frame is longer than the file", ends[3] + 8));
}

#[test]
fn each_byte_of_a_log_is_watched() {
    let (log, ends) = log_of_five();
    // Of the last commit nobody can say after a crash whether it was ever finished.
    for at in 0..ends[3] as usize {
        let mut bad = log.clone();
        bad[at] ^= 1 << (at % 8);
        let disk = ModelDisk::with(&[(&name(Kind::Log, 1), &bad)]);
        match open(&disk, false) {
            Err(OpenError::Damaged(damage)) => {
                let begin = ends.iter().rfind(|end| **end <= at as u64).copied().unwrap_or(0);
                let begin = if at < HEADER { 0 } else { begin.max(HEADER as u64) };
                let end = ends.iter().find(|end| **end > at as u64).copied().unwrap_or(u64::MAX);
                assert!((begin..end).contains(&damage.at), "byte {at}: {damage}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(disk.bytes(&name(Kind::Log, 1)).as_ref(), Some(&bad), "nothing is changed");
    }
}

#[test]
fn a_log_that_was_closed_is_watched_to_its_end() {
    let disk = ModelDisk::new(1);
    let store = open(&disk, false).expect("opens");
    store.commit(&[push(1, 1, None)]).expect("has room");
    let end = store.stats().log_bytes as usize;
    drop(store);
    let log = disk.bytes(&name(Kind::Log, 1)).expect("the log");
    for at in 0..end {
        let mut bad = log.clone();
        bad[at] ^= 0x10;
        let disk = ModelDisk::with(&[(&name(Kind::Log, 1), &bad)]);
        assert!(matches!(open(&disk, false), Err(OpenError::Damaged(_))), "byte {at}");
    }
}

#[test]
fn damage_may_be_passed_over_and_is_kept() {
    let (log, ends) = log_of_five();
    for at in 0..ends[3] as usize {
        let mut bad = log.clone();
        bad[at] ^= 0x40;
        let disk = ModelDisk::with(&[(&name(Kind::Log, 1), &bad)]);
        let store = open(&disk, true).unwrap_or_else(|error| panic!("byte {at}: {error}"));
        let hit = ends.iter().filter(|end| **end <= at as u64).count() as u64 + 1;
        let expected: Vec<u64> = match at < HEADER {
            true => vec![],
            false => (1..=5).filter(|version| *version != hit).collect(),
        };
        assert_eq!(versions(&store), expected, "byte {at}");
        assert_eq!(store.opened().damaged.len(), 1);
        let kept = format!("{}.bad", name(Kind::Log, 1));
        assert_eq!(store.opened().kept, [PathBuf::from("/model").join(&kept)]);
        assert_eq!(disk.bytes(&kept).as_ref(), Some(&bad));
        drop(store);
        assert_eq!(versions(&open(&disk, false).expect("is mended")), expected, "byte {at}");
        assert_eq!(disk.bytes(&kept).as_ref(), Some(&bad));
    }
}

/// A snapshot of three groups, with the log behind it.
fn snapshot_of_three() -> (Vec<u8>, Vec<u8>) {
    let (log, _) = log_of_five();
    let disk = ModelDisk::with(&[(&name(Kind::Log, 1), &log)]);
    let store = open(&disk, false).expect("opens");
    store.commit(&[push(9, 9, None)]).expect("has room");
    drop(store);
    let bytes = |kind| disk.bytes(&name(kind, 2)).expect("is there");
    (bytes(Kind::Snapshot), bytes(Kind::Log))
}

#[test]
fn each_byte_of_a_snapshot_is_watched() {
    let (snapshot, log) = snapshot_of_three();
    let good = ModelDisk::with(&[(&name(Kind::Snapshot, 2), &snapshot), (&name(Kind::Log, 2), &log)]);
    assert_eq!(versions(&open(&good, false).expect("opens")), [1, 2, 3, 4, 5, 9]);
    for at in 0..snapshot.len() {
        let mut bad = snapshot.clone();
        bad[at] ^= 1 << (at % 8);
        let disk = ModelDisk::with(&[(&name(Kind::Snapshot, 2), &bad), (&name(Kind::Log, 2), &log)]);
        assert!(matches!(open(&disk, false), Err(OpenError::Damaged(_))), "byte {at}");
        assert_eq!(disk.bytes(&name(Kind::Snapshot, 2)).as_ref(), Some(&bad), "it is not overwritten");
    }
    for cut in 0..snapshot.len() {
        let disk =
            ModelDisk::with(&[(&name(Kind::Snapshot, 2), &snapshot[..cut]), (&name(Kind::Log, 2), &log)]);
        assert!(matches!(open(&disk, false), Err(OpenError::Damaged(_))), "cut at {cut}");
    }
}

#[test]
fn a_bad_snapshot_is_made_good_by_what_is_still_there_of_before() {
    let (first, _) = log_of_five();
    let (mut snapshot, log) = snapshot_of_three();
    snapshot[HEADER + 60] ^= 1;
    let all =
        [(&*name(Kind::Log, 1), &*first), (&name(Kind::Snapshot, 2), &snapshot), (&name(Kind::Log, 2), &log)];
    let store = open(&ModelDisk::with(&all), false).expect("the first log has it all");
    assert_eq!(versions(&store), [1, 2, 3, 4, 5, 9]);
    assert_eq!(store.opened().damaged.len(), 1);

    // An older snapshot, of nothing, and its log.
    let empty = ModelDisk::new(1);
    drop(open(&empty, false).expect("opens"));
    drop(open(&empty, false).expect("opens again"));
    let (older, older_log) = (empty.bytes(&name(Kind::Snapshot, 2)), empty.bytes(&name(Kind::Log, 2)));
    let (older, older_log) = (older.expect("a snapshot"), older_log.expect("a log"));
    let renumbered = |bytes: &[u8], kind, to: u64| {
        let old = crate::frame::Header::decode(bytes, kind, 2).expect("a good header");
        let mut new = bytes.to_vec();
        new[..HEADER].copy_from_slice(&crate::frame::Header { number: to, ..old }.encode());
        new
    };
    let (older, older_log) = (renumbered(&older, Kind::Snapshot, 1), renumbered(&older_log, Kind::Log, 1));
    let names = [name(Kind::Snapshot, 1), name(Kind::Log, 1), name(Kind::Snapshot, 2), name(Kind::Log, 2)];
    let with = |log_1: &[u8]| {
        ModelDisk::with(&[
            (&names[0], &*older),
            (&names[1], log_1),
            (&names[2], &*snapshot),
            (&names[3], &*log),
        ])
    };
    // Its log leads to the bad snapshot: nothing is lost.
    let disk = with(&first);
    let store = open(&disk, false).expect("the log has it all");
    assert_eq!(versions(&store), [1, 2, 3, 4, 5, 9]);
    assert_eq!(store.opened().damaged.len(), 1);
    assert_eq!(disk.bytes(&format!("{}.bad", names[2])).as_ref(), Some(&snapshot));
    // Its log does not: the snapshot is what is damaged.
    let refused = open(&with(&older_log), false).expect_err("five changes are missing");
    assert!(refused.to_string().contains("groups-0000000002.snapshot at byte "), "{refused}");
    let passed_over = open(&with(&older_log), true).expect("whatever there is");
    assert_eq!(versions(&passed_over), [9]);
}

#[test]
fn a_log_that_is_missing_is_noticed() {
    let (snapshot, log) = snapshot_of_three();
    let disk = ModelDisk::with(&[(&name(Kind::Snapshot, 2), &snapshot)]);
    let error = open(&disk, false).expect_err("its log is missing").to_string();
    assert!(error.ends_with("groups-0000000002.log at byte 0: the log that follows its snapshot is missing"));
    let disk = ModelDisk::with(&[(&name(Kind::Log, 2), &log)]);
    let error = open(&disk, false).expect_err("its snapshot is missing").to_string();
    assert!(
        error.ends_with("groups-0000000002.log at byte 32: changes before this log are missing"),
        "{error}"
    );
}

#[test]
fn what_a_newer_program_wrote_is_not_touched() {
    let (mut log, _) = log_of_five();
    log[8] = 2;
    let check = crc32c::crc32c(&log[..HEADER - 4]).to_le_bytes();
    log[HEADER - 4..HEADER].copy_from_slice(&check);
    let disk = ModelDisk::with(&[(&name(Kind::Log, 1), &log)]);
    let error = open(&disk, false).expect_err("is newer").to_string();
    assert!(error.ends_with("another version of the format, which this program does not know"), "{error}");
    assert_eq!(disk.bytes(&name(Kind::Log, 1)), Some(log));
}
