//! What a page of 1 MB costs over HTTP, beside a constant body under the same HTTP library.

mod client;
mod page;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use collector::{Ask, Collector};
use exporter_http::{Options, serve};
use http_body_util::Full;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Suite;
use crate::pin::Cores;
use crate::race::{Course, Racer, race};
use crate::row::{Bar, Row};
use crate::scrape::runtime;
use client::Scrapers;
use page::MegabytePage;

/// How many scrapes share one collection. Few Prometheus servers have so many replicas; with many, one collection
/// among them weighs little, and what is left is what serving a page costs.
const SHARING: usize = 64;

/// From the nanoseconds of all of them to the microseconds of each.
const EACH: f64 = 1e-3 / SHARING as f64;

/// How long the requests of all scrapes may take to arrive before the page is let go.
const ARRIVAL: Duration = Duration::from_millis(20);

/// Our exporter and a server with a constant body, both with a gate before the answer.
struct Servers {
    ours: SocketAddr,
    constant: SocketAddr,
    /// Open while it holds true.
    gate: watch::Sender<bool>,
    /// Bytes of the page.
    length: usize,
}

/// Measures all of them.
///
/// # Errors
/// When a server cannot be started or a connection breaks.
pub fn measure(suite: &mut Suite) -> anyhow::Result<()> {
    let shared = "page of 1 MB over HTTP, scrapes that share one collection";
    let alone = "page of 1 MB over HTTP, one scrape";
    let (wants_shared, wants_alone) = (suite.wants(shared), suite.wants(alone));
    if !wants_shared && !wants_alone {
        return Ok(());
    }
    let servers = Servers::start(&suite.cores)?;
    // Clients on one core, servers on the other.
    suite.cores.pin(0);
    if wants_shared {
        let row = servers.race_shared(suite, shared)?;
        suite.rows.push(row);
    }
    if wants_alone {
        let rows = servers.race_alone(suite, alone)?;
        suite.rows.extend(rows);
    }
    suite.cores.unpin();
    Ok(())
}

impl Servers {
    fn start(cores: &Cores) -> anyhow::Result<Servers> {
        let (gate, opened) = watch::channel(true);
        let collector = Arc::new(collector(&opened));
        let snapshot = runtime()?.block_on(collector.collect(&Ask::default()))?;
        let body = page::text(&snapshot);
        let length = body.len();
        let ours = start(cores, move |listener| async move {
            let _ = serve(listener, collector, Options::default(), std::future::pending()).await;
        })?;
        let constant = start(cores, move |listener| serve_constant(listener, body.into(), opened))?;
        Ok(Servers { ours, constant, gate, length })
    }

    /// Many scrapes that arrive while the gate is closed and are let go together.
    fn race_shared(&self, suite: &Suite, name: &str) -> anyhow::Result<Row> {
        let racer = |name, address| -> anyhow::Result<Racer<'_>> {
            let mut scrapers = Scrapers::connect(address, SHARING)?;
            Ok(Racer::new(name, move |times| {
                let mut taken = Duration::ZERO;
                for _ in 0..times {
                    self.gate.send_replace(false);
                    scrapers.ask()?;
                    std::thread::sleep(ARRIVAL);
                    let begun = Instant::now();
                    self.gate.send_replace(true);
                    scrapers.take()?;
                    taken += begun.elapsed();
                }
                Ok(taken)
            }))
        };
        let mut racers = [racer("ours", self.ours)?, racer("a constant body", self.constant)?];
        let samples = race(&suite.witness, Course::long(&suite.effort), &mut racers)?;
        let [ours, constant] = samples.try_into().ok().context("two have raced")?;
        let length = self.length;
        Ok(Row::new(name, &ours.scaled(EACH), "us")
            .beside("a constant body under hyper", &constant.scaled(EACH))
            .held_to(Bar::Times(1.0 / 0.9))
            .because(format!("for each of {SHARING} scrapes of {length} bytes, one collection among them")))
    }

    /// One scrape after the other, and what the collection in it costs by itself.
    fn race_alone(&self, suite: &Suite, name: &str) -> anyhow::Result<[Row; 2]> {
        let racer = |name, address| -> anyhow::Result<Racer<'_>> {
            let mut scrapers = Scrapers::connect(address, 1)?;
            Ok(Racer::new(name, move |times| {
                let begun = Instant::now();
                for _ in 0..times {
                    scrapers.ask()?;
                    scrapers.take()?;
                }
                Ok(begun.elapsed())
            }))
        };
        let runtime = runtime()?;
        let collector = collector(&self.gate.subscribe());
        let mut page = Vec::new();
        let collection = Racer::new("the collection", |times| {
            let begun = Instant::now();
            for _ in 0..times {
                let snapshot = runtime.block_on(collector.collect(&Ask::default()))?;
                page.clear();
                exposition::encode(exposition::Format::TEXT, &snapshot, &mut page);
            }
            Ok(begun.elapsed())
        });
        let mut racers = [racer("ours", self.ours)?, racer("a constant body", self.constant)?, collection];
        let samples = race(&suite.witness, Course::long(&suite.effort), &mut racers)?;
        let [ours, constant, collection] = samples.try_into().ok().context("three have raced")?;
        let whole = Row::new(name, &ours.scaled(1e-3), "us");
        let apart = "page of 1 MB over HTTP, its collection: merge and encode";
        Ok([
            whole
                .beside("a constant body under hyper", &constant.scaled(1e-3))
                .because("with the whole collection in it"),
            Row::new(apart, &collection.scaled(1e-3), "us"),
        ])
    }
}

fn collector(opened: &watch::Receiver<bool>) -> Collector {
    Collector::new(vec![Box::new(MegabytePage::new(opened.clone()))])
}

/// Starts a server with one thread on the second core, which runs until the program ends.
fn start<F: Future<Output = ()>>(
    cores: &Cores,
    server: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let cores = cores.clone();
    std::thread::spawn(move || {
        cores.pin(1);
        let runtime = runtime().expect("there are descriptors left");
        runtime.block_on(async {
            server(TcpListener::from_std(listener).expect("it does not block")).await;
        });
    });
    Ok(address)
}

/// Answers every request with the same body, once the gate is open.
async fn serve_constant(listener: TcpListener, body: Bytes, opened: watch::Receiver<bool>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let (body, opened) = (body.clone(), opened.clone());
        let service = service_fn(move |_request| {
            let (body, mut opened) = (body.clone(), opened.clone());
            async move {
                let _ = opened.wait_for(|open| *open).await;
                Ok::<_, Infallible>(Response::new(Full::new(body)))
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
