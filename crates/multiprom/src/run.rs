//! `multiprom run`: a command, and the page of all its processes.

mod directory;
mod family;
mod leftover;
mod program;
mod signals;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use collector::{Collector, DirSource, Directory, Source};
use folding::Options;
use process_metrics::Group;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::cli::run::Run;
use crate::complain;
use crate::fold::{folders, options};
use crate::forward::Forwarded;
use crate::keeper::{Counts, keep_folded};
use crate::serve::{LAST_MOMENT, Pages, runtime};
use crate::sources::{VARIABLES, account_in, catalog_of, sources_with};

use directory::MetricsDirectory;
use family::Family;
use signals::{Arrival, Arrivals, Signal};

/// Where it is not the command that failed, as `env`, `timeout` and `docker run` have it.
const WE_FAILED: u8 = 125;

/// How often what will not end is killed once its time is over: it may fork.
const KILL_EVERY: Duration = Duration::from_millis(100);

/// Runs the command to its end.
pub(crate) fn run(command: Run) -> ExitCode {
    match run_command(command) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            complain(&error);
            ExitCode::from(WE_FAILED)
        }
    }
}

fn run_command(command: Run) -> anyhow::Result<u8> {
    // Before there is another thread: all must leave signals to the queue.
    let blocked = signals::block()?;
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let arrivals = blocked.arrivals()?;
        attend(command, arrivals).await
    });
    runtime.shutdown_timeout(LAST_MOMENT);
    ended
}

async fn attend(command: Run, mut arrivals: Arrivals) -> anyhow::Result<u8> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).context("take over orphans")?;
    let catalog = catalog_of(command.catalog.as_deref())?;
    let (labels, directory) = match command.directory {
        Some(Directory { path, labels }) => (labels, MetricsDirectory::given(path)?),
        None => (Vec::new(), MetricsDirectory::fresh(command.keep_directory)?),
    };
    let mut group = Group::descendants_of(std::process::id()).labelled(labels.clone());
    if !command.no_fold {
        group = group.kept_in(account_in(directory.path()));
    }
    let source = Directory { path: directory.path().to_owned(), labels };
    let limits = command.limits;
    let mut forwarded = Forwarded::new(
        &command.forwarding,
        std::slice::from_ref(&source),
        &catalog,
        command.serving.liveness,
        |files| files.limited(limits.into()).with_processes_in_sight(),
    )?;
    let files = DirSource::new(vec![source], catalog.clone())?.limited(limits.into());
    let mut sources = sources_with(files.with_processes_in_sight(), command.process_metrics, vec![group]);
    let counts = (!command.no_fold).then(Counts::default);
    sources.extend(counts.clone().map(|counts| Box::new(counts) as Box<dyn Source>));
    sources.extend(forwarded.reports());
    // An address that is taken may mean that this runs already: nothing is wiped before.
    let pages = Pages::listen(Collector::new(sources), &command.serving).await?;
    directory.prepare(command.on_restart, &catalog)?;
    forwarded.start()?;
    // Standard output is the command's. Nobody may be reading.
    let _ = pages.announce(&mut io::stderr());

    let (program, arguments) = command.command.split_first().context("the command is missing")?;
    let directories = VARIABLES.map(|name| (OsString::from(name), directory.path().as_os_str().to_owned()));
    let child = match program::start(program, arguments, &directories, arrivals.mask_before()) {
        Ok(child) => child,
        Err(error) => {
            let _ = writeln!(io::stderr(), "multiprom: start {}: {error}", program.display());
            directory.close();
            return Ok(error.status());
        }
    };
    let folding = counts.map(|counts| {
        // Whoever writes comes of the command, or of an earlier one that was looked for; between two generations of workers
        // there may be nobody.
        let options = Options { in_sight: true, ..options(&catalog, command.how_to_fold) };
        tokio::spawn(keep_folded(folders(&[directory.path().to_owned()], &options), counts))
    });
    let (end_pages, requested) = watch::channel(false);
    let served = tokio::spawn(async move {
        // The command is worth more than its page.
        if let Err(error) = pages.serve(requested).await {
            tracing::error!("the page is served no longer: {error:#}");
        }
    });
    let status = watch_over(Family::of(child), &mut arrivals, command.stop_timeout).await;
    end_pages.send_replace(true);
    let _ = served.await;
    if let Some(folding) = folding {
        folding.abort();
    }
    let for_ever = directory.is_made();
    tokio::task::spawn_blocking(move || forwarded.end(for_ever))
        .await
        .context("end what is sent to Redis")?;
    directory.close();
    status
}

/// Passes signals on and reaps until nobody is left.
async fn watch_over(
    mut family: Family,
    arrivals: &mut Arrivals,
    stop_timeout: Option<Duration>,
) -> anyhow::Result<u8> {
    let mut kill_at: Option<Instant> = None;
    while family.reap() {
        let time_is_over = async {
            match kill_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let Arrival { signal, from_terminal } = tokio::select! {
            arrival = arrivals.next() => arrival.context("nobody reads signals any more")?,
            () = time_is_over => {
                family.kill();
                kill_at = Some(Instant::now() + KILL_EVERY);
                continue;
            }
        };
        if signal == Signal::CHILD {
            continue;
        }
        tracing::debug!("{signal:?} came{}", if from_terminal { " from the terminal" } else { "" });
        family.pass_on(signal, from_terminal);
        if from_terminal && signals::stops(signal) {
            signals::stop_here();
        }
        if signals::asks_to_end(signal) && kill_at.is_none() {
            kill_at = stop_timeout.map(|time| Instant::now() + time);
        }
    }
    Ok(family.status())
}
