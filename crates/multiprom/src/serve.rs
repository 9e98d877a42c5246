//! `multiprom serve`: the merged page over HTTP.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use collector::{Ask, Collector, Liveness, Source};
use exporter_http::{Exporter, Options, serve_exporter};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::{Serve, Serving};
use crate::fold::{folders, options};
use crate::forward::Forwarded;
use crate::janitors::{janitors, keep_tidy};
use crate::keeper::{Counts, keep_folded};
use crate::listen::{listen, url};
use crate::signals::{end_requested, end_requests};
use crate::sources::{named, sources_of};

/// Threads that talk to clients, however large the machine: scrapes are rare and short, and files are read
/// elsewhere.
const THREADS: usize = 2;

/// How long a collection that hangs may hold up the end of the program.
pub(crate) const LAST_MOMENT: Duration = Duration::from_millis(200);

/// Serves until Ctrl-C or SIGTERM.
pub(crate) fn serve(command: Serve) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let served = runtime.block_on(serve_all(command));
    runtime.shutdown_timeout(LAST_MOMENT);
    served
}

/// What pages are served on.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(THREADS).enable_all().build().context("start a runtime")
}

async fn serve_all(command: Serve) -> anyhow::Result<()> {
    let mut named = named(command.sources)?;
    for database in &mut named.databases {
        database.may_be_absent = command.absent_redis_is_empty;
    }
    let counts = command.fold.then(Counts::default);
    let paths: Vec<PathBuf> = named.directories.iter().map(|directory| directory.path.clone()).collect();
    let janitors =
        if command.fold { janitors(&named.databases, command.how_to_fold.fold_all)? } else { Vec::new() };
    let folders = folders(&paths, &options(&named.catalog, command.how_to_fold));
    let limits = command.limits;
    let mut forwarded = Forwarded::new(
        &command.forwarding,
        &named.directories,
        &named.catalog,
        command.serving.liveness,
        |files| files.limited(limits.into()),
    )?;
    let mut sources = sources_of(named, command.limits, command.process_metrics, command.fold)?;
    sources.extend(counts.clone().map(|counts| Box::new(counts) as Box<dyn Source>));
    sources.extend(forwarded.reports());
    // Before the first line is printed: whoever reads it may end us.
    let requested = end_requests()?;
    let pages = Pages::listen(Collector::new(sources), &command.serving).await?;
    // Nobody may be reading.
    let _ = pages.announce(&mut io::stdout());
    if let Some(counts) = counts {
        tokio::spawn(keep_folded(folders, counts));
    }
    if !janitors.is_empty() {
        tokio::spawn(keep_tidy(janitors));
    }
    forwarded.start()?;
    pages.serve(requested).await?;
    tokio::task::spawn_blocking(move || forwarded.end(false)).await.context("end what is sent to Redis")?;
    tracing::info!("ended");
    Ok(())
}

/// A collector's page and the listeners on which it can be asked for.
pub(crate) struct Pages {
    collector: Arc<Collector>,
    exporter: Arc<Exporter>,
    path: String,
    time_limit: Duration,
    liveness: Liveness,
    listeners: Vec<(TcpListener, SocketAddr)>,
}

impl Pages {
    /// Listens on all addresses; nobody is answered yet.
    pub(crate) async fn listen(collector: Collector, serving: &Serving) -> anyhow::Result<Pages> {
        let collector = Arc::new(collector);
        let options = Options {
            collection_time: serving.time_limit,
            stale_for: serving.stale_for,
            own_metrics_inline: serving.own_metrics_inline,
            liveness: serving.liveness.into(),
            ..Options::default()
        };
        let path = options.path.clone();
        let exporter = Arc::new(Exporter::new(collector.clone(), options));
        let mut listeners = Vec::new();
        for address in &serving.listen {
            let listener = listen(address).await?;
            let address = listener.local_addr().context("address of the listener")?;
            listeners.push((listener, address));
        }
        Ok(Pages {
            collector,
            exporter,
            path,
            time_limit: serving.time_limit,
            liveness: serving.liveness.into(),
            listeners,
        })
    }

    /// Says where the page is, one line for each address.
    pub(crate) fn announce(&self, out: &mut dyn Write) -> io::Result<()> {
        for (_, address) in &self.listeners {
            let everywhere =
                if address.ip().is_unspecified() { " (on every address of this machine)" } else { "" };
            writeln!(out, "multiprom: serving {}{everywhere}", url(*address, &self.path))?;
        }
        Ok(())
    }

    /// Answers until `requested` becomes true.
    pub(crate) async fn serve(self, requested: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut servers = JoinSet::new();
        for (listener, _) in self.listeners {
            servers.spawn(serve_exporter(listener, self.exporter.clone(), end_requested(requested.clone())));
        }
        tokio::spawn(try_sources(self.collector, self.time_limit, self.liveness));
        while let Some(served) = servers.join_next().await {
            served.context("a server panicked")?.context("serve")?;
        }
        Ok(())
    }
}

/// Collects once before anybody asks, so that a mistyped directory is in the log from the start. What was
/// parsed is kept for the first scrape.
async fn try_sources(collector: Arc<Collector>, time_limit: Duration, liveness: Liveness) {
    let mut ask = Ask::default();
    ask.liveness = liveness;
    ask.deadline = Some(Instant::now() + time_limit);
    if let Err(error) = collector.collect(&ask).await {
        tracing::warn!("no page until this is mended: {error}");
    }
}
