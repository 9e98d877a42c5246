//! The push client that Debian has for Ruby, which is answered as the official gateway answers it.

use tempfile::TempDir;

use crate::http;
use crate::running::Running;
use crate::tools::{app, official_gateway, output, ruby};

use super::gateway;

#[test]
fn rubys_client_replaces_adds_and_deletes_as_with_the_official_gateway() {
    let directory = TempDir::new().expect("a directory");
    let address = http::free_address();
    let mut official = official_gateway();
    official.arg(format!("--web.listen-address={address}"));
    // Debian's has a file that all share, unless it is told otherwise.
    official.arg(format!("--persistence.file={}", directory.path().join("official").display()));
    let mut official = Running::start("official", &mut official, directory.path());
    official.wait_until("answer", |_| http::get(address, "/-/ready").ok().filter(|it| it.status == 200));
    let (_ours, ours) = gateway("gateway", directory.path(), &[]);
    let [theirs, ours] = [address, ours].map(|address| {
        let told = output(ruby().arg(app("pushes.rb")).arg(address.to_string()));
        String::from_utf8(told).expect("text")
    });
    assert_eq!(ours, theirs);
    // It has said something, and what it was refused.
    let answers: Vec<&str> = ours.lines().filter_map(|line| line.strip_prefix("== ")).collect();
    assert_eq!(
        answers,
        [
            "replace: 200 ",
            "add: 200 ",
            "another group: 200 ",
            "replace again: 200 ",
            "delete: 202 ",
            "delete what is gone: 202 ",
            "half a label: 400 odd number of components in label string \"/b\"",
            "another kind: 400 pushed metrics are invalid or inconsistent with existing metrics",
            "ArgumentError: job cannot be empty",
            "ArgumentError: only HTTP gateway URLs are supported currently.",
        ]
    );
    let pushed = "jobs_total{instance=\"zwölf\",job=\"nightly run\",queue=\"a \\\"b\\\" \\\\ ü\"} 3\n";
    assert_eq!(ours.matches(pushed).count(), 3, "{ours}");
}
