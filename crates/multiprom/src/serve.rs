//! `multiprom serve`: the merged page over HTTP.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use collector::{Ask, Collector};
use exporter_http::{Exporter, Options, serve_exporter};
use tokio::task::JoinSet;

use crate::cli::Serve;
use crate::listen::{listen, url};
use crate::signals::{end_requested, end_requests};
use crate::sources::collector_of;

/// Threads that talk to clients, however large the machine: scrapes are rare and short, and files are read
/// elsewhere.
const THREADS: usize = 2;

/// How long a collection that hangs may hold up the end of the program.
const LAST_MOMENT: Duration = Duration::from_millis(200);

/// Serves until Ctrl-C or SIGTERM.
pub(crate) fn serve(command: Serve) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(THREADS).enable_all().build().context("start a runtime")?;
    let served = runtime.block_on(serve_all(command));
    runtime.shutdown_timeout(LAST_MOMENT);
    served
}

async fn serve_all(command: Serve) -> anyhow::Result<()> {
    let collector = Arc::new(collector_of(command.sources)?);
    let options = Options {
        collection_time: command.time_limit,
        own_metrics_inline: command.own_metrics_inline,
        ..Options::default()
    };
    let path = options.path.clone();
    let exporter = Arc::new(Exporter::new(collector.clone(), options));
    // Before the first line is printed: whoever reads it may end us.
    let requested = end_requests()?;
    let mut listeners = Vec::new();
    for address in &command.listen {
        listeners.push(listen(address).await?);
    }
    let mut servers = JoinSet::new();
    for listener in listeners {
        let address = listener.local_addr().context("address of the listener")?;
        let everywhere =
            if address.ip().is_unspecified() { " (on every address of this machine)" } else { "" };
        // Nobody may be reading.
        let _ = writeln!(io::stdout(), "multiprom: serving {}{everywhere}", url(address, &path));
        servers.spawn(serve_exporter(listener, exporter.clone(), end_requested(requested.clone())));
    }
    tokio::spawn(try_sources(collector, command.time_limit));
    while let Some(served) = servers.join_next().await {
        served.context("a server panicked")?.context("serve")?;
    }
    tracing::info!("ended");
    Ok(())
}

/// Collects once before anybody asks, so that a mistyped directory is in the log from the start. What was
/// parsed is kept for the first scrape.
async fn try_sources(collector: Arc<Collector>, time_limit: Duration) {
    let mut ask = Ask::default();
    ask.deadline = Some(Instant::now() + time_limit);
    if let Err(error) = collector.collect(&ask).await {
        tracing::warn!("no page until this is mended: {error}");
    }
}
