//! The command line of `multiprom run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use collector::Directory;

use super::fold::HowToFold;
use super::limits::SeriesLimits;
use super::push::Forwarding;
use super::{ProcessMetrics, Serving, seconds};
use crate::source_argument::directory_argument;

/// Run a command and serve the metrics of all its processes.
///
/// Makes a directory for metrics, tells it to the command by PROMETHEUS_MULTIPROC_DIR and
/// prometheus_multiproc_dir, starts the command, and serves the merged page as `multiprom serve` does, for as
/// long as the command or a process that it started lives. Signals are passed on, orphans are taken over and
/// reaped, so that it can be the first process of a container. It ends as the command ends.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) serving: Serving,

    /// The directory for metrics, made where it is missing: DIR or DIR,label=value with labels for all that is
    /// in it. Where none is given, one is made in memory (/dev/shm, $XDG_RUNTIME_DIR, /run) or else in $TMPDIR
    /// and removed at the end
    #[arg(long, value_name = "DIR", value_parser = directory_argument())]
    pub(crate) directory: Option<Directory>,

    /// What becomes of the metrics that an earlier run left in DIR
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnRestart::Wipe)]
    pub(crate) on_restart: OnRestart,

    /// Do not remove the directory that was made
    #[arg(long, conflicts_with = "directory")]
    pub(crate) keep_directory: bool,

    /// CPU time, memory and open files of the command and all processes that it started
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ProcessMetrics::Sum)]
    pub(crate) process_metrics: ProcessMetrics,

    #[command(flatten)]
    pub(crate) limits: SeriesLimits,

    /// Leave the files of dead processes as they are. They are added up else, as by `multiprom serve --fold`
    #[arg(long)]
    pub(crate) no_fold: bool,

    #[command(flatten)]
    pub(crate) how_to_fold: HowToFold,

    #[command(flatten)]
    pub(crate) forwarding: Forwarding,

    /// Kill with SIGKILL what still lives so long after SIGTERM, SIGINT or SIGQUIT was passed on; never where
    /// this is not given
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) stop_timeout: Option<Duration>,

    /// Kinds, help texts and merge modes for Ruby's files, which have none, as `multiprom serve` takes them
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,

    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

/// What becomes of the metrics of an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnRestart {
    /// They are removed; refused where a process still writes them
    Wipe,
    /// Counters, histograms and summaries go on; gauges of processes that have ended are removed
    Keep,
}

const NOTES: &str = "\
Examples:
  multiprom run gunicorn --workers 4 shop:app
  multiprom run --listen 127.0.0.1:9000 -- celery --app shop worker
  multiprom run --directory /var/lib/shop --on-restart keep -- puma
  multiprom run --push-redis redis://redis.example/0 -- gunicorn shop:app

In a Dockerfile:
  ENTRYPOINT [\"multiprom\", \"run\", \"--\", \"gunicorn\", \"-w\", \"4\", \"shop:app\"]
  ENTRYPOINT [\"multiprom\", \"run\", \"--\", \"celery\", \"--app\", \"shop\", \"worker\"]
  ENTRYPOINT [\"multiprom\", \"run\", \"--\", \"puma\", \"--workers\", \"4\"]
  EXPOSE 10464
  Docker's /dev/shm holds 64 MB; give it more with --shm-size where many
  series are kept.

What the application has to do:
  Python's prometheus_client and GitLab's prometheus-client-mmap find the
  directory by themselves. Ruby's prometheus-client is told by one line:
      Prometheus::Client.config.data_store = Prometheus::Client::DataStores::
        DirectFileStore.new(dir: ENV.fetch(\"PROMETHEUS_MULTIPROC_DIR\"))
  A directory that is made belongs to the user who runs multiprom, and nobody
  else may enter it. Where the command changes to another user, give
  --directory with one that this user may write to.

Signals:
  SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGTTIN,
  SIGTTOU and such are passed on to the command. What a terminal sends
  (Ctrl-C, Ctrl-\\, Ctrl-Z, its new size, its end) has reached the command
  already and is not sent again. Whoever asks multiprom to end (SIGTERM,
  SIGINT, SIGQUIT) asks all: what lives on when the command has ended gets the
  signal then. Under systemd set KillMode=mixed, or the command gets SIGTERM
  twice.

Upgrades:
  A reload within the command, as gunicorn's by SIGHUP, is no restart: metrics
  go on. After SIGUSR2 gunicorn and unicorn start a new master; when the old
  one has ended (send SIGQUIT to its own pid), multiprom passes signals on to
  the new one, and ends as that does. A master is a process that was started
  by a program of its own and has children; other processes that the command
  leaves behind are waited for.

Exit codes:
  The command's; 128 and the number of the signal that ended it; 126 where it
  cannot be executed, 127 where it is not found, 125 where multiprom itself
  failed before the command was started, 2 where the command line is wrong.";
