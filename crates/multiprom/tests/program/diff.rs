//! `multiprom diff`.

use std::io::Write;
use std::process::Stdio;

use dialects::Dialect;
use serde_json::Value;

use crate::files::Files;
use crate::process::{multiprom, run};
use crate::recorded::Recorded;

const OLD: &str = "\
# TYPE jobs_total counter
jobs_total{a=\"1\",b=\"2\"} 9.0
jobs_total{queue=\"gone\"} 3.0
jobs_total{queue=\"same\"} NaN
jobs_total{queue=\"more\"} 1.0
# TYPE depth gauge
depth 9.0
";

const NEW: &str = "\
# TYPE jobs_total counter
jobs_total{b=\"2\",a=\"1\"} 5.0
jobs_total{queue=\"same\"} NaN
jobs_total{queue=\"more\"} 1.5
jobs_total{queue=\"new\u{1b}\"} 1.0
# TYPE depth gauge
depth 2.0
";

/// A directory with the pages OLD and NEW, and their paths.
fn pages() -> (Files, String, String) {
    let files = Files::new();
    files.write_bytes("old.txt", OLD.as_bytes()).write_bytes("new.txt", NEW.as_bytes());
    let path = |name: &str| files.join(name).to_str().unwrap().to_owned();
    let (old, new) = (path("old.txt"), path("new.txt"));
    (files, old, new)
}

#[test]
fn what_differs_is_a_line() {
    let (_files, old, new) = pages();
    let (code, out, errors) = run(&mut multiprom(&["diff", &old, &new]));
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    assert_eq!(
        out.lines().collect::<Vec<_>>(),
        [
            r#"! jobs_total{a="1",b="2"} 9.0 -> 5.0 (-4.0) fell"#,
            r#"- jobs_total{queue="gone"} 3.0"#,
            r#"~ jobs_total{queue="more"} 1.0 -> 1.5 (+0.5)"#,
            "~ depth 9.0 -> 2.0 (-7.0)",
            r#"+ jobs_total{queue="new\u{1b}"} 1.0"#,
        ]
    );
}

#[test]
fn equal_sides_are_equal_whatever_they_are() {
    let recorded = Recorded::new("python-multiprocess/01-basic");
    let files = Files::new();
    files.write_bytes("page.txt", recorded.expected("expected.txt").as_bytes());
    files.write_bytes("page.om", recorded.expected("expected.om.txt").as_bytes());
    let (text, open_metrics) = (files.join("page.txt"), files.join("page.om"));
    let sides = [recorded.path(), text.to_str().unwrap(), open_metrics.to_str().unwrap()];
    for before in sides {
        for after in sides {
            assert_eq!(
                run(&mut multiprom(&["diff", before, after])),
                (Some(0), String::new(), String::new())
            );
        }
    }
}

#[test]
fn a_page_on_standard_input_is_a_side() {
    let (_files, old, _) = pages();
    let mut process =
        multiprom(&["diff", &old, "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // Without its last line feed.
    process.stdin.take().unwrap().write_all(OLD.trim_end().as_bytes()).unwrap();
    let ended = process.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stdout), (Some(0), Vec::new()));
}

#[test]
fn single_files_are_merged_as_a_page_would_have_them() {
    let files = Files::new();
    let key = r#"["a", "a_total", {}, "?"]"#;
    files.python("counter_1.db", &[(key, 3.0)]).python("counter_2.db", &[(key, 2.0)]);
    files.write(Dialect::Ruby, "metric_b_total___1.bin", &[("", 1.0)]);
    let path = |name: &str| files.join(name).to_str().unwrap().to_owned();
    let (code, out, _) =
        run(&mut multiprom(&["--log-level", "error", "diff", &path("counter_1.db"), &path("counter_2.db")]));
    assert_eq!((code, out.as_str()), (Some(1), "! a_total 3.0 -> 2.0 (-1.0) fell\n"));
    let (code, out, _) =
        run(&mut multiprom(&["--log-level", "error", "diff", &path("counter_1.db"), files.path()]));
    assert_eq!((code, out.as_str()), (Some(1), "~ a_total 3.0 -> 5.0 (+2.0)\n+ b_total 1.0\n"));
}

#[test]
fn only_falls_are_shown_where_only_they_matter() {
    let (files, old, new) = pages();
    let (code, out, _) = run(&mut multiprom(&["diff", "--only-falls", &old, &new]));
    assert_eq!((code, out.as_str()), (Some(1), "! jobs_total{a=\"1\",b=\"2\"} 9.0 -> 5.0 (-4.0) fell\n"));
    let (code, out, _) = run(&mut multiprom(&["diff", "--only-falls", &new, &new]));
    assert_eq!((code, out.as_str()), (Some(0), ""));
    // The last bits of a sum that was added up in another order.
    let page = |name: &str, value: &str| {
        files.write_bytes(name, format!("# TYPE a_total counter\na_total {value}\n").as_bytes());
        files.join(name).to_str().unwrap().to_owned()
    };
    let (whole, less) = (page("a", "0.30000000000000004"), page("b", "0.3"));
    assert_eq!(run(&mut multiprom(&["diff", "--only-falls", &whole, &less])).0, Some(0));
    assert_eq!(run(&mut multiprom(&["diff", &whole, &less])).0, Some(1));
}

#[test]
fn json_has_every_field() {
    let (_files, old, new) = pages();
    let (_, out, _) = run(&mut multiprom(&["diff", "--json", &old, &new]));
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let words: Vec<&str> = lines.iter().map(|line| line["change"].as_str().unwrap()).collect();
    assert_eq!(words, ["fell", "gone", "changed", "changed", "new"]);
    let fell = serde_json::json!({"change": "fell", "name": "jobs_total", "labels": {"a": "1", "b": "2"},
        "kind": "counter", "old": 9.0, "new": 5.0, "difference": -4.0});
    assert_eq!(lines[0], fell);
}

#[test]
fn a_side_that_cannot_be_read_is_trouble_and_no_difference() {
    let (files, old, _) = pages();
    let (code, out, errors) = run(&mut multiprom(&["diff", &old, "/no/such/page"]));
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(errors.contains("/no/such/page: No such file or directory"), "{errors}");
    files.write_bytes("wrong.txt", b"# TYPE up gauge\nup one\n");
    let (code, _, errors) = run(&mut multiprom(&["diff", &old, files.join("wrong.txt").to_str().unwrap()]));
    assert_eq!(code, Some(2));
    assert!(errors.ends_with("wrong.txt: line 2: expected a number, found \"one\"\n"), "{errors}");
}
