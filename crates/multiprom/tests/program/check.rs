//! `multiprom check`.

use std::time::{Duration, SystemTime};

use dialects::{Dialect, HEADER_LEN};
use serde_json::Value;

use crate::files::{Files, sound};
use crate::process::{multiprom, run};
use crate::recorded::Recorded;

/// Exit code and findings, each as `what file@offset`, with the file `.` where it is the directory.
fn checked(files: &Files) -> (Option<i32>, Vec<String>) {
    let (code, out, errors) = run(multiprom(&["check", "--json"]).arg(files.path()));
    assert_eq!(errors, "");
    let findings = out.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| line[field].as_str().unwrap();
        let name = text("path").strip_prefix(files.path()).unwrap().trim_start_matches('/');
        let name = if name.is_empty() { "." } else { name };
        let offset = line["offset"].as_u64().map_or(String::new(), |offset| format!("@{offset}"));
        assert!(!text("why").is_empty() && !text("advice").is_empty());
        format!("{} {} {name}{offset}", text("weight"), text("what"))
    });
    (code, findings.collect())
}

const A: &str = r#"["a", "a_total", {"x": "1"}, "?"]"#;
const B: &str = r#"["b", "b_total", {"x": "1"}, "?"]"#;

#[test]
fn directories_of_real_clients_are_as_they_should_be() {
    for case in
        ["01-basic", "02-live-dead", "03-labels", "04-numbers", "05-grown", "09-pid-reuse", "11-gunicorn"]
    {
        let recorded = Recorded::new(&format!("python-multiprocess/{case}"));
        let (code, out, errors) = run(&mut multiprom(&["check", recorded.path()]));
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{case}: {out}");
        assert!(out.ends_with("nothing is wrong\n") && out.lines().count() == 1, "{out}");
    }
}

#[test]
fn damage_of_every_sort_is_found_where_it_is() {
    let two = sound(Dialect::PYTHON, &[(A, 1.0), (B, 2.0)]);
    let edited = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = two.clone();
        edit(&mut bytes);
        bytes
    };
    let header = |used: i32| edited(&|bytes| bytes[..4].copy_from_slice(&used.to_le_bytes()));
    let second = HEADER_LEN + dialects::record_len(Dialect::PYTHON, A.as_bytes());
    let table: [(&str, Vec<u8>, &str); 9] = [
        ("counter_1.db", Vec::new(), "fault empty counter_1.db"),
        ("counter_1.db", vec![8, 0], "fault damaged counter_1.db@0"),
        ("counter_1.db", header(-5), "fault negative_used counter_1.db@0"),
        ("counter_1.db", header(1_000_000), "fault damaged counter_1.db@120"),
        ("counter_1.db", edited(&|bytes| bytes.truncate(second + 20)), "fault damaged counter_1.db@64"),
        ("counter_1.db", edited(&|bytes| bytes[second] = 0), "fault damaged counter_1.db@64"),
        ("counter_1.db", edited(&|bytes| bytes[second + 7] = b'\t'), "fault bad_key counter_1.db@71"),
        ("counter_1.db", b"SQLite format 3\0 and more than that".repeat(9), "fault foreign counter_1.db@8"),
        ("foo_1.db", two.clone(), "fault unknown_kind foo_1.db"),
    ];
    for (name, bytes, expected) in table {
        let files = Files::new();
        files.write_bytes(name, &bytes);
        assert_eq!(checked(&files), (Some(1), vec![expected.to_owned()]));
    }
}

