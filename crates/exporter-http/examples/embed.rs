//! An application that serves the metrics of all its processes on a port of its own.
//!
//! `cargo run -p exporter-http --example embed`, then `curl localhost:8000/metrics`.

use std::sync::Arc;

use collector::{Catalog, Collector, DirSource, Directory};
use metrics_core::Registry;
use store_mmap::MmapStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join("embed-metrics");
    std::fs::create_dir_all(&path)?;
    Registry::new(MmapStore::open(&path)?).counter("starts_total", "Starts.").register()?.inc();

    let source = DirSource::new(vec![Directory { path, labels: vec![] }], Catalog::default())?;
    let collector = Arc::new(Collector::new(vec![Box::new(source)]));
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8000").await?;
    let ctrl_c = async { drop(tokio::signal::ctrl_c().await) };
    exporter_http::serve(listener, collector, exporter_http::Options::default(), ctrl_c).await?;
    Ok(())
}
