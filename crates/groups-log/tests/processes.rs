//! Real processes: killed in the midst of writing, short of room, and two at once.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use groups_log::{LogStore, OpenError, Options, Sync};
use push_groups::{Act, Change, ClaimChange, GroupKey, GroupStore, Once, Outcome, Version};

/// What tells the child where to write.
const DIRECTORY: &str = "GROUPS_LOG_TEST_DIRECTORY";
const GROUPS: u64 = 50;
/// What tells the child that there is to be one log alone.
const ONE_LOG: &str = "GROUPS_LOG_TEST_ONE_LOG";

/// A log of so many bytes is enough for a snapshot: few, so that snapshots and new logs come often.
const OFTEN: u64 = 300_000;

fn options(directory: &Path) -> Options {
    Options { snapshot_after: OFTEN, ..Options::new(directory) }
}

fn key(group: u64) -> GroupKey {
    GroupKey::new([("job", "kill"), ("instance", &*group.to_string())]).expect("a good key")
}

fn push(group: u64, expects: Option<Version>, gives: u64) -> Change {
    let content: Arc<[u8]> = gives.to_le_bytes().repeat(100).into();
    Change {
        key: key(group),
        expects,
        gives: Version(gives),
        act: Act::Push { content, lives: None },
        claims: ClaimChange::default(),
        once: Some(Once { id: gives.to_string().into(), keep: Duration::from_secs(1) }),
    }
}

/// The version of each group.
fn versions(store: &LogStore) -> HashMap<u64, u64> {
    let groups = store.follow(None).expect("it answers").groups;
    let version = |(key, entry): (GroupKey, Option<Arc<push_groups::Entry>>)| {
        let entry = entry?;
        assert_eq!(*entry.content, *entry.version.0.to_le_bytes().repeat(100), "half a change in {key}");
        Some((key.label("instance")?.parse().ok()?, entry.version.0))
    };
    groups.into_iter().filter_map(version).collect()
}

/// Writes on and on, and says what was acknowledged: the child of the tests below, which start it by name.
#[test]
#[ignore = "the process that is killed"]
fn child() {
    let directory = std::env::var_os(DIRECTORY).expect("who starts it says where");
    let snapshot_after = if std::env::var_os(ONE_LOG).is_some() { u64::MAX } else { OFTEN };
    let store = LogStore::open(Options { snapshot_after, ..options(Path::new(&directory)) }).expect("opens");
    let mut held = versions(&store);
    let mut next = held.values().max().copied().unwrap_or(0);
    let mut out = std::io::stdout();
    writeln!(out, "open").expect("somebody reads");
    loop {
        let changes: Vec<Change> = (0..1 + next % 4)
            .map(|_| {
                next += 1;
                let group = next * 7 % GROUPS;
                push(group, held.insert(group, next).map(Version), next)
            })
            .collect();
        match store.commit(&changes) {
            Ok(outcomes) => {
                let made = |outcome: &Outcome| matches!(outcome, Outcome::Made { .. });
                assert!(outcomes.iter().all(made), "{outcomes:?}");
                writeln!(out, "made {next}").expect("somebody reads");
            }
            Err(error) => {
                writeln!(out, "failed {error}").expect("somebody reads");
                return;
            }
        }
    }
}

fn start(directory: &Path, before: &str) -> std::process::Child {
    let program = std::env::current_exe().expect("this program");
    let command = format!("{before} exec \"$0\" --ignored --exact child --nocapture");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).arg(program).env(DIRECTORY, directory).stdout(Stdio::piped());
    shell.stderr(Stdio::null()).spawn().expect("starts")
}

/// Whether `store` has all that was acknowledged up to this version, and how much that is.
fn has_all(store: &LogStore, acknowledged: u64) {
    let held = versions(store);
    for version in acknowledged.saturating_sub(GROUPS - 1).max(1)..=acknowledged {
        let found = held.get(&(version * 7 % GROUPS)).copied().unwrap_or(0);
        assert!(found >= version, "{version} was acknowledged, and there is {found}");
    }
}

