//! Whatever lies in a directory, the page stays up with everything else, and the fault is named and counted.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use collector::{Ask, Catalog, Collector, DirSource, Directory};
use dialects::{Dialect, HEADER_LEN, push_record};
use exposition::Format;
use support::{block_on, collector, encoded};

const JOBS: &str = r#"["jobs", "jobs_total", {}, "Jobs."]"#;

/// A Python file with these records, as long as one that Python has made.
fn bytes(records: &[(&str, f64)]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    for (key, value) in records {
        push_record(Dialect::PYTHON, key.as_bytes(), *value, 0.0, &mut bytes);
    }
    set_used(&mut bytes);
    bytes.resize(64 * 1024, 0);
    bytes
}

fn set_used(bytes: &mut [u8]) {
    let used = bytes.len() as u32;
    bytes[..4].copy_from_slice(&used.to_le_bytes());
}

fn page(collector: &Collector) -> String {
    encoded(Format::TEXT, &block_on(collector.collect(&Ask::default())).unwrap())
}

/// The faults that were counted, by reason, without those that were not met.
fn faults(collector: &Collector) -> Vec<(String, f64)> {
    let own = collector.own();
    let family = own.families.iter().find(|family| &*family.name == "multiprom_files_bad").unwrap();
    let samples = family.samples.iter().filter(|sample| sample.value > 0.0);
    samples
        .map(|it| (String::from_utf8_lossy(it.series.label("reason").unwrap()).into_owned(), it.value))
        .collect()
}

/// What lies there, how it is made, the reason that is counted, and what it adds to the page.
type Case = (&'static str, fn(&Path), Option<&'static str>, f64);

const CASES: &[Case] = &[
    ("a file without length", |path| drop(File::create(path).unwrap()), None, 0.0),
    ("zeros", |path| fs::write(path, vec![0; 65_536]).unwrap(), None, 0.0),
    ("three bytes", |path| fs::write(path, [1, 2, 3]).unwrap(), Some("truncated"), 0.0),
    (
        "one that was cut",
        |path| fs::write(path, &bytes(&[(JOBS, 5.0), (JOBS, 7.0)])[..HEADER_LEN + 60]).unwrap(),
        Some("truncated"),
        5.0,
    ),
    (
        "one whose last record was half written when its header was",
        |path| {
            let mut half = bytes(&[(JOBS, 5.0)]);
            half[0] += 24;
            fs::write(path, half).unwrap();
        },
        Some("corrupt"),
        5.0,
    ),
    (
        "another program's file",
        |path| fs::write(path, "SQLite format 3\0and whatever comes behind it, for a while").unwrap(),
        Some("corrupt"),
        0.0,
    ),
    (
        "a key that cannot be read",
        |path| {
            fs::write(path, bytes(&[(JOBS, 5.0), (r#"["jobs", "jobs_total", {}, 7]"#, 7.0), (JOBS, 11.0)]))
                .unwrap()
        },
        Some("corrupt"),
        5.0,
    ),
    (
        "a negative length in use",
        |path| {
            let mut negative = bytes(&[(JOBS, 5.0)]);
            negative[..4].copy_from_slice(&(-1_i32).to_le_bytes());
            fs::write(path, negative).unwrap();
        },
        None,
        0.0,
    ),
    (
        "a length in use beyond the end",
        |path| {
            let mut beyond = bytes(&[(JOBS, 5.0)]);
            beyond[..4].copy_from_slice(&i32::MAX.to_le_bytes());
            fs::write(path, beyond).unwrap();
        },
        Some("corrupt"),
        5.0,
    ),
    (
        "a key of one GiB",
        |path| {
            let mut long = bytes(&[(JOBS, 5.0)]);
            let used = dialects::used(&long);
            long[used..used + 4].copy_from_slice(&(1_u32 << 30).to_le_bytes());
            long[..4].copy_from_slice(&0x7fff_0000_u32.to_le_bytes());
            fs::write(path, long).unwrap();
        },
        Some("truncated"),
        5.0,
    ),
    (
        "two GiB of nothing, all in use",
        |path| {
            let file = File::create(path).unwrap();
            std::os::unix::fs::FileExt::write_at(&file, &i32::MAX.to_le_bytes(), 0).unwrap();
            file.set_len(1 << 31).unwrap();
        },
        Some("corrupt"),
        0.0,
    ),
    ("a directory", |path| fs::create_dir(path).unwrap(), Some("not_a_file"), 0.0),
    (
        "a pipe",
        |path| assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success()),
        Some("not_a_file"),
        0.0,
    ),
    ("a link to nowhere", |path| symlink("nowhere", path).unwrap(), Some("link"), 0.0),
    ("a link out of the directory", |path| symlink("/proc/self/mem", path).unwrap(), Some("link"), 0.0),
    ("a link in circles", |path| symlink(path, path).unwrap(), Some("link"), 0.0),
];

#[test]
fn the_page_stays_up_with_everything_else_and_the_fault_is_counted_once() {
    for (what, make, reason, adds) in CASES {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("counter_1.db"), bytes(&[(JOBS, 1.0)])).unwrap();
        make(&root.path().join("counter_2.db"));
        fs::write(root.path().join("counter_3.db"), bytes(&[(JOBS, 2.0)])).unwrap();
        let collector = collector(root.path(), Catalog::default());
        let expected =
            format!("# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total {:?}\n", 3.0 + adds);
        for _ in 0..3 {
            let begun = Instant::now();
            assert_eq!(page(&collector), expected, "{what}");
            // Nothing is waited for, and two GiB are not read.
            assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        }
        let counted: Vec<(String, f64)> = reason.iter().map(|reason| ((*reason).to_owned(), 1.0)).collect();
        assert_eq!(faults(&collector), counted, "{what}");
    }
}

#[test]
fn a_link_within_the_directory_is_followed() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("there"), bytes(&[(JOBS, 4.0)])).unwrap();
    symlink("there", root.path().join("counter_1.db")).unwrap();
    assert!(page(&collector(root.path(), Catalog::default())).ends_with("jobs_total 4.0\n"));
}

