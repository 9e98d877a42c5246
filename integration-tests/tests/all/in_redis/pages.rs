//! Pages of databases are pages that others read, whoever has counted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redis_testkit::RedisServer;

use super::{Hasty, wait_until_retired_but};
use crate::accepted_pages::{Reader, Refused, print_both, refused_by_promtool, refused_by_python};
use crate::page;
use crate::running::Running;
use crate::tools::{collect, output, worker};

#[test]
fn pages_of_our_own_stores_are_read_by_promtool_and_python_and_say_what_files_say() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let metrics = directory.join("metrics");
    std::fs::create_dir(&metrics).expect("make a directory");
    let mut pages = Vec::new();
    let mut alive = Vec::new();
    for seed in ["1", "2", "3"] {
        output(worker().args(["count", "mmap"]).arg(&metrics).arg(seed));
        let mut command = worker();
        command.args(["count", "redis", &server.url(), seed]);
        let mut counts = Running::start(&format!("worker-{seed}"), &mut command, directory);
        counts.wait_until("count", |log| log.contains("ready").then_some(()));
        alive.push(counts);
    }
    pages.extend(print_both(server.url().as_ref(), &[], &directory.join("alive")));
    let in_files = without_processes(&collect([&metrics]));
    let says = without_processes(&collect([server.url()]));
    page::assert_equal(("files", &in_files), ("Redis", &says));

    // One lives, two are dead: what is not of the living alone is as it was.
    alive.truncate(1);
    let janitor = Hasty::start(&server.url(), Duration::from_secs(2));
    wait_until_retired_but(1, &server);
    assert_eq!(janitor.end(), 2);
    pages.extend(print_both(server.url().as_ref(), &[], &directory.join("retired")));
    let is_of_the_living = |head: &String| head.contains("_live");
    let mut says = without_processes(&collect([server.url()]));
    let mut in_files = in_files;
    in_files.retain(|head, _| !is_of_the_living(head));
    says.retain(|head, _| !is_of_the_living(head));
    page::assert_equal(("files", &in_files), ("Redis", &says));

    let mut refused = refused_by_promtool(&pages);
    refused.extend(refused_by_python(&pages));
    assert_eq!(refused, Refused::new());
}

/// What a page means, but for the gauges that have a line for each process.
fn without_processes(page: &[u8]) -> page::Families {
    let mut families = page::as_meant(page);
    families.retain(|_, samples| !samples.iter().any(|sample| sample.contains("\"pid\"")));
    families
}

/// Pages of recorded databases that a reader refuses, and why they are as they are.
const REFUSED: &[(&str, Reader)] = &[];

#[test]
fn every_recorded_database_gives_pages_that_promtool_and_python_read() {
    let directory = tempfile::tempdir().expect("make a directory");
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/redis-source/tests/fixtures");
    let server = RedisServer::start();
    let mut pages: Vec<PathBuf> = Vec::new();
    for case in std::fs::read_dir(&recorded).expect("list the recorded databases") {
        let case = case.expect("list the recorded databases").path();
        let Ok(dump) = std::fs::read(case.join("dump.resp")) else { continue };
        let name = case.file_name().expect("a case has a name").to_string_lossy().into_owned();
        server.cli(&["FLUSHALL"]);
        let said = server.cli_with(&["--pipe"], &dump);
        assert!(said.contains("errors: 0"), "{name}: {said}");
        let (client, _) = name.split_once('-').expect("a client and what it did");
        let prefix = match &*name {
            "gpe-prefix" => "&prefix=shop",
            "promphp-prefix" => "&prefix={shop}_",
            _ => "",
        };
        let schema = if client == "gpe" { "gunicorn" } else { client };
        let url = format!("{}?schema={schema}{prefix}", server.url());
        let catalog = case.join("catalog.prom");
        let catalog = catalog.exists().then_some(catalog);
        let mut arguments = Vec::new();
        if let Some(catalog) = &catalog {
            arguments.extend(["--catalog".as_ref(), catalog.as_os_str()]);
        }
        pages.extend(print_both(url.as_ref(), &arguments, &directory.path().join(name)));
    }
    assert_eq!(pages.len(), 2 * 14, "recordings are missing");
    assert!(pages.iter().all(|page| std::fs::metadata(page).is_ok_and(|page| page.len() > 50)));
    let mut refused = refused_by_promtool(&pages);
    refused.extend(refused_by_python(&pages));
    let expected: BTreeSet<_> = REFUSED.iter().map(|&(name, reader)| (name.to_owned(), reader)).collect();
    assert_eq!(refused.keys().cloned().collect::<BTreeSet<_>>(), expected, "{refused:#?}");
}
