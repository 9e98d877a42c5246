//! `multiprom top`.

use std::io::{Read, Write};
use std::process::{ChildStdout, Stdio};

use crate::files::Files;
use crate::process::{multiprom, on_a_terminal, run};

const SERVED: &str = r#"["served", "served_total", {"path": "/\u001b[2J"}, "?"]"#;

#[test]
fn without_a_terminal_it_says_so_and_what_to_do() {
    let files = Files::new();
    let (code, out, errors) = run(&mut multiprom(&["top", files.path()]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains("standard output is none") && errors.contains("--once"), "{errors}");
}

#[test]
fn once_prints_the_rates_of_one_interval() {
    let files = Files::new();
    files.python("counter_7.db", &[(SERVED, 3.0)]).python("counter_8.db", &[(SERVED, 1.0)]);
    let once = |arguments: &[&str]| {
        let mut process = multiprom(&["top", "--once", "--interval", "1.5"])
            .args(arguments)
            .arg(files.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // What was read before the interval cannot be seen from here: the number rises all the time.
        let mut value = 3.0;
        while process.try_wait().unwrap().is_none() {
            value += 1.0;
            files.python("counter_7.new", &[(SERVED, value)]);
            // In one step: what is half written would look like a fall.
            std::fs::rename(files.join("counter_7.new"), files.join("counter_7.db")).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let ended = process.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(0));
        String::from_utf8(ended.stdout).unwrap()
    };
    let out = once(&[]);
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["RATE/s", "VALUE", "MEAN", "KIND", "SERIES"]);
    assert_eq!(rows[1][2..], ["counter", r#"served_total{path="/\u{1b}[2J"}"#]);
    assert!(rows[1][0].parse::<f64>().unwrap() > 0.0, "{out}");

    let out = once(&["--workers"]);
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["RATE/s", "WRITER", "SERIES", "PROCESS", "BUSIEST"]);
    assert_eq!((rows[1][3], rows[2][3], rows[2][0]), ("7", "8", "0"), "{out}");
}

#[test]
fn a_process_whose_file_is_being_folded_is_dead_and_counts() {
    let files = Files::interrupted_fold();
    let _writer = std::fs::OpenOptions::new().write(true).open(files.join("counter_3.db")).unwrap();
    let (code, out, errors) =
        run(&mut multiprom(&["top", "--once", "--workers", "--interval", "0.1", files.path()]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    let writer = |process: &str| rows.iter().find(|row| row.get(3) == Some(&process)).map(|row| row[1]);
    assert_eq!((writer("2"), writer("archive")), (Some("dead"), Some("archive")), "{out}");
}

#[test]
fn once_names_a_directory_that_cannot_be_read() {
    let (code, out, errors) = run(&mut multiprom(&["top", "--once", "/no/such/directory"]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(errors.contains("list /no/such/directory: No such file or directory"), "{errors}");
}

/// Reads until `text` was drawn; everything read. The test runner's time limit is the only clock here.
fn read_until(out: &mut ChildStdout, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let mut bytes = [0; 4096];
        let len = out.read(&mut bytes).unwrap();
        assert_ne!(len, 0, "{text}: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&bytes[..len]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let files = Files::new();
    files.python("counter_7.db", &[(SERVED, 3.0)]);
    for key in ["q", "\u{3}"] {
        let line = format!("top {}", files.path());
        let mut process =
            on_a_terminal(80, &line).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = process.stdout.take().unwrap();
        let drawn = read_until(&mut out, "served_total");
        assert!(drawn.contains("\x1b[?1049h"), "the screen of before is kept: {drawn:?}");
        assert!(!drawn.contains("/\x1b[2J"), "a label cannot clear the screen: {drawn:?}");
        let mut keys = process.stdin.take().unwrap();
        keys.write_all(key.as_bytes()).unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("\x1b[?1049l") && rest.contains("\x1b[?25h"), "{rest:?}");
        assert_eq!(process.wait().unwrap().code(), Some(0));
    }
}
