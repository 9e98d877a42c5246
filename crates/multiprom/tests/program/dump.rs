//! `multiprom dump`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use dialects::{Dialect, HEADER_LEN, header};
use serde_json::{Value, json};

use crate::files::{Files, sound};
use crate::process::{multiprom, run};
use crate::recorded::Recorded;

/// What `dump` prints of these paths.
fn dumped(paths: &[&str]) -> String {
    let (code, out, errors) = run(multiprom(&["dump"]).args(paths));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    out
}

#[test]
fn every_record_is_a_line() {
    let files = Files::new();
    files.python("counter_4711.db", &[(r#"["a", "a_total", {"x": "1", "y": "\u001b"}, "?"]"#, 3.0)]).write(
        Dialect::Ruby,
        "metric_b___12.bin",
        &[("le=sum&v=%FF", f64::NAN), ("", 2.5)],
    );
    assert_eq!(
        dumped(&[files.path()]).lines().collect::<Vec<_>>(),
        [
            r#"a_total{x="1",y="\u{1b}"} 3.0 # counter_4711.db@8 python counter process 4711"#,
            r#"b{le="sum",v="\xff"} NaN # metric_b___12.bin@8 ruby process 12"#,
            "b 2.5 # metric_b___12.bin@48 ruby process 12",
        ]
    );
}

#[test]
fn a_key_that_cannot_be_read_is_shown_with_the_reason_and_what_follows_too() {
    let files = Files::new();
    let records = [(r#"["a", "a", {}, ""]"#, 1.0), ("[\"b\", \u{7}]", 2.0), (r#"["c", "c", {}, ""]"#, 3.0)];
    files.python("counter_1.db", &records);
    let out = dumped(&[files.path()]);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[1].starts_with(r#"# key ["b", \u{7}] 2.0 # counter_1.db@48 "#), "{out}");
    assert!(lines[1].contains("is no key: at 58: the sample name is not a text"), "{out}");
    assert!(lines[2].starts_with("c 3.0 ") && lines[2].ends_with("not on pages: behind damage"), "{out}");
    let (_, page, _) = run(&mut multiprom(&["collect", files.path()]));
    assert!(page.contains("\na 1.0\n") && !page.contains("c 3.0"), "{page}");
}

#[test]
fn what_is_being_folded_is_dumped_under_its_old_name_as_long_as_it_counts() {
    let files = Files::interrupted_fold();
    assert_eq!(
        dumped(&[files.path()]).lines().collect::<Vec<_>>(),
        [
            "a_total 20.0 # counter_2.db@8 python counter process 2 being folded",
            "a_total 300.0 # counter_3.db@8 python counter process 3 being folded",
            "a_total 4000.0 # counter_3.db@8 python counter process 3",
            "a_total 1.0 # counter_archive.db@8 python counter process archive",
        ]
    );
    let (_, page, _) = run(&mut multiprom(&["collect", files.path()]));
    assert!(page.contains("\na_total 4321.0\n"), "{page}");
    let retired = files.join(".multiprom-fold~7~counter_archive.db~counter_2.db");
    let (_, out, _) = run(multiprom(&["dump", "--json"]).arg(&retired));
    let line: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&line["folding"], &line["process"]), (&true.into(), &"2".into()));
    assert_eq!(line["path"], retired.to_str().unwrap());
}

#[test]
fn json_has_every_field() {
    let files = Files::new();
    let key = r#"["a", "a_total", {"x": "\u009b\u202e"}, "Help."]"#;
    files.python("counter_4711.db", &[(key, f64::INFINITY), (r#"["a"]"#, 1.0)]);
    let path = files.join("counter_4711.db");
    let (_, out, _) = run(multiprom(&["dump", "--json"]).arg(&path));
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines[0],
        json!({"path": path, "offset": 8, "value_offset": 64, "client": "python", "kind": "counter", "mode": null,
            "process": "4711", "family": "a", "name": "a_total", "labels": {"x": "\u{9b}\u{202e}"},
            "help": "Help.", "value": "+Inf", "time": 0.0, "counts": true})
    );
    assert_eq!(lines[1]["raw_key"], r#"["a"]"#);
    assert_eq!(lines[1]["damage"]["why"], "no comma behind the family");
    assert!(out.contains(r"\u009b\u202e"), "what is invisible is escaped: {out:?}");
}

#[test]
fn what_is_dumped_is_what_pages_have() {
    for case in ["01-basic", "03-labels", "05-grown", "11-gunicorn"] {
        let recorded = Recorded::new(&format!("python-multiprocess/{case}"));
        let (_, out, _) = run(multiprom(&["dump", "--json"]).arg(recorded.path()));
        let mut sum = 0.0;
        for line in out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            assert_eq!(line["counts"], true);
            let counter = line["kind"] == "counter";
            sum += line["value"].as_f64().filter(|_| counter).unwrap_or(0.0);
        }
        let page = recorded.expected("expected.txt");
        let samples = page.lines().filter(|line| !line.starts_with('#') && line.contains("_total"));
        let of_page: f64 = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
        assert!((sum - of_page).abs() <= 1e-9 * of_page.abs(), "{case}: {sum} {of_page}");
    }
}

#[test]
fn a_reader_who_has_seen_enough_ends_it_quietly() {
    let files = Files::new();
    let keys: Vec<String> =
        (0..20_000).map(|at| format!(r#"["a", "a_total", {{"x": "{at}"}}, ""]"#)).collect();
    let records: Vec<(&str, f64)> = keys.iter().map(|key| (&**key, 1.0)).collect();
    files.python("counter_1.db", &records);
    for arguments in [&["dump"][..], &["dump", "--json"]] {
        let mut process = multiprom(arguments)
            .arg(files.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ended = process.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr), (Some(0), Vec::new()));
    }
}

#[test]
fn a_file_of_two_gigabytes_takes_no_memory() {
    let files = Files::new();
    let mut bytes = sound(Dialect::PYTHON, &[(r#"["a", "a_total", {}, ""]"#, 1.0)]);
    let most = i32::MAX as usize;
    bytes[..HEADER_LEN].copy_from_slice(&header(most).unwrap());
    files.write_bytes("counter_1.db", &bytes);
    let file = std::fs::OpenOptions::new().write(true).open(files.join("counter_1.db")).unwrap();
    file.set_len(most as u64).unwrap();
    // 256 MiB of address space; the program itself takes less than half of that.
    let script = format!("ulimit -v 262144; exec {} dump {}", env!("CARGO_BIN_EXE_multiprom"), files.path());
    let (code, out, errors) = run(std::process::Command::new("sh").args(["-c", &script]));
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    assert!(out.ends_with("damaged: no record starts here: the key's length is 0\n"), "{out}");
}
