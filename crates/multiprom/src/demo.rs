//! `multiprom demo`: workers that are killed, and a page that does not mind.

mod crew;
mod page;
pub(crate) mod worker;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use collector::{Catalog, Collector, DirSource, Directory};
use exporter_http::{Options, serve};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{interval_at, sleep};

use crate::cli::Demo;
use crate::listen::{listen, url};
use crate::signals::{end_requested, end_requests};

use crew::Crew;
use page::counted_on_page;

const WORKERS: usize = 4;

const PATH: &str = "/metrics";

/// Runs until Ctrl-C, SIGTERM or `--seconds`.
pub(crate) fn demo(command: Demo) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    let ended = runtime.block_on(run(command));
    runtime.shutdown_timeout(Duration::from_millis(200));
    match ended {
        // `multiprom demo | head`: the reader has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        ended => ended,
    }
}

async fn run(command: Demo) -> anyhow::Result<()> {
    let requested = end_requests()?;
    let directory = temporary_directory()?;
    let listener = listen(&command.listen).await?;
    let address = listener.local_addr().context("address of the listener")?;
    let (end_server, server) = start_server(listener, directory.path())?;
    let mut crew = Crew::hire(WORKERS, directory.path())?;

    print_introduction(&url(address, PATH), directory.path())?;
    let time_is_over = async {
        match command.seconds {
            Some(time) => sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        // Ends only when something is wrong.
        shown = show_every_second(&mut crew, address) => shown?,
        () = end_requested(requested) => {}
        () = time_is_over => {}
    }

    crew.dismiss()?;
    let compared = print_totals(&crew, counted_on_page(address, PATH).await?);
    drop(end_server);
    server.await.context("the server panicked")?.context("serve")?;
    directory.close().context("remove the directory of the demo")?;
    compared
}

/// Memory where the machine has a file system of it, as one would choose for real workers.
fn temporary_directory() -> anyhow::Result<TempDir> {
    let name = |parent: &Path| tempfile::Builder::new().prefix("multiprom-demo-").tempdir_in(parent);
    name(Path::new("/dev/shm"))
        .or_else(|_| name(&std::env::temp_dir()))
        .context("make a directory for the demo")
}

/// Serves the page of `directory` until the sender is dropped.
fn start_server(
    listener: TcpListener,
    directory: &Path,
) -> anyhow::Result<(oneshot::Sender<()>, JoinHandle<io::Result<()>>)> {
    let directory = Directory { path: directory.to_owned(), labels: Vec::new() };
    let source = DirSource::new(vec![directory], Catalog::default())?;
    let collector = Arc::new(Collector::new(vec![Box::new(source)]));
    let options = Options {
        title: "multiprom demo".to_owned(),
        path: PATH.to_owned(),
        shutdown_time: Duration::from_millis(500),
        ..Options::default()
    };
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, collector, options, async { drop(ended.await) }));
    Ok((end, server))
}

fn print_introduction(url: &str, directory: &Path) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Four worker processes count requests in one directory; one page shows them as one application.

  page       {url}
  directory  {directory}

Open the page and look at
  demo_requests_total             one number for all workers, those that were killed included
  demo_request_duration_seconds   one histogram, exact to the last observation
  demo_busy_threads               one series for each living worker, told apart by pid
  demo_workers                    a sum over the living only
Try
  curl -s {url} | grep demo_requests_total
  multiprom ls {directory}
  multiprom top {directory}

A worker reports each request that it answered through a pipe, independently of the page. The
page is read after the reports, so it may be a little ahead of them, and is never behind: what a
worker has counted outlives it. Ctrl-C ends the demo.

 second  workers  killed  answered, say the workers  counted, says the page  ahead",
        directory = directory.display(),
    )?;
    Ok(())
}

/// A line each second, and a kill now and then.
async fn show_every_second(crew: &mut Crew, address: SocketAddr) -> anyhow::Result<()> {
    const SECOND: Duration = Duration::from_secs(1);
    let mut seconds = interval_at((Instant::now() + SECOND).into(), SECOND);
    for second in 1_u64.. {
        seconds.tick().await;
        crew.check()?;
        let answered = crew.answered();
        let counted = counted_on_page(address, PATH).await?;
        print_line(second, crew, answered, counted)?;
        if counted < answered {
            bail!("the page counts {counted} requests, the workers have answered {answered}");
        }
        if is_time_to_kill(second) {
            let (killed, hired) = crew.replace_one()?;
            writeln!(io::stdout(), "         worker {killed} killed with SIGKILL, worker {hired} started")?;
        }
    }
    Ok(())
}

/// Whether a worker is killed in this second: often while somebody is surely watching, then seldom, because
/// each leaves its files behind.
fn is_time_to_kill(second: u64) -> bool {
    let every = if second < 60 { 3 } else { 30 };
    second % every == 2
}

fn print_line(second: u64, crew: &Crew, answered: u64, counted: u64) -> io::Result<()> {
    let ahead = i128::from(counted) - i128::from(answered);
    writeln!(
        io::stdout(),
        "{second:>7}  {workers:>7}  {killed:>6}  {answered:>25}  {counted:>22}  {ahead:>+5}",
        workers = crew.len(),
        killed = crew.killed(),
    )
}

/// Compares at rest: all workers have ended and all their reports are read.
///
/// # Errors
/// When the page has lost or invented a request.
fn print_totals(crew: &Crew, counted: u64) -> anyhow::Result<()> {
    let (begun, answered) = (crew.begun(), crew.answered());
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "
All workers have ended.
  workers killed                      {killed:>10}
  requests begun, say the workers     {begun:>10}
  requests cut off by a kill          {cut_off:>10}
  requests answered, say the workers  {answered:>10}
  requests counted, says the page     {counted:>10}
",
        killed = crew.killed(),
        cut_off = begun - answered,
    )?;
    // A worker that is killed between counting a request and reporting it has counted one more than it
    // answered.
    if !(answered..=begun).contains(&counted) {
        bail!("the page must count no less than was answered and no more than was begun");
    }
    match counted - answered {
        0 => writeln!(out, "Every answered request is on the page, once.")?,
        ahead => writeln!(
            out,
            "Every answered request is on the page, once; {ahead} more were counted by a worker that was killed \
             before it could report them."
        )?,
    }
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