/// `GROUPS_LOG_KILLS` says how often; 20 times where it does not.
#[test]
fn a_killed_process_has_lost_nothing_that_was_acknowledged() {
    let kills = std::env::var("GROUPS_LOG_KILLS").map_or(20, |text| text.parse().expect("a number"));
    let directory = tempfile::tempdir().expect("a directory");
    let mut acknowledged = 0;
    for kill in 0..kills {
        let mut child = start(directory.path(), "");
        let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
        let opened = lines.by_ref().map(|line| line.expect("text")).find(|line| line.ends_with("open"));
        assert!(opened.is_some(), "it does not open after kill {kill}");
        // Whatever the clock says in nanoseconds is as good as chance.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_micros(u64::from(now.subsec_nanos()) / 1000 % 120_000));
            child.kill().expect("is ours");
            child.wait().expect("ends");
        });
        for line in lines.map_while(Result::ok) {
            if let Some(version) = line.strip_prefix("made ").and_then(|text| text.parse().ok()) {
                acknowledged = version;
            }
        }
        killer.join().expect("it is killed");
        has_all(&LogStore::open(options(directory.path())).expect("opens"), acknowledged);
    }
    assert!(acknowledged > 0, "{kills} children wrote nothing");
    println!("{kills} kills, {acknowledged} changes acknowledged, none lost");
}

#[test]
fn a_process_that_is_out_of_room_refuses_and_has_lost_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    // No file may be longer than so many blocks; who ignores the signal is told so by the write.
    let mut child = start(directory.path(), &format!("trap '' XFSZ; ulimit -f 5000; export {ONE_LOG}=1;"));
    let lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
    let (mut acknowledged, mut failed) = (0, None);
    for line in lines.map_while(Result::ok) {
        if let Some(version) = line.strip_prefix("made ").and_then(|text| text.parse().ok()) {
            acknowledged = version;
        }
        failed = failed.or_else(|| line.strip_prefix("failed ").map(str::to_owned));
    }
    child.wait().expect("ends");
    let failed = failed.expect("there is no room for more");
    let log = directory.path().join("groups-0000000001.log");
    assert!(failed.starts_with(&format!("make room in {} at ", log.display())), "{failed}");
    assert!(failed.ends_with(": File too large (os error 27)"), "{failed}");
    assert!(acknowledged > 1000, "{acknowledged}");
    has_all(&LogStore::open(options(directory.path())).expect("opens"), acknowledged);
}

#[test]
fn a_directory_is_one_stores() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = LogStore::open(options(directory.path())).expect("opens");
    let second = LogStore::open(options(directory.path())).expect_err("is in use");
    assert!(matches!(&second, OpenError::InUse(path) if path == directory.path()));
    let path = directory.path().display();
    assert_eq!(second.to_string(), format!("{path}: another process keeps its groups in this directory"));
    drop(first);
    LogStore::open(options(directory.path())).expect("is free again");
}

#[test]
fn what_is_synced_by_and_by_is_read_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let by_and_by = |sync| Options { sync, ..options(directory.path()) };
    for (at, sync) in [Sync::Interval(Duration::from_millis(5)), Sync::Never].into_iter().enumerate() {
        let store = LogStore::open(by_and_by(sync)).expect("opens");
        let group = at as u64;
        store.commit(&[push(group, None, group + 1)]).expect("has room");
        if sync != Sync::Never {
            let begun = Instant::now();
            while store.stats().syncs == 0 {
                assert!(begun.elapsed() < Duration::from_secs(60), "nobody syncs");
                std::thread::yield_now();
            }
        }
    }
    let store = LogStore::open(options(directory.path())).expect("opens");
    assert_eq!(versions(&store), HashMap::from([(0, 1), (1, 2)]));
}
