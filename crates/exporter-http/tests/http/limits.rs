//! Clients that ask too much.

use std::io::ErrorKind;
use std::time::Duration;

use exporter_http::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::client::{get, read_reply, request};
use crate::server::Server;
use crate::sources::Empty;

#[tokio::test]
async fn a_client_that_is_slow_with_its_head_is_cut() {
    let options = Options { client_time: Duration::from_millis(50), ..Options::default() };
    let server = Server::start(Empty, options).await;
    for sent in ["", "GET /metrics HTTP/1.1\r\nHost: te"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        assert!(read_reply(&mut stream).await.is_none_or(|reply| reply.status == 408), "{sent:?}");
    }
    assert_eq!(get(server.address, "/metrics").await.status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_cut() {
    let options = Options { client_time: Duration::from_millis(50), ..Options::default() };
    let server = Server::start(Empty, options).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    // The server answers until there is no room for answers, then reads no more requests.
    let requests = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n".repeat(1000);
    let cut = loop {
        if let Err(error) = stream.write_all(&requests).await {
            break error.kind();
        }
    };
    assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&cut), "{cut}");
    assert_eq!(get(server.address, "/metrics").await.status, 200);
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let options = Options { connections: 2, ..Options::default() };
    let server = Server::start(Empty, options).await;
    let mut served = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        // It is served, and stays open.
        assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
        served.push(stream);
    }
    let refused = request(server.address, "GET", "/metrics", "").await;
    assert_eq!((refused.status, refused.text()), (503, "too many connections\n"));
    drop(served);
    let mut refusals = 1;
    let own = loop {
        let own = get(server.address, "/metrics/self").await;
        if own.status == 200 {
            break own;
        }
        refusals += 1;
        assert!(refusals < 10_000, "no connection was given back");
        tokio::task::yield_now().await;
    };
    let counted = format!("\nmultiprom_http_connections_refused_total {refusals}.0\n");
    assert!(own.text().contains(&counted), "{}", own.text());
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let server = Server::start(Empty, Options::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nX: ").await.unwrap();
    // The server may close before it has read all of it.
    let _ = stream.write_all(&vec![b'x'; 4 << 20]).await;
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    assert!(reply.is_empty() || reply.starts_with(b"HTTP/1.1 431 "), "{:?}", String::from_utf8_lossy(&reply));
}

#[tokio::test]
async fn bytes_that_are_no_request_harm_nobody() {
    let server = Server::start(Empty, Options::default()).await;
    for sent in
        [&b"\0\xff\r\n\r\n"[..], b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\x01"]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    assert_eq!(get(server.address, "/metrics").await.status, 200);
}
