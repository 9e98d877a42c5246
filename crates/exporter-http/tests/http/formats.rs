//! Formats and codings.

use std::io::Read;

use exporter_http::Options;

use crate::client::{get, request};
use crate::server::Server;
use crate::sources::{Empty, Recorded, fixtures};

#[tokio::test]
async fn the_page_is_the_python_clients_page() {
    let recorded = Recorded::new("01-basic");
    let server = Server::start(recorded.source(), Options::default()).await;
    assert_eq!(get(server.address, "/metrics").await.text(), recorded.expected("expected.txt"));
    let accept = "Accept: application/openmetrics-text; version=1.0.0\r\n";
    let openmetrics = request(server.address, "GET", "/metrics", accept).await;
    assert_eq!(openmetrics.text(), recorded.expected("expected.om.txt"));
}

#[tokio::test]
async fn what_python_negotiates_is_negotiated() {
    let server = Server::start(Empty, Options::default()).await;
    let text = std::fs::read_to_string(fixtures().join("http-negotiation.json")).unwrap();
    let recorded: serde_json::Value = serde_json::from_str(&text).unwrap();
    for case in recorded["accept"].as_array().unwrap() {
        let header =
            case["accept"].as_str().map(|accept| format!("Accept: {accept}\r\n")).unwrap_or_default();
        let reply = request(server.address, "GET", "/metrics", &header).await;
        assert_eq!(reply.header("content-type"), case["content_type"].as_str(), "{header}");
        let is_openmetrics = reply.body.ends_with(b"# EOF\n");
        assert_eq!(is_openmetrics, case["format"] == "openmetrics", "{header}");
    }
    for case in recorded["accept_encoding"].as_array().unwrap() {
        let header = case["accept_encoding"].as_str();
        let header = header.map(|accept| format!("Accept-Encoding: {accept}\r\n")).unwrap_or_default();
        let reply = request(server.address, "GET", "/metrics", &header).await;
        assert_eq!(reply.header("content-encoding"), case["content_encoding"].as_str(), "{header}");
        assert_eq!(reply.header("vary"), Some("Accept, Accept-Encoding"), "{header}");
    }
}

#[tokio::test]
async fn a_zipped_page_is_the_page() {
    let recorded = Recorded::new("01-basic");
    let server = Server::start(recorded.source(), Options::default()).await;
    let reply = request(server.address, "GET", "/metrics", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(reply.header("content-length"), Some(&*reply.body.len().to_string()));
    let mut page = String::new();
    flate2::read::GzDecoder::new(&*reply.body).read_to_string(&mut page).unwrap();
    assert_eq!(page, recorded.expected("expected.txt"));
}

#[tokio::test]
async fn headers_on_several_lines_are_one_list() {
    let server = Server::start(Empty, Options::default()).await;
    let headers = "Accept: text/html\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\
        Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n";
    let reply = request(server.address, "GET", "/metrics", headers).await;
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
}
