//! `multiprom ls`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use dialects::Dialect;
use serde_json::Value;

use crate::files::{Files, files_in, sound};
use crate::process::{multiprom, on_a_terminal, run};
use crate::recorded::{Recorded, fixtures};

/// What `ls --json` says of a directory: by file name.
fn listed(directory: &str) -> BTreeMap<String, Value> {
    let (_, out, _) = run(&mut multiprom(&["ls", "--json", directory]));
    let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let name = |line: &Value| Path::new(line["path"].as_str().unwrap()).file_name().unwrap().to_owned();
    lines.map(|line| (name(&line).into_string().unwrap(), line)).collect()
}

#[test]
fn a_file_is_told_by_its_records_and_its_name() {
    let files = Files::new();
    let python = r#"["jobs", "jobs_total", {"queue": "mail"}, "Jobs."]"#;
    files
        .python("counter_4711.db", &[(python, 3.0)])
        .python("gauge_livemax_4711-r0.db", &[(r#"["depth", "depth", {}, "?"]"#, 1.0)])
        .write(Dialect::Gitlab, "gauge_all_4711-0.db", &[(r#"["d","d",[],[]]"#, 1.0)])
        .write(Dialect::Ruby, "metric_wait_seconds___12.bin", &[("le=0.5", 1.0), ("le=sum", 0.1)])
        .write(Dialect::Ruby, "metric_seen___12.bin", &[("pid=12", 1.0)]);
    let said = listed(files.path());
    let of = |name: &str| {
        let line = &said[name];
        let text = |field: &str| line[field].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {} {}", text("client"), text("kind"), text("mode"), text("process"), line["series"])
    };
    assert_eq!(of("counter_4711.db"), "python counter - 4711 1");
    assert_eq!(of("gauge_livemax_4711-r0.db"), "python gauge livemax 4711-r0 1");
    assert_eq!(of("gauge_all_4711-0.db"), "gitlab gauge all 4711 1");
    assert_eq!(of("metric_wait_seconds___12.bin"), "ruby histogram - 12 2");
    assert_eq!(of("metric_seen___12.bin"), "ruby gauge all 12 1");
    assert_eq!(said["metric_seen___12.bin"]["guessed"], true);
    assert_eq!(said["counter_4711.db"]["damage"], Value::Null);
}

#[test]
fn a_table_ends_with_a_total_and_leaves_empty_columns_out() {
    let files = Files::new();
    files
        .python("counter_10.db", &[(r#"["a", "a_total", {}, ""]"#, 1.0)])
        .python("counter_9.db", &[(r#"["a", "a_total", {}, ""]"#, 1.0)]);
    let _writer = std::fs::OpenOptions::new().write(true).open(files.join("counter_10.db")).unwrap();
    let (code, out, errors) = run(&mut multiprom(&["ls", "--sort", "process", files.path()]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [
            "FILE           CLIENT  KIND     PROCESS  WRITER  SERIES     USED",
            "counter_9.db   python  counter  9        dead         1  56/4096",
            "counter_10.db  python  counter  10       alive        1  56/4096",
            "2 files of 2 processes (1 alive, 1 dead): 2 series, 112 of 8192 used",
        ]
    );
}

#[test]
fn files_that_are_being_folded_are_listed_under_their_old_names_as_long_as_they_count() {
    let files = Files::interrupted_fold();
    let _writer = std::fs::OpenOptions::new().write(true).open(files.join("counter_3.db")).unwrap();
    let (code, out, errors) = run(&mut multiprom(&["ls", files.path()]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [
            "FILE                CLIENT  KIND     PROCESS  WRITER   SERIES     USED",
            "counter_2.db        python  counter  2        folding       1  56/4096",
            "counter_3.db        python  counter  3        folding       1  56/4096",
            "counter_3.db        python  counter  3        alive         1  56/4096",
            "counter_archive.db  python  counter  archive  archive       1   56/144",
            "4 files of 2 processes (1 alive, 1 dead): 4 series, 224 of 12.1K used",
        ]
    );
    let said = listed(files.path());
    let retired = &said[".multiprom-fold~7~counter_archive.db~counter_2.db"];
    assert_eq!((&retired["file"], &retired["life"]), (&"counter_2.db".into(), &"folding".into()));
}

#[test]
fn damage_stands_below_the_file_where_a_terminal_has_no_room_for_it() {
    let files = Files::new();
    let mut bytes = sound(Dialect::PYTHON, &[(r#"["a", "a_total", {}, ""]"#, 1.0)]);
    files.write_bytes("gauge_livemostrecent_4711.db", &bytes);
    bytes.truncate(40);
    files.write_bytes("counter_4711.db", &bytes);
    let _writer = std::fs::OpenOptions::new().write(true).open(files.join("counter_4711.db")).unwrap();
    let shown = |columns: u16| {
        let mut ls = on_a_terminal(columns, &format!("ls {}", files.path()));
        let (code, out, _) = run(ls.env("NO_COLOR", "1").stdin(Stdio::null()));
        assert_eq!(code, Some(0), "{out}");
        out.lines().take(4).map(str::to_owned).collect::<Vec<_>>()
    };
    let damage = "at 8: the length of key and padding does not end on a multiple of 8";
    let wide = shown(200);
    assert!(wide[0].ends_with("  DAMAGE") && wide[1].ends_with(&format!("  56/40  {damage}")), "{wide:?}");
    assert_eq!(
        shown(60),
        [
            "FILE                          WRITER  SERIES     USED",
            "counter_4711.db               alive        0    56/40",
            "    at 8: the length of key and padding does not end on a",
            "    multiple of 8",
        ]
    );
}

#[test]
fn what_is_left_over_is_counted_once_it_is_old_and_does_not_count() {
    let files = Files::interrupted_fold();
    files.write_bytes(".multiprom-new-7-99", b"").write_bytes(".counter_8-r0.db.new", b"");
    let total = |files: &Files| {
        let (code, out, errors) = run(&mut multiprom(&["ls", files.path()]));
        assert_eq!((code, &*errors), (Some(0), ""));
        out.lines().find(|line| line.contains(" used") || line.starts_with("no ")).unwrap().to_owned()
    };
    assert!(total(&files).ends_with(" used"), "{}", total(&files));
    for name in files_in(Path::new(files.path())) {
        let file = std::fs::OpenOptions::new().write(true).open(name).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    // Of three files of the fold one is in the archive.
    let said = total(&files);
    assert!(said.starts_with("4 files of 2 "), "{said}");
    assert!(said.ends_with("; 3 files are left over, see multiprom check"), "{said}");

    let empty = Files::new();
    std::fs::rename(files.join(".multiprom-new-7-99"), empty.join(".multiprom-new-7-99")).unwrap();
    assert_eq!(total(&empty), "no metrics files; 1 file is left over, see multiprom check");
}

#[test]
fn the_greatest_come_first_where_it_is_sorted_by_a_number() {
    let files = Files::new();
    let key = |name: &str| format!(r#"["{name}", "{name}", {{}}, "{}"]"#, "long help ".repeat(20));
    files
        .python("counter_1.db", &[(&key("a"), 1.0)])
        .python("counter_2.db", &[(r#"["a", "a", {}, ""]"#, 1.0), (r#"["b", "b", {}, ""]"#, 1.0)]);
    for (order, first) in [("used", "counter_1.db"), ("series", "counter_2.db"), ("name", "counter_1.db")] {
        let (_, out, _) = run(&mut multiprom(&["ls", "--sort", order, files.path()]));
        assert!(out.lines().nth(1).unwrap().starts_with(first), "{order}: {out}");
    }
}

#[test]
fn a_name_cannot_reach_the_terminal() {
    let files = Files::new();
    files.python("counter_\x1b[31m1.db", &[(r#"["a", "a_total", {}, ""]"#, 1.0)]);
    for arguments in [&["ls"][..], &["ls", "--json"], &["dump"], &["check"]] {
        let (_, out, _) = run(multiprom(arguments).arg(files.path()));
        assert!(!out.contains('\x1b'), "{arguments:?}: {out:?}");
    }
}

#[test]
fn what_is_no_file_is_never_waited_for() {
    let files = Files::new();
    let made = std::process::Command::new("mkfifo").arg(files.join("counter_1.db")).status().unwrap();
    assert!(made.success());
    let fifo = files.join("counter_1.db");
    let (code, out, errors) = run(&mut multiprom(&["ls", fifo.to_str().unwrap()]));
    assert_eq!(code, Some(1), "{out}{errors}");
    assert!(out.contains("not a regular file"), "{out}");
    assert_eq!(run(&mut multiprom(&["ls", files.path()])).0, Some(0));
}

#[test]
fn a_directory_that_is_missing_is_named_and_the_others_are_listed() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let (code, out, errors) = run(&mut multiprom(&["ls", "/no/such/directory", recorded.path()]));
    assert_eq!(code, Some(1));
    assert_eq!(errors, "multiprom: open /no/such/directory: No such file or directory (os error 2)\n");
    assert!(out.contains("counter_101.db"), "{out}");
}

/// Damage as `collect` logs it: by file name, where and why.
fn logged(directory: &str) -> BTreeMap<String, (u64, String)> {
    let (code, _, log) = run(&mut multiprom(&["collect", directory]));
    assert_eq!(code, Some(0), "{log}");
    let mut damage = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("a damaged file counts")) {
        let (_, rest) = line.split_once("last whole record: ").unwrap();
        let (why, rest) = rest.split_once(" file=").unwrap();
        let (path, offset) = rest.split_once(" offset=").unwrap();
        let name = Path::new(path).file_name().unwrap().to_str().unwrap().to_owned();
        damage.insert(name, (offset.trim().parse().unwrap(), why.to_owned()));
    }
    damage
}

#[test]
fn damage_is_told_in_the_collectors_words() {
    let mut chance = 1_u64;
    let mut below = |limit: usize| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) as usize % limit
    };
    let mut damaged = 0;
    let directories =
        ["python-multiprocess/01-basic", "python-multiprocess/06-old-0.14.1"].map(Recorded::new);
    let ruby = fixtures().join("ruby-direct-file-store/10_summaries/data");
    let gitlab = fixtures().join("ruby-mmap/03_histograms/data");
    let folders = directories.iter().map(|it| Path::new(it.path())).chain([ruby.as_path(), gitlab.as_path()]);
    for folder in folders {
        let files = Files::new();
        for (number, file) in files_in(folder).iter().cycle().take(120).enumerate() {
            let mut bytes = std::fs::read(file).unwrap();
            let used = dialects::used(&bytes).max(9);
            match number % 5 {
                0 => bytes.truncate(below(used)),
                1 => bytes[..4].copy_from_slice(&(below(2 * used) as u32).to_le_bytes()),
                2 => bytes[8 + below(used - 8)] ^= 1 << below(8),
                3 => {
                    let at = 8 + below(used - 8);
                    bytes.truncate(at);
                    bytes.resize(used + 64, 0);
                }
                _ => bytes[8 + below(used - 8)] = below(256) as u8,
            }
            let name = file.file_name().unwrap().to_str().unwrap();
            // Each as if of another process, whose name may not collide with a number that means something.
            let (stem, ending) = name.rsplit_once('.').unwrap();
            let (kind, process) = stem.rsplit_once('_').unwrap();
            files.write_bytes(&format!("{kind}_{number}00{process}.{ending}"), &bytes);
        }
        let expected = logged(files.path());
        let said = listed(files.path());
        let said: BTreeMap<String, (u64, String)> = said
            .into_iter()
            .filter_map(|(name, line)| {
                let damage = line["damage"].as_object()?;
                Some((name, (damage["offset"].as_u64()?, damage["why"].as_str()?.to_owned())))
            })
            .collect();
        for (name, damage) in &expected {
            assert_eq!(said.get(name), Some(damage), "{name}");
        }
        for (name, damage) in &said {
            assert_eq!(expected.get(name), Some(damage), "{name}");
        }
        damaged += said.len();
        for arguments in [&["dump"][..], &["dump", "--json"], &["check"], &["check", "--json"]] {
            let (code, out, errors) = run(multiprom(arguments).arg(files.path()));
            let ended = (code, errors.as_str());
            assert!(matches!(ended, (Some(0 | 1), "")) && !out.is_empty(), "{arguments:?}: {ended:?}");
            assert!(!out.contains(|letter: char| letter.is_control() && letter != '\n'), "{arguments:?}");
        }
    }
    assert!(damaged > 200, "{damaged}");
}
