//! The end of a server.

use std::time::Duration;

use exporter_http::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::get;
use crate::server::Server;
use crate::sources::{Empty, Gated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_that_runs_is_finished_first() {
    let source = Gated::new();
    let server = Server::start(source.clone(), Options::default()).await;
    let address = server.address;
    let scrape = tokio::spawn(async move { get(address, "/metrics").await });
    source.read_begins().await;
    let ended = server.end();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!ended.is_finished());
    source.let_one_go();
    assert_eq!(scrape.await.unwrap().status, 200);
    ended.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_that_hangs_is_not_waited_for_long() {
    let source = Gated::new();
    let options = Options { shutdown_time: Duration::from_millis(20), ..Options::default() };
    let server = Server::start(source.clone(), options).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    source.read_begins().await;
    server.end().await.unwrap().unwrap();
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    assert!(reply.is_empty(), "{reply:?}");
    source.let_one_go();
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let options = Options { shutdown_time: Duration::from_secs(3600), ..Options::default() };
    let server = Server::start(Empty, options).await;
    let mut used = TcpStream::connect(server.address).await.unwrap();
    used.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    assert_ne!(used.read(&mut [0; 1024]).await.unwrap(), 0);
    let _fresh = TcpStream::connect(server.address).await.unwrap();
    server.end().await.unwrap().unwrap();
}