#[test]
fn a_finding_says_what_to_do() {
    let files = Files::new();
    let mut bytes = sound(Dialect::PYTHON, &[(A, 1.0), (B, 2.0)]);
    bytes.truncate(100);
    files.write_bytes("counter_4711.db", &bytes);
    let (code, out, _) = run(&mut multiprom(&["check", files.path()]));
    assert_eq!(code, Some(1));
    let expected = [
        "/counter_4711.db at 64: damaged (its header says 120 bytes, there are 100: it was cut): the key is cut off \
         or its length is wrong",
        "  = pages have the record before it; once process 4711 has ended, delete the file, if what pages have \
         of it may go",
        "1 file: 1 thing is wrong",
    ];
    assert_eq!(out.replace(files.path(), "").lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_series_twice_in_a_file_is_found_but_for_our_own_threads() {
    let swapped = r#"["a", "a_total", {"x": "1"}, "another help"]"#;
    let files = Files::new();
    files
        .python("counter_1.db", &[(A, 1.0), (B, 1.0), (A, 1.0)])
        .python("counter_2.db", &[(A, 1.0), (swapped, 1.0)]);
    let (_, findings) = checked(&files);
    assert_eq!(
        findings[..2],
        ["fault duplicate_series counter_1.db@120", "fault duplicate_series counter_2.db@64"]
    );

    let ours = Files::new();
    ours.python("counter_1-r0.db", &[(A, 1.0), (B, 1.0), (A, 1.0)])
        .python("gauge_livesum_1-r0.db", &[(A, 1.0), (A, 2.0)]);
    ours.python("gauge_max_1-r0.db", &[(B, 1.0), (B, 2.0)]);
    let (_, findings) = checked(&ours);
    let twice: Vec<&String> = findings.iter().filter(|it| it.contains("duplicate_series")).collect();
    assert_eq!(twice, ["fault duplicate_series gauge_max_1-r0.db@64"]);
}

#[test]
fn families_that_differ_from_file_to_file_are_found() {
    let bucket = |le: &str| format!(r#"["h", "h_bucket", {{"le": "{le}"}}, "?"]"#);
    let (one, two) = (bucket("1.0"), bucket("2.0"));
    let files = Files::new();
    files
        .python("counter_1.db", &[(r#"["a", "a_total", {}, "One."]"#, 1.0)])
        .python("counter_2.db", &[(r#"["a", "a_total", {}, "Two."]"#, 1.0)])
        .python("gauge_max_1.db", &[(r#"["a", "a", {}, "One."]"#, 1.0), (r#"["g", "g", {}, "?"]"#, 1.0)])
        .python("gauge_min_1.db", &[(r#"["g", "g", {}, "?"]"#, 1.0)])
        .python("histogram_1.db", &[(&one, 1.0), (&bucket("+Inf"), 1.0)])
        .python("histogram_2.db", &[(&two, 1.0), (&bucket("+Inf"), 1.0)])
        // The same bounds, spelled in another way.
        .python("histogram_3.db", &[(&bucket("1"), 1.0), (&bucket("inf"), 1.0)]);
    let expected = [
        "fault kinds_differ gauge_max_1.db",
        "remark help_differs counter_2.db",
        "fault modes_differ gauge_min_1.db",
        "fault buckets_differ histogram_2.db",
    ];
    assert_eq!(checked(&files), (Some(1), expected.map(str::to_owned).to_vec()));
}

#[test]
fn what_does_no_harm_is_a_remark() {
    let files = Files::new();
    files
        .python("counter_1.db", &[(A, 1.0)])
        .write(Dialect::Ruby, "metric_a_total___1.bin", &[("x=1", 1.0)])
        .python("gauge_all_worker_1.db", &[(r#"["g", "g", {}, "?"]"#, 1.0)])
        .python("gauge_all_worker_2.db", &[(r#"["g", "g", {}, "?"]"#, 1.0)])
        .write_bytes("notes.txt", b"")
        .write_bytes("counter_1.db.bak", b"")
        .write_bytes(".gitkeep", b"");
    let expected = [
        "remark foreign counter_1.db.bak",
        "remark foreign notes.txt",
        "remark dialects_mixed .",
        "remark process_clash gauge_all_worker_2.db",
    ];
    assert_eq!(checked(&files), (Some(0), expected.map(str::to_owned).to_vec()));
}

#[test]
fn dot_files_that_nobody_finished_are_found_once_they_are_old() {
    let files = Files::new();
    files.python("counter_1.db", &[(A, 1.0)]);
    let names = [".counter_7-r0.db.new", ".multiprom-new-7-0"];
    for name in names {
        files.write_bytes(name, b"");
    }
    assert_eq!(checked(&files), (Some(0), Vec::new()));
    for name in names {
        let file = std::fs::OpenOptions::new().write(true).open(files.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }
    let expected = ["remark left_over .counter_7-r0.db.new", "remark left_over .multiprom-new-7-0"];
    assert_eq!(checked(&files), (Some(0), expected.map(str::to_owned).to_vec()));
}

#[test]
fn a_dot_file_whose_process_has_ended_is_left_over_once_its_files_are_gone() {
    let files = Files::new();
    files.python("counter_1.db", &[(A, 1.0)]);
    let boot = std::fs::read_to_string(dialects::BOOT).unwrap();
    files.write_bytes(".multiprom-7-r0", format!("format 1\npid 7\nboot {boot}").as_bytes());
    assert_eq!(checked(&files), (Some(0), vec!["remark left_over .multiprom-7-r0".to_owned()]));
    files.python("counter_7-r0.db", &[(A, 1.0)]);
    assert_eq!(checked(&files), (Some(0), Vec::new()));
    std::fs::remove_file(files.join("counter_7-r0.db")).unwrap();
    let held = std::fs::File::open(files.join(".multiprom-7-r0")).unwrap();
    held.lock().unwrap();
    assert_eq!(checked(&files), (Some(0), Vec::new()));
}

#[test]
fn a_folded_directory_is_as_it_should_be() {
    let files = Files::new();
    // A sum that rounding leaves something of: the archive has two records of it.
    let tenth = [0.1, 0.2, 0.7].map(|value| [(A, value)]);
    for (process, records) in tenth.iter().enumerate() {
        files.python(&format!("counter_{process}.db"), records);
    }
    let (code, _, errors) = run(&mut multiprom(&["fold", "--offline", files.path()]));
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(checked(&files), (Some(0), Vec::new()));
    let (_, out, _) = run(&mut multiprom(&["ls", files.path()]));
    assert!(out.lines().nth(1).unwrap().contains(" archive "), "{out}");
    assert!(out.lines().last().unwrap().starts_with("1 file of 0 processes: "), "{out}");
}

#[test]
fn what_a_fold_left_that_was_interrupted_is_a_remark() {
    let files = Files::new();
    let name = ".multiprom-fold~7~counter_archive.db~counter_4711.db";
    files.python(name, &[(A, 1.0)]);
    assert_eq!(checked(&files), (Some(0), Vec::new()));
    let file = std::fs::OpenOptions::new().write(true).open(files.join(name)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    assert_eq!(checked(&files), (Some(0), vec![format!("remark left_over {name}")]));
}

#[test]
fn damage_in_a_file_that_is_being_folded_is_found_and_its_dot_file_is_not_of_nobody() {
    let files = Files::new();
    let mut bytes = sound(Dialect::PYTHON, &[(A, 1.0), (B, 2.0)]);
    bytes.truncate(100);
    let name = ".multiprom-fold~7~counter_archive.db~counter_7-r0.db";
    files.write_bytes(name, &bytes);
    let boot = std::fs::read_to_string(dialects::BOOT).unwrap();
    files.write_bytes(".multiprom-7-r0", format!("format 1\npid 7\nboot {boot}").as_bytes());
    assert_eq!(checked(&files), (Some(1), vec![format!("fault damaged {name}@64")]));
}

#[test]
fn what_cannot_be_read_is_found() {
    let files = Files::new();
    std::fs::create_dir(files.join("counter_1.db")).unwrap();
    std::os::unix::fs::symlink("nowhere", files.join("counter_2.db")).unwrap();
    let elsewhere = Files::new();
    elsewhere.python("counter_3.db", &[(A, 1.0)]);
    std::os::unix::fs::symlink(elsewhere.join("counter_3.db"), files.join("counter_3.db")).unwrap();
    let expected = [1, 2, 3].map(|at| format!("fault not_regular counter_{at}.db"));
    assert_eq!(checked(&files), (Some(1), expected.to_vec()));

    let (code, out, _) = run(&mut multiprom(&["check", "/no/such/directory"]));
    assert_eq!(code, Some(1));
    assert!(out.starts_with("/no/such/directory: cannot be listed: No such file or directory"), "{out}");
}

#[test]
fn an_empty_directory_is_a_remark() {
    let files = Files::new();
    assert_eq!(checked(&files), (Some(0), vec!["remark no_files .".to_owned()]));
}

#[test]
fn two_directories_with_one_process_want_labels() {
    let (one, two) = (Files::new(), Files::new());
    one.python("counter_1.db", &[(A, 1.0)]);
    two.python("counter_1.db", &[(A, 1.0)]);
    let (code, out, _) = run(&mut multiprom(&["check", one.path(), two.path()]));
    assert_eq!(code, Some(0));
    assert!(
        out.contains(&format!(
            "{}: remark: has files of the same processes as {}: 1",
            two.path(),
            one.path()
        )),
        "{out}"
    );
}
