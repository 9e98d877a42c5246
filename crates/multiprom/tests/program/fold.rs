//! `multiprom fold`, and what `collect` makes of the living and the dead.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::files::Files;
use crate::process::{multiprom, run};

const A: &str = r#"["a", "a_total", {}, "A."]"#;
const G: &str = r#"["g", "g", {}, "G."]"#;

fn two_workers() -> Files {
    let files = Files::new();
    files.python("counter_1.db", &[(A, 1.0)]).python("counter_2.db", &[(A, 2.0)]);
    files.python("gauge_livesum_1.db", &[(G, 1.0)]).python("gauge_livesum_2.db", &[(G, 2.0)]);
    files
}

fn names(files: &Files) -> Vec<String> {
    let names =
        fs::read_dir(files.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn page(files: &Files, arguments: &[&str]) -> Vec<String> {
    let (code, out, errors) = run(multiprom(&["collect", files.path()]).args(arguments));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    out.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn files_of_dead_processes_become_one_and_the_page_stays() {
    let files = two_workers();
    let _alive = fs::File::options().append(true).open(files.join("counter_2.db")).unwrap();
    let (code, out, errors) = run(&mut multiprom(&["fold", files.path()]));
    let said = format!(
        "{}: 1 file folded into counter_archive.db, 2 deleted; 1 file of living processes\n",
        files.path()
    );
    assert_eq!((code, out, errors.as_str()), (Some(0), said, ""));
    assert_eq!(names(&files), ["counter_2.db", "counter_archive.db"]);
    assert_eq!(page(&files, &[]), ["a_total 3.0"]);
}

#[test]
fn where_no_writer_is_in_sight_somebody_has_to_say_that_there_is_none() {
    let files = two_workers();
    let (code, out, errors) = run(&mut multiprom(&["fold", files.path()]));
    assert_eq!(
        (code, out),
        (Some(1), format!("{}: 0 files folded; 0 files of living processes\n", files.path()))
    );
    assert!(
        errors.contains("4 files may be of living processes: ") && errors.contains("--offline"),
        "{errors}"
    );
    assert_eq!(names(&files).len(), 4);
    let (code, _, errors) = run(&mut multiprom(&["fold", "--offline", files.path()]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(names(&files), ["counter_archive.db"]);
}

#[test]
fn gauges_of_the_living_are_shown_as_filed_or_as_observed() {
    let files = two_workers();
    let _alive = fs::File::options().append(true).open(files.join("gauge_livesum_2.db")).unwrap();
    assert_eq!(page(&files, &[]), ["a_total 3.0", "g 3.0"]);
    assert_eq!(page(&files, &["--liveness", "observed"]), ["a_total 3.0", "g 2.0"]);
}

#[test]
fn a_disk_that_is_full_leaves_all_files_as_they_were() {
    let files = Files::new();
    let keys: Vec<String> =
        (0..200).map(|series| format!(r#"["a", "a_total", {{"series": "{series}"}}, "A."]"#)).collect();
    let records: Vec<(&str, f64)> = keys.iter().map(|key| (&**key, 1.0)).collect();
    files.python("counter_1.db", &records).python("counter_2.db", &records);
    let before = page(&files, &[]);
    // Files may not become longer than 4 KiB: writing more is an error, as on a full disk.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_multiprom")]);
    let (code, _, errors) = run(limited.args(["fold", "--offline", files.path()]));
    let at = files.join(".multiprom-fold-new~counter_archive.db");
    assert_eq!(code, Some(1));
    assert_eq!(errors, format!("multiprom: write {}: File too large (os error 27)\n", at.display()));
    assert_eq!(names(&files), ["counter_1.db", "counter_2.db"]);
    assert!(!at.exists());
    assert_eq!(page(&files, &[]), before);
    let (code, ..) = run(&mut multiprom(&["fold", "--offline", files.path()]));
    assert_eq!((code, names(&files).len()), (Some(0), 1));
    assert_eq!(page(&files, &[]), before);
}

#[test]
fn a_file_that_may_not_be_read_does_not_hide_the_others() {
    let files = Files::new();
    files.python("counter_1.db", &[(A, 1.0)]).python("counter_2.db", &[(A, 2.0)]);
    fs::set_permissions(files.join("counter_2.db"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Root may read everything, and becomes somebody else for this.
    let program = files.join("multiprom");
    fs::copy(env!("CARGO_BIN_EXE_multiprom"), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["collect", files.path()]);
    if rustix::process::geteuid().is_root() {
        command.uid(65_534);
    }
    let (code, out, errors) = run(&mut command);
    assert_eq!(code, Some(0), "{errors}");
    assert!(out.ends_with("a_total 1.0\n"), "{out}");
    assert!(errors.contains("counter_2.db") && errors.contains("Permission denied"), "{errors}");
}

#[test]
fn a_word_that_is_no_fate_is_refused() {
    let (code, _, errors) = run(&mut multiprom(&["fold", "--fold-all=shred", "."]));
    assert_eq!(code, Some(2));
    assert!(errors.contains("wanted keep, drop, age or age:SECONDS"), "{errors}");
}
