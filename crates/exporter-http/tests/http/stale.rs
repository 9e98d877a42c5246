//! The last good page, where a source cannot be read.

use std::time::Duration;

use exporter_http::Options;

use crate::client::get;
use crate::server::Server;
use crate::sources::{Counting, Gated};

fn for_a_minute() -> Options {
    Options { stale_for: Some(Duration::from_secs(60)), ..Options::default() }
}

async fn stale_seconds(server: &Server) -> f64 {
    let own = get(server.address, "/metrics/self").await;
    let line = own.text().lines().find_map(|line| line.strip_prefix("multiprom_page_stale_seconds "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_last_good_page_is_served_and_its_age_is_told() {
    let source = Counting::default();
    let server = Server::start(source.clone(), for_a_minute()).await;
    source.fail(true);
    assert_eq!(get(server.address, "/metrics").await.status, 503);
    source.fail(false);
    let good = get(server.address, "/metrics").await;
    assert_eq!((good.status, good.header("age"), stale_seconds(&server).await), (200, None, 0.0));
    source.fail(true);
    tokio::time::sleep(Duration::from_millis(20)).await;
    for path in ["/metrics", "/metrics", "/metrics?name[]=reads_total"] {
        let stale = get(server.address, path).await;
        assert_eq!((stale.status, stale.text(), stale.header("age")), (200, good.text(), Some("0")));
        assert!(stale_seconds(&server).await > 0.0);
    }
    assert_eq!(get(server.address, "/-/ready").await.status, 200);
    source.fail(false);
    let fresh = get(server.address, "/metrics").await;
    assert!(fresh.status == 200 && fresh.header("age").is_none() && fresh.text() != good.text());
    assert_eq!(stale_seconds(&server).await, 0.0);
}

#[tokio::test]
async fn own_metrics_on_a_stale_page_are_those_of_now() {
    let source = Counting::default();
    let server = Server::start(source.clone(), Options { own_metrics_inline: true, ..for_a_minute() }).await;
    assert!(get(server.address, "/metrics").await.text().contains("\nmultiprom_page_stale_seconds 0.0\n"));
    source.fail(true);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let stale = get(server.address, "/metrics").await;
    assert!(stale.text().contains("\nmultiprom_source_up{source=\"counting\"} 0.0\n"), "{}", stale.text());
    assert!(!stale.text().contains("\nmultiprom_page_stale_seconds 0.0\n"), "{}", stale.text());
}

#[tokio::test]
async fn a_page_that_is_too_old_is_not_served() {
    let source = Counting::default();
    let options = Options { stale_for: Some(Duration::from_millis(1)), ..Options::default() };
    let server = Server::start(source.clone(), options).await;
    assert_eq!(get(server.address, "/metrics").await.status, 200);
    source.fail(true);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let reply = get(server.address, "/metrics").await;
    assert!(reply.status == 503 && reply.text().contains("it is broken"), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_does_not_answer_in_time_has_one_too() {
    let source = Gated::new();
    let options = Options { collection_time: Duration::from_millis(500), ..for_a_minute() };
    let server = Server::start(source.clone(), options).await;
    source.let_one_go();
    // On a busy machine it may come too late all the same.
    while get(server.address, "/metrics").await.status != 200 {
        source.let_one_go();
    }
    assert_eq!(get(server.address, "/metrics").await.status, 200);
}
