//! Scrapes that arrive while one runs.

use exporter_http::Options;

use crate::client::{get, request};
use crate::server::Server;
use crate::sources::Gated;

/// Waits until so many scrapes are on their way, as the exporter itself says.
async fn in_flight(server: &Server, scrapes: usize) {
    let wanted = format!("\nmultiprom_http_scrapes_in_flight {scrapes}.0\n");
    while !get(server.address, "/metrics/self").await.text().contains(&wanted) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_share_its_collection_and_its_page() {
    let source = Gated::new();
    let server =
        Server::start(source.clone(), Options { own_metrics_inline: true, ..Options::default() }).await;
    let address = server.address;
    let scrapes: Vec<_> =
        (0..20).map(|_| tokio::spawn(async move { get(address, "/metrics").await })).collect();
    in_flight(&server, 20).await;
    source.let_one_go();
    let mut pages = Vec::new();
    for scrape in scrapes {
        pages.push(scrape.await.unwrap().body);
    }
    assert_eq!(source.reads(), 1);
    assert!(pages.iter().all(|page| *page == pages[0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn formats_differ_the_collection_does_not() {
    let source = Gated::new();
    let server = Server::start(source.clone(), Options::default()).await;
    let address = server.address;
    let headers = [
        "",
        "Accept: application/openmetrics-text\r\n",
        "Accept-Encoding: gzip\r\n",
        "Accept: text/plain\r\n",
    ];
    let scrapes: Vec<_> = headers
        .map(|headers| tokio::spawn(async move { request(address, "GET", "/metrics", headers).await }))
        .into();
    in_flight(&server, headers.len()).await;
    source.let_one_go();
    for (scrape, headers) in scrapes.into_iter().zip(headers) {
        let reply = scrape.await.unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-encoding").is_some(), headers.contains("gzip"));
        let is_openmetrics = reply.header("content-type").unwrap().starts_with("application/openmetrics");
        assert_eq!(is_openmetrics, headers.contains("openmetrics"));
    }
    assert_eq!(source.reads(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_asks_for_other_names_has_its_own_turn() {
    let source = Gated::new();
    let server = Server::start(source.clone(), Options::default()).await;
    let address = server.address;
    let paths =
        ["/metrics?name[]=a&name[]=b", "/metrics?name[]=b&name[]=a&name[]=", "/metrics?name[]=c", "/metrics"];
    let scrapes = paths.map(|path| tokio::spawn(async move { get(address, path).await }));
    in_flight(&server, paths.len()).await;
    for _ in 0..3 {
        source.read_begins().await;
        source.let_one_go();
    }
    for scrape in scrapes {
        assert_eq!(scrape.await.unwrap().status, 200);
    }
    assert_eq!(source.reads(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_arrives_afterwards_is_collected_anew() {
    let source = Gated::new();
    let server = Server::start(source.clone(), Options::default()).await;
    for reads in 1..=3 {
        source.let_one_go();
        assert_eq!(get(server.address, "/metrics").await.status, 200);
        assert_eq!(source.reads(), reads);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_takes_nothing_from_the_others() {
    use tokio::io::AsyncWriteExt;

    let source = Gated::new();
    let server = Server::start(source.clone(), Options::default()).await;
    let address = server.address;
    let mut first = tokio::net::TcpStream::connect(address).await.unwrap();
    first.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    source.read_begins().await;
    let second = tokio::spawn(async move { get(address, "/metrics").await });
    in_flight(&server, 2).await;
    drop(first);
    in_flight(&server, 1).await;
    source.let_one_go();
    assert_eq!(second.await.unwrap().status, 200);
    assert_eq!(source.reads(), 1);
}
