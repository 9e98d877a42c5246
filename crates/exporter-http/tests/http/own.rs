//! The exporter's own metrics.

use exporter_http::Options;

use crate::client::get;
use crate::server::Server;
use crate::sources::Fragile;

/// The value of the sample that begins with `series`.
fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {page}")).parse().unwrap()
}

#[tokio::test]
async fn scrapes_are_counted_by_how_they_ended() {
    let source = Fragile::default();
    let server = Server::start(source.clone(), Options::default()).await;
    get(server.address, "/metrics").await;
    source.mend();
    get(server.address, "/metrics").await;
    get(server.address, "/metrics").await;
    let own = get(server.address, "/metrics/self").await;
    let page = own.text();
    assert_eq!(value(page, "multiprom_http_scrapes_total{code=\"200\"}"), 2.0);
    assert_eq!(value(page, "multiprom_http_scrapes_total{code=\"503\"}"), 1.0);
    assert_eq!(value(page, "multiprom_http_scrapes_total{code=\"504\"}"), 0.0);
    assert_eq!(value(page, "multiprom_http_scrape_duration_seconds_count"), 3.0);
    assert!(value(page, "multiprom_http_scrape_duration_seconds_sum") > 0.0);
    assert_eq!(value(page, "multiprom_http_scrapes_in_flight"), 0.0);
    assert!(value(page, "multiprom_http_connections") >= 1.0);
    assert_eq!(value(page, "multiprom_http_connections_refused_total"), 0.0);
}

#[tokio::test]
async fn each_is_explained_and_ours() {
    let server = Server::start(Fragile::default(), Options::default()).await;
    let own = get(server.address, "/metrics/self").await;
    for line in own.text().lines() {
        let name = line.strip_prefix("# HELP ").or(line.strip_prefix("# TYPE ")).unwrap_or(line);
        assert!(name.starts_with("multiprom_"), "{line}");
        assert!(!line.starts_with("# HELP") || line.ends_with('.'), "{line}");
    }
}
