//! Which request gets which answer.

use exporter_http::Options;

use crate::client::{get, request};
use crate::server::Server;
use crate::sources::{Empty, Fragile};

#[tokio::test]
async fn every_page_is_where_it_is_said_to_be() {
    let server = Server::start(Empty, Options::default()).await;
    let table = [
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/metrics?x=1", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/metrics/self", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/", 200, "text/html; charset=utf-8"),
        ("/-/healthy", 200, "text/plain; charset=utf-8"),
        ("/-/ready", 200, "text/plain; charset=utf-8"),
        ("/metrics/", 404, "text/plain; charset=utf-8"),
        ("/favicon.ico", 404, "text/plain; charset=utf-8"),
    ];
    for (path, status, content_type) in table {
        let reply = get(server.address, path).await;
        assert_eq!((reply.status, reply.header("content-type")), (status, Some(content_type)), "{path}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let server = Server::start(Empty, Options { own_metrics_inline: true, ..Options::default() }).await;
    for path in ["/", "/-/healthy", "/-/ready", "/nowhere"] {
        let (get, head) = (get(server.address, path).await, request(server.address, "HEAD", path, "").await);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-length"), Some(&*get.body.len().to_string()), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
    // A page of its own moment: its length is that of some page.
    let head = request(server.address, "HEAD", "/metrics", "").await;
    assert!(head.header("content-length").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!((head.status, head.body), (200, vec![]));
}

#[tokio::test]
async fn other_methods_are_told_which_ones_there_are() {
    let server = Server::start(Empty, Options::default()).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        for path in ["/metrics", "/metrics/self", "/", "/-/healthy", "/-/ready"] {
            let reply = request(server.address, method, path, "Content-Length: 0\r\n").await;
            assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
        assert_eq!(request(server.address, method, "/nowhere", "").await.status, 404);
    }
}

#[tokio::test]
async fn the_page_can_be_elsewhere() {
    for (path, page, own) in [
        ("/shop/metrics", "/shop/metrics", "/shop/metrics/self"),
        ("m/", "/m", "/m/self"),
        ("", "/", "/self"),
    ] {
        let server = Server::start(Empty, Options { path: path.to_owned(), ..Options::default() }).await;
        for path in [page, own] {
            let reply = get(server.address, path).await;
            let content_type = reply.header("content-type").unwrap();
            assert_eq!(
                (reply.status, content_type),
                (200, "text/plain; version=0.0.4; charset=utf-8"),
                "{path}"
            );
        }
        assert_eq!(get(server.address, "/metrics").await.status, 404);
    }
}

#[tokio::test]
async fn the_landing_page_says_what_is_served() {
    let options = Options { title: "shop <&> \"co\"".to_owned(), ..Options::default() };
    let server = Server::start(Fragile::default(), options).await;
    let fresh = get(server.address, "/").await;
    for text in [
        "<title>shop &lt;&amp;&gt; &quot;co&quot;</title>",
        "<li>fragile</li>",
        "Nothing was collected yet.",
        "href=\"/metrics\"",
        "href=\"/metrics/self\"",
        "targets: [\"test\"]",
    ] {
        assert!(fresh.text().contains(text), "{text:?} is missing in {}", fresh.text());
    }
    get(server.address, "/metrics").await;
    let after_failure = get(server.address, "/").await;
    assert!(after_failure.text().contains("The last collection failed: "), "{}", after_failure.text());
}

#[tokio::test]
async fn a_host_cannot_write_into_the_landing_page() {
    let server = Server::start(Empty, Options::default()).await;
    let reply = request(server.address, "GET", "/", "Host: <script>alert(1)</script>\r\n").await;
    assert!(!reply.text().contains("<script>"), "{}", reply.text());
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let server = Server::start(Empty, Options::default()).await;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(b"\r\n\r\nhealthy\n") {
            assert_ne!(stream.read_buf(&mut reply).await.unwrap(), 0, "{reply:?}");
        }
    }
}

#[tokio::test]
async fn ready_follows_the_sources() {
    let source = Fragile::default();
    let server = Server::start(source.clone(), Options::default()).await;
    for _ in 0..2 {
        let reply = get(server.address, "/-/ready").await;
        assert_eq!(reply.status, 503);
        assert!(reply.text().contains("it is broken"), "{}", reply.text());
        assert_eq!(get(server.address, "/-/healthy").await.status, 200);
    }
    source.mend();
    assert_eq!(get(server.address, "/-/ready").await.status, 200);
}
