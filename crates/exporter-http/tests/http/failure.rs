//! Sources that fail and sources that hang.

use std::time::Duration;

use exporter_http::Options;

use crate::client::get;
use crate::server::Server;
use crate::sources::{Fragile, Gated, Panicking, Stuck};

fn impatient() -> Options {
    Options { collection_time: Duration::from_millis(100), ..Options::default() }
}

#[tokio::test]
async fn a_failed_source_is_named_with_its_reason() {
    let source = Fragile::default();
    let server =
        Server::start(source.clone(), Options { own_metrics_inline: true, ..Options::default() }).await;
    let reply = get(server.address, "/metrics").await;
    assert_eq!((reply.status, reply.header("content-type")), (503, Some("text/plain; charset=utf-8")));
    assert!(reply.text().contains("read the fragile source: it is broken"), "{}", reply.text());
    assert!(!reply.text().contains("multiprom_"), "a partial page: {}", reply.text());
    source.mend();
    assert_eq!(get(server.address, "/metrics").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_source_is_given_up_and_asked_again() {
    let source = Gated::new();
    let server = Server::start(source.clone(), impatient()).await;
    let reply = get(server.address, "/metrics").await;
    assert_eq!(reply.status, 504, "{}", reply.text());
    assert!(!reply.body.is_empty());
    source.let_all_go();
    until_served(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_source_takes_one_thread_and_not_the_server() {
    let source = Stuck::default();
    let server = Server::start(source.clone(), impatient()).await;
    assert_eq!(get(server.address, "/metrics").await.status, 504);
    source.holds_a_thread().await;
    for path in ["/metrics", "/metrics?name[]=a", "/-/ready"] {
        let reply = get(server.address, path).await;
        assert!([503, 504].contains(&reply.status), "{path}: {}", reply.text());
    }
    for path in ["/-/healthy", "/", "/metrics/self"] {
        assert_eq!(get(server.address, path).await.status, 200, "{path}");
    }
    assert_eq!(source.threads(), 1);
    source.free();
    until_served(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_panics_is_a_failure_each_time() {
    let server = Server::start(Panicking, Options::default()).await;
    for _ in 0..2 {
        let reply = get(server.address, "/metrics").await;
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(reply.text().contains("panicking"), "{}", reply.text());
    }
    assert_eq!(get(server.address, "/-/healthy").await.status, 200);
}

/// Scrapes until there is a page: on a busy machine even a quick source may come too late for the impatient.
async fn until_served(server: &Server) {
    while get(server.address, "/metrics").await.status != 200 {
        tokio::task::yield_now().await;
    }
}
