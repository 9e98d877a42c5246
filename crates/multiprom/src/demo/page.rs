//! Reading the demo's page as Prometheus would: over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use exposition::{Syntax, parse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::listen::reachable;

/// The sample that is compared with what the workers say.
const REQUESTS: &str = "demo_requests_total";

const SCRAPE_TIME: Duration = Duration::from_secs(10);

/// The requests that the page at `path` of the server at `address` counts, all methods and codes together:
/// those that were counted before this is called, and perhaps a few more.
pub(crate) async fn counted_on_page(address: SocketAddr, path: &str) -> anyhow::Result<u64> {
    // A scrape gets the result of one that runs already, and somebody else's may have begun before this was
    // called. A second one, after the first has ended, begins later.
    scrape(address, path).await?;
    let page = scrape(address, path).await?;
    let snapshot = parse(Syntax::Text0, &page).map_err(|error| anyhow!("line {}: {}", error.line, error.why));
    let snapshot = snapshot.context("read the page")?;
    let samples = snapshot.families.iter().flat_map(|family| &family.samples);
    let requests: f64 =
        samples.filter(|sample| &*sample.series.name == REQUESTS).map(|sample| sample.value).sum();
    // Far below 2^53, where the numbers of a page begin to skip.
    Ok(requests as u64)
}

/// The page, as Prometheus would get it.
async fn scrape(address: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    timeout(SCRAPE_TIME, get(reachable(address), path)).await.context("scrape the page")?
}

/// The body of the answer to `GET path`.
async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.context("send the request")?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.context("read the response")?;
    let Some(head_len) = response.windows(4).position(|end| end == b"\r\n\r\n") else {
        bail!("the response has no head");
    };
    let body = response.split_off(head_len + 4);
    if !response.starts_with(b"HTTP/1.1 200 ") {
        bail!("{}{}", String::from_utf8_lossy(&response), String::from_utf8_lossy(&body));
    }
    Ok(body)
}
