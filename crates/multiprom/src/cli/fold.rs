//! The command line of folding: `multiprom fold`, and what `serve` and `run` take for it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use folding::AllGauges;

use crate::database_argument::Database;
use crate::source_argument::DatabaseParser;

/// Add the files of dead processes up, so that a directory stays small.
///
/// Workers are recycled and leave their files. This adds the numbers of those whose process is known to be dead to one
/// file for each kind and mode, under a name that the application's own client reads (`counter_archive.db`,
/// `metric_jobs_total___archive.bin`), and deletes them: the page stays as it is, no counter falls, and a way back to the
/// client's own collector stays open. Killed at any moment it loses nothing and counts nothing twice; the next fold goes
/// on where it ended.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub(crate) struct Fold {
    /// The directories. Where none is given, the environment's PROMETHEUS_MULTIPROC_DIR
    #[arg(value_name = "DIR")]
    pub(crate) directories: Vec<PathBuf>,

    /// The application is stopped: every file that no process has open is of a dead one
    #[arg(long)]
    pub(crate) offline: bool,

    /// Fold nothing, but go on without what was lost in a Redis of what is kept of the dead
    ///
    /// Where Redis has lost a part of it, whoever has not read it before refuses to make a page that shows less, and
    /// nobody who dies is taken out. This keeps what can still be read: pages fall by the rest, once. Where nothing was
    /// lost nothing is done.
    #[arg(long, value_name = "DATABASE", value_parser = DatabaseParser, conflicts_with_all = ["directories", "offline"])]
    pub(crate) accept_loss: Option<Box<Database>>,

    #[command(flatten)]
    pub(crate) how: HowToFold,

    /// Kinds and merge modes for Ruby's files, which have none, as `multiprom serve` takes them
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
}

/// What becomes of what.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct HowToFold {
    /// What becomes of gauges of mode `all`, which have a line for each process and cannot be added up: `keep` leaves
    /// the files of the dead, `drop` deletes them, `age:SECONDS` deletes them so long after their last change or their
    /// process's death was noticed; `age` alone is a day. In Redis those of the last 256 processes of a family to die are
    /// kept at most, by `keep` as well. Where nothing is said it is `keep`; in Redis the environment's REDIS_TTL_SECONDS
    /// is an age, unless REDIS_TTL_DISABLED is true
    #[arg(long, value_name = "keep|drop|age", value_parser = all_gauges)]
    pub(crate) fold_all: Option<AllGauges>,
}

fn all_gauges(text: &str) -> Result<AllGauges, String> {
    const DAY: Duration = Duration::from_secs(86_400);
    match text.split_once([':', '=']) {
        None if text == "keep" => Ok(AllGauges::Keep),
        None if text == "drop" => Ok(AllGauges::Drop),
        None if text == "age" => Ok(AllGauges::Age(DAY)),
        Some(("age", seconds)) => super::seconds(seconds).map(AllGauges::Age),
        _ => Err("wanted keep, drop, age or age:SECONDS".to_owned()),
    }
}

const NOTES: &str = "\
Examples:
  multiprom fold /run/shop/metrics
  multiprom fold --offline --fold-all=drop /var/lib/shop/metrics
  multiprom serve --fold /run/shop/metrics
  multiprom fold --accept-loss redis://127.0.0.1/0?prefix=shop

Who is dead:
  A process that has a file open or mapped for writing lives, whoever it is;
  so does one that holds the lock of our own stores. A file that nobody has is
  of a dead one, if some process of the application was ever seen to have one:
  else it may run where it cannot be seen, and --offline is for you to say
  that it does not run.

While it folds:
  For some milliseconds the files of the dead have other names. multiprom
  counts each number once all the time; the application's own collector
  (MultiProcessCollector) may miss them, or count them twice, if it is asked
  just then.

Exit codes:
  0  done; also where there was nothing to fold
  1  something could not be done, or of some files it is not known whether
     their process lives
  2  the command line is wrong";
