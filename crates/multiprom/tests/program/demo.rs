//! `multiprom demo`.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::process::{multiprom, run};

/// The number at the end of the line that contains `text`.
fn total(output: &str, text: &str) -> u64 {
    let line = output.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {output}"));
    line.split_whitespace().next_back().unwrap().parse().unwrap()
}

/// What stands behind `name` in the introduction.
fn introduced(output: &str, name: &str) -> String {
    let line =
        output.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap_or_else(|| panic!("{output}"));
    line.trim().to_owned()
}

#[test]
fn no_answered_request_is_lost_although_workers_are_killed() {
    let (code, output, errors) = run(&mut multiprom(&["demo", "--seconds", "3.5"]));
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{output}");
    let begun = total(&output, "requests begun");
    let answered = total(&output, "requests answered");
    let counted = total(&output, "requests counted");
    assert!(total(&output, "workers killed") >= 1, "{output}");
    assert!(answered > 0 && answered <= counted && counted <= begun, "{output}");
    assert!(output.contains("Every answered request is on the page, once"), "{output}");
    assert!(!PathBuf::from(introduced(&output, "directory")).exists(), "{output}");
}

/// A demo that has begun to print its table, and what it printed before.
fn demo_under_way() -> (Child, BufReader<ChildStdout>, String) {
    let mut demo = multiprom(&["demo"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(demo.stdout.take().unwrap());
    let mut introduction = String::new();
    while !introduction.contains(" second ") {
        assert_ne!(output.read_line(&mut introduction).unwrap(), 0, "{introduction}");
    }
    output.read_line(&mut introduction).unwrap();
    (demo, output, introduction)
}

#[test]
fn signals_end_it_and_nothing_is_left() {
    for signal in ["-INT", "-TERM"] {
        let (mut demo, mut output, introduction) = demo_under_way();
        let directory = introduced(&introduction, "directory");
        assert!(introduced(&introduction, "page").starts_with("http://127.0.0.1:"));
        assert!(Command::new("kill").args([signal, &demo.id().to_string()]).status().unwrap().success());
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert_eq!(demo.wait().unwrap().code(), Some(0), "{signal}: {rest}");
        assert!(rest.contains("Every answered request is on the page, once"), "{rest}");
        assert!(!PathBuf::from(&directory).exists());
        assert_eq!(processes_with(&directory), 0, "{signal}");
    }
}

#[test]
fn workers_end_with_a_demo_that_is_killed() {
    let (mut demo, _output, introduction) = demo_under_way();
    let directory = introduced(&introduction, "directory");
    assert!(processes_with(&directory) >= 3);
    demo.kill().unwrap();
    demo.wait().unwrap();
    // They end by themselves; the test runner's time limit is the only clock here.
    while processes_with(&directory) > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::remove_dir_all(directory).unwrap();
}

/// How many processes have `text` in their command line.
fn processes_with(text: &str) -> usize {
    let is_named = |path: PathBuf| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
    };
    std::fs::read_dir("/proc").unwrap().filter(|entry| is_named(entry.as_ref().unwrap().path())).count()
}
