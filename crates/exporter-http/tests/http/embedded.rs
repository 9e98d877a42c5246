//! An exporter behind a server that is not ours.

use std::sync::Arc;

use collector::Collector;
use exporter_http::{Exporter, Options, respond};
use http_body_util::BodyExt;
use hyper::{Method, Request};

use crate::sources::Recorded;

#[tokio::test]
async fn it_answers_requests_however_they_came() {
    let recorded = Recorded::new("01-basic");
    let collector = Arc::new(Collector::new(vec![Box::new(recorded.source())]));
    let exporter = Exporter::new(collector, Options::default());
    let page = recorded.expected("expected.txt");

    let get = respond(&exporter, &Request::get("/metrics").body(()).unwrap()).await;
    assert_eq!(get.headers()["content-length"], page.len().to_string());
    assert_eq!(get.into_body().collect().await.unwrap().to_bytes(), page);

    // Such a server may not know that the answer to HEAD has no body.
    let head = Request::builder().method(Method::HEAD).uri("/metrics").body(()).unwrap();
    let head = respond(&exporter, &head).await;
    assert_eq!(head.headers()["content-length"], page.len().to_string());
    assert!(head.into_body().collect().await.unwrap().to_bytes().is_empty());
}