#[test]
fn files_that_appear_grow_shrink_and_vanish_while_they_are_read_fail_no_scrape() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("counter_1.db"), bytes(&[(JOBS, 1.0)])).unwrap();
    let other = r#"["other", "other_total", {}, "Other."]"#;
    let (long, short) = (bytes(&[(other, 1.0), (JOBS, 0.0), (other, 1.0)]), bytes(&[(other, 1.0)]));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0_usize.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let path = root.path().join(format!("counter_{}.db", 2 + turn % 5));
                let file = File::options().write(true).create(true).truncate(false).open(&path).unwrap();
                match turn % 7 {
                    0 => fs::remove_file(&path).unwrap(),
                    1 => file.set_len(0).unwrap(),
                    2 => file.set_len(100).unwrap(),
                    3 => fs::write(&path, &short).unwrap(),
                    _ => fs::write(&path, &long).unwrap(),
                }
            }
        });
        let collector = collector(root.path(), Catalog::default());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            let page = page(&collector);
            assert!(page.contains("\njobs_total 1.0\n"), "{page}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Files of a directory that has far too many; `MULTIPROM_FILES` says otherwise.
const MANY_FILES: usize = 20_000;
/// The most memory that a file may take which has ever been read, in bytes.
const MOST_OF_A_FILE: usize = 2_048;

#[test]
fn a_directory_of_many_files_takes_memory_and_time_in_proportion() {
    let files = std::env::var("MULTIPROM_FILES").map_or(MANY_FILES, |files| files.parse().unwrap());
    let root = tempfile::tempdir().unwrap();
    // Links to a few files cost a file system less than as many files; some allow 65,000 to each.
    const LINKS: usize = 50_000;
    let content = bytes(&[(JOBS, 1.0)]);
    let content = &content[..dialects::used(&content)];
    let path = |number: usize| root.path().join(format!("counter_{number}.db"));
    for number in 0..files {
        match number % LINKS {
            0 => fs::write(path(number), content).unwrap(),
            of_a_link => fs::hard_link(path(number - of_a_link), path(number)).unwrap(),
        }
    }
    let before = resident_bytes();
    let collector = collector(root.path(), Catalog::default());
    // The second one asks who lives.
    for _ in 0..3 {
        let begun = Instant::now();
        let page = page(&collector);
        let total = page.trim_end().rsplit(' ').next().and_then(|total| total.parse::<f64>().ok());
        assert_eq!(total, Some(files as f64), "{page}");
        println!("{files} files in {:?}", begun.elapsed());
    }
    let taken = resident_bytes().saturating_sub(before);
    println!("{taken} bytes are kept of them");
    assert!(taken <= files * MOST_OF_A_FILE, "{taken} bytes for {files} files");
}

/// The memory that this process has at the moment.
fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A number of the collector's own metrics.
fn own(collector: &Collector, name: &str) -> f64 {
    let own = collector.own();
    let family = own.families.iter().find(|family| &*family.name == name).unwrap();
    family.samples.iter().map(|sample| sample.value).sum()
}

#[test]
fn what_is_known_of_files_and_sources_is_among_our_own_metrics() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("counter_1.db"), bytes(&[(JOBS, 1.0)])).unwrap();
    fs::write(root.path().join("counter_2.db"), bytes(&[(JOBS, 2.0)])).unwrap();
    let collector = collector(root.path(), Catalog::default());
    let _writer = File::options().append(true).open(root.path().join("counter_1.db")).unwrap();
    let mut ask = Ask::default();
    ask.liveness = collector::Liveness::Observed;
    block_on(collector.collect(&ask)).unwrap();
    let told = |name| own(&collector, name);
    assert_eq!((told("multiprom_directory_files"), told("multiprom_directory_dead_files")), (2.0, 1.0));
    assert_eq!((told("multiprom_build_info"), told("multiprom_source_up")), (1.0, 1.0));
    assert!(told("multiprom_last_collection_stage_seconds") <= told("multiprom_last_collection_seconds"));
    // The dead one was read after it was known to be dead, and is not opened again.
    let before = told("multiprom_directory_read_bytes");
    block_on(collector.collect(&ask)).unwrap();
    let once = told("multiprom_directory_read_bytes") - before;
    assert_eq!(told("multiprom_directory_settled_files"), 1.0);
    assert!(once > 0.0 && once < 100.0, "{once} bytes: of one file");
    fs::remove_dir_all(root.path()).unwrap();
    assert!(block_on(collector.collect(&ask)).is_err());
    assert_eq!(told("multiprom_source_up"), 0.0);
    fs::create_dir(root.path()).unwrap();
}

