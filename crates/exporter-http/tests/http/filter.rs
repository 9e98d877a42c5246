//! `name[]`.

use exporter_http::Options;

use crate::client::get;
use crate::server::Server;
use crate::sources::Recorded;

#[tokio::test]
async fn only_samples_of_the_names_are_on_the_page() {
    let recorded = Recorded::new("01-basic");
    let server = Server::start(recorded.source(), Options::default()).await;
    let table = [
        ("name[]=http_requests_total", "expected.filter.http_requests_total.txt"),
        ("name%5B%5D=http%5Frequests_total&x=y", "expected.filter.http_requests_total.txt"),
        ("name[]=http_requests", "expected.filter.http_requests.txt"),
        ("name[]=g_all&name[]=latency_seconds_bucket", "expected.filter.latency_seconds_bucket+g_all.txt"),
        ("name[]=payload_bytes_sum&name[]=nope", "expected.filter.payload_bytes_sum+nope.txt"),
        ("name[]=", "expected.txt"),
    ];
    for (query, expected) in table {
        let reply = get(server.address, &format!("/metrics?{query}")).await;
        assert_eq!(reply.text(), recorded.expected(expected), "{query}");
    }
}

#[tokio::test]
async fn own_metrics_inline_pass_the_filter_too() {
    let recorded = Recorded::new("01-basic");
    let options = Options { own_metrics_inline: true, ..Options::default() };
    let server = Server::start(recorded.source(), options).await;
    let whole = get(server.address, "/metrics").await;
    assert!(whole.text().starts_with(&recorded.expected("expected.txt")));
    assert!(whole.text().contains("\nmultiprom_http_scrapes_in_flight 1.0\n"), "{}", whole.text());
    let one = get(server.address, "/metrics?name[]=multiprom_http_scrapes_in_flight").await;
    let samples: Vec<&str> = one.text().lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples, ["multiprom_http_scrapes_in_flight 1.0"]);
}
