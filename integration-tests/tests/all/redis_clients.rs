//! Clients that keep their metrics in Redis, as they are on PyPI, writing; the program reading.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use redis_testkit::RedisServer;

use crate::http;
use crate::page;
use crate::running::Running;
use crate::tools::{app, collect, output, prometheus, redis_python};

/// What promtool does not read; what it would like to be named differently is the application's affair.
fn assert_readable(page: &[u8], directory: &Path) {
    const OTHER_NAMES: i32 = 3;
    let file = directory.join("page.txt");
    std::fs::write(&file, page).expect("write the page");
    let input = std::fs::File::open(&file).expect("open the page");
    let checked =
        prometheus("promtool").args(["check", "metrics"]).stdin(input).output().expect("run promtool");
    let complaints = String::from_utf8_lossy(&checked.stderr);
    let read = checked.status.success() || checked.status.code() == Some(OTHER_NAMES);
    assert!(read, "{complaints}\n{}", String::from_utf8_lossy(page));
}

fn asks(address: SocketAddr, path: &str, times: usize) {
    for _ in 0..times {
        let answer = http::get(address, path).expect("gunicorn answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn with_exporter(command: &mut Command, server: &RedisServer) {
    command.env("REDIS_ENABLED", "true").env("REDIS_PORT", server.port().to_string());
    command.env("PROMETHEUS_BIND_ADDRESS", "127.0.0.1").env("GUNICORN_WORKERS", "2");
    command.env("PROMETHEUS_METRICS_PORT", http::free_address().port().to_string());
}

#[test]
fn requests_that_gunicorn_has_served_are_counted_in_redis() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let mut command = redis_python();
    command.args(["-m", "gunicorn", "--config"]).arg(app("redis_gunicorn.conf.py"));
    command.arg("--pythonpath").arg(app("")).arg("redis_shop:application").current_dir(directory.path());
    with_exporter(&mut command, &server);
    let mut gunicorn = Running::start("gunicorn", &mut command, directory.path());
    let shop = gunicorn.address("Listening at: ");
    asks(shop, "/buy", 30);
    asks(shop, "/look", 12);

    let page = collect([server.url()]);
    let text = String::from_utf8_lossy(&page).into_owned();
    assert!(text.contains("shop_requests_total{path=\"/buy\"} 30.0\n"), "{text}");
    assert!(text.contains("shop_requests_total{path=\"/look\"} 12.0\n"), "{text}");
    assert!(text.contains("shop_request_seconds_bucket{le=\"1.0\"} 42.0\n"), "{text}");
    assert!(text.contains("# TYPE shop_largest_order_items gauge\nshop_largest_order_items 7.0\n"), "{text}");
    assert_eq!(page::sum(&page, "gunicorn_worker_requests_total"), 42.0, "{text}");
    assert_readable(&page, directory.path());
}

#[test]
fn every_kind_and_mode_of_the_exporter_is_as_in_a_directory_of_pythons_client() {
    let server = RedisServer::start();
    let directory = tempfile::tempdir().expect("make a directory");
    let (metrics, theirs) = (directory.path().join("metrics"), directory.path().join("theirs"));
    std::fs::create_dir(&metrics).expect("make a directory");
    let mut command = redis_python();
    command.arg(app("redis_modes.py")).arg(server.port().to_string()).arg(&theirs);
    output(command.env("PROMETHEUS_MULTIPROC_DIR", &metrics));

    let ours = collect([format!("{}?schema=gunicorn", server.url())]);
    let theirs = std::fs::read(theirs).expect("read the page");
    page::assert_equal(
        ("Python's client", &page::as_written(&theirs)),
        ("multiprom", &page::as_written(&ours)),
    );
    assert_readable(&ours, directory.path());
}

#[test]
fn what_pytheus_counts_is_on_the_page_by_a_catalog_that_it_printed() {
    for backend in ["python", "rust"] {
        let server = RedisServer::start();
        let directory = tempfile::tempdir().expect("make a directory");
        let theirs = directory.path().join("theirs");
        let mut command = redis_python();
        command.arg(app("redis_pytheus.py")).arg(server.port().to_string()).arg(backend).arg(&theirs);
        output(&mut command);

        let catalog = theirs.to_str().expect("a path of ours");
        let ours = collect(["--catalog", catalog, &format!("{}?schema=pytheus", server.url())]);
        let theirs = std::fs::read(&theirs).expect("read the page");
        let (theirs, ours_meant) = (page::as_meant(&theirs), page::as_meant(&ours));
        page::assert_equal((backend, &theirs), ("multiprom", &ours_meant));
        assert_readable(&ours, directory.path());
    }
}