#[test]
fn a_dead_file_that_another_one_takes_the_place_of_is_read_again() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("counter_2.db");
    fs::write(root.path().join("counter_1.db"), bytes(&[(JOBS, 1.0)])).unwrap();
    fs::write(&path, bytes(&[(JOBS, 2.0)])).unwrap();
    let _writer = File::options().append(true).open(root.path().join("counter_1.db")).unwrap();
    let collector = collector(root.path(), Catalog::default());
    let mut ask = Ask::default();
    ask.liveness = collector::Liveness::Observed;
    let page = || encoded(Format::TEXT, &block_on(collector.collect(&ask)).unwrap());
    for _ in 0..2 {
        assert!(page().ends_with("jobs_total 3.0\n"));
    }
    assert_eq!(own(&collector, "multiprom_directory_settled_files"), 1.0);
    fs::rename(&path, root.path().join("old")).unwrap();
    fs::write(&path, bytes(&[(JOBS, 5.0)])).unwrap();
    assert!(page().ends_with("jobs_total 6.0\n"));
}

#[test]
fn where_all_writers_are_known_to_be_in_sight_gauges_of_the_living_need_no_other_one() {
    let root = tempfile::tempdir().unwrap();
    let gauge = r#"["busy", "busy", {}, "Help."]"#;
    fs::write(root.path().join("gauge_livesum_1.db"), bytes(&[(gauge, 1.0)])).unwrap();
    let page = |in_sight: bool| {
        let directory = Directory { path: root.path().to_owned(), labels: vec![] };
        let source = DirSource::new(vec![directory], Catalog::default()).unwrap();
        let source = if in_sight { source.with_processes_in_sight() } else { source };
        let mut ask = Ask::default();
        ask.liveness = collector::Liveness::Observed;
        let collector = Collector::new(vec![Box::new(source)]);
        encoded(Format::TEXT, &block_on(collector.collect(&ask)).unwrap())
    };
    // Nobody was ever seen to write there: it may be somebody who cannot be seen.
    assert!(page(false).ends_with("busy 1.0\n"));
    assert_eq!(page(true), "");
}
