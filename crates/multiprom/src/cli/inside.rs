//! The command line of the commands that look inside metrics directories.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Sources, seconds};
use crate::source_argument::{PlaceArgument, PlaceParser};

/// List what is in metrics directories and databases: whose it is, how much, what is damaged.
///
/// A file's dialect is found out from its first record, not from its name. Its series are counted as a page counts
/// them: behind damage nothing counts.
#[derive(Debug, Args)]
#[command(after_long_help = LS_EXAMPLES)]
pub(crate) struct Ls {
    /// Directories or single files. Where none is given, the environment's PROMETHEUS_MULTIPROC_DIR
    ///
    /// Or addresses of Redis databases, with the parameters that `multiprom serve --help` tells: what stores of our own
    /// keep there, or another client.
    #[arg(value_name = "DIR|redis://...", value_parser = PlaceParser)]
    pub(crate) places: Vec<PlaceArgument>,

    /// Kinds and bounds of pytheus' keys, as for `multiprom collect`
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,

    /// The order of the files; numbers with the greatest first
    #[arg(long, value_enum, default_value_t = Order::Name)]
    pub(crate) sort: Order,

    /// Print a JSON object for each file, one on a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `ls` sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Byte order of the names
    Name,
    /// Bytes in use
    Used,
    /// Number of records
    Series,
    /// The process that wrote it
    Process,
}

/// Print every record of metrics files, and every number of databases, as it is stored.
///
/// Nothing is merged: buckets are as the client counts them (Python and Ruby each for itself), and Ruby's records
/// have the labels `le` and `quantile` that its client tells sums and counts by. A record whose key cannot be read is
/// shown too, with the reason; pages have nothing from there on.
#[derive(Debug, Args)]
#[command(after_long_help = DUMP_EXAMPLES)]
pub(crate) struct Dump {
    /// Files, or directories of them. Where none is given, the environment's PROMETHEUS_MULTIPROC_DIR
    ///
    /// Or addresses of Redis databases, with the parameters that `multiprom serve --help` tells: what stores of our own
    /// keep there, or another client.
    #[arg(value_name = "FILE|DIR|redis://...", value_parser = PlaceParser)]
    pub(crate) places: Vec<PlaceArgument>,

    /// Kinds and bounds of pytheus' keys, as for `multiprom collect`
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,

    /// Print a JSON object for each record, one on a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Find everything that is wrong with metrics directories and databases, and say what to do.
///
/// Files that are damaged, cut, empty or of nobody; keys that cannot be read; series that stand twice in a file;
/// families whose kind, mode or buckets differ from file to file; what was left behind; rights that are missing. What
/// makes numbers of a page missing or wrong is a fault, all else a remark.
#[derive(Debug, Args)]
#[command(after_long_help = CHECK_EXAMPLES)]
pub(crate) struct Check {
    /// Directories or single files. Where none is given, the environment's PROMETHEUS_MULTIPROC_DIR
    ///
    /// Or addresses of Redis databases, with the parameters that `multiprom serve --help` tells: what stores of our own
    /// keep there, or another client.
    #[arg(value_name = "DIR|redis://...", value_parser = PlaceParser)]
    pub(crate) places: Vec<PlaceArgument>,

    /// Kinds and bounds of pytheus' keys, as for `multiprom collect`
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,

    /// Print a JSON object for each finding, one on a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Compare two pages: what is gone, what is new, what has changed, and which counters fell.
///
/// Each side is a directory of metrics files or one such file, which are merged as a page would have them, or a page
/// that was saved, as text or OpenMetrics.
#[derive(Debug, Args)]
#[command(after_long_help = DIFF_EXAMPLES)]
pub(crate) struct Diff {
    /// The old side: a directory, a metrics file, a saved page, or `-` for a page on standard input
    #[arg(value_name = "A")]
    pub(crate) before: PathBuf,

    /// The new side
    #[arg(value_name = "B")]
    pub(crate) after: PathBuf,

    /// Show counters that fell, and nothing else
    #[arg(long)]
    pub(crate) only_falls: bool,

    /// Kinds and merge modes for Ruby's files, as for `multiprom collect`
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,

    /// Print a JSON object for each change, one on a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Watch what moves, live: the rate of every series, and of every worker.
///
/// Counters show increments a second; histograms and summaries observations a second, and the mean of what was
/// observed since the last reading; gauges their change a second, sorted behind all that counts. A worker's rate is
/// that of all its counters, histograms and summaries together.
#[derive(Debug, Args)]
#[command(after_long_help = TOP_EXAMPLES)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) sources: Sources,

    /// How often to read, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) interval: Duration,

    /// Begin with workers, not series
    #[arg(long)]
    pub(crate) workers: bool,

    /// Print one table after one interval, and end
    #[arg(long)]
    pub(crate) once: bool,
}

const LS_EXAMPLES: &str = "\
Columns:
  CLIENT   python, ruby or gitlab; python with its versions where today's
           client fails on it
  KIND     and how gauges of several processes are merged. With a question
           mark where it is guessed: Ruby's files do not say it
  PROCESS  the identifier in the file's name
  WRITER   alive, dead, or unknown, which is to be taken for alive; archive
           where the file is nobody's, but the sum of what was folded; folding
           where it is dead and `multiprom fold` is adding the file to an
           archive, or was interrupted: it counts until then
  SERIES   records that count on a page
  USED     bytes in use and the length of the file, in bytes, or K, M, G of
           1024
  DAMAGE   what is wrong, and at which byte; `multiprom check` says what to
           do. Where a terminal has no room for the column, it stands below
           the file
  The last line also counts the dot-files that killed processes and folds have
  left, which `multiprom check` names. A column that would be empty is left
  out. On a terminal long texts lose their middle, and where that is not
  enough columns are left out. In a pipe nothing is cut.

Columns of a Redis database, a line for each process, or for each family where
processes share numbers (pytheus, PromPHP):
  HOST, PID  as the process says
  WRITER   alive; silent, which was not heard of for five seconds; ended, which
           said so. The line \"(the dead)\" is what is kept of those who were
           taken out, \"(shared: FAMILY)\" what processes have in common
  HEARD    how long ago it wrote
  SERIES   label sets with stores of our own, else numbers
  USED     bytes of what its numbers are and of the numbers
  GOES     when the first of its keys goes away by itself
  DAMAGE   what pages leave out

Fields of --json:
  path file client versions kind guessed mode process life series used length
  damage  null, or an object of offset and why
  error   null, or why the file cannot be read
  of a database:
  database schema shard name kind host pid life heard series bytes ends faults
  damage  null, or what is wrong; heard and ends are seconds

Examples:
  multiprom ls /run/shop/metrics
  multiprom ls --sort used /run/shop/metrics /run/mail/metrics
  multiprom ls --json /run/shop/metrics | jq -r 'select(.damage) | .path'
  multiprom ls 'redis://redis.example/0?prefix=shop'

Exit codes:
  0  all was listed
  1  a directory, a file or a database could not be read
  2  the command line is wrong";

const DUMP_EXAMPLES: &str = "\
A line of text:
  served_total{code=\"200\"} 7.0 # counter_4711.db@8 python counter process 4711
  Behind the # stand the file and the record's offset in it, what the file's
  name tells, and the time of the last write where one is stored: Unix time in
  Python's files, seconds since boot in Ruby's. What a terminal would not show
  as text is escaped. Of a Redis database:
  jobs_total 3.0 # {shop#0}:values:web-1-7-f0 v0[2] multiprom counter process
    web-1-7-f0 (in one line): the key, and the field with the place in it

Fields of --json:
  path offset value_offset client kind mode process family name labels help
  value time counts
  folding  true where a fold has taken the file away and it is not in its
           archive yet; else left out. The text shows such a file under its
           old name, path is the one that it has
  raw_key  instead of family, name, labels and help: the key that cannot be
           read, escaped
  damage   an object of offset and why: what is wrong with the key; without a
           value, with the file
  of a database:
  database key field client kind mode process family name labels help value
  time counts
  gone  true of a gauge that was forwarded from a directory which has it no
        more: it has no value, and pages leave it out; else left out
  rest  what rounding has left of a sum of the dead; else left out
  ends  seconds until the key goes away by itself; else left out
  Numbers that JSON does not have are texts: \"NaN\", \"+Inf\", \"-Inf\".

Examples:
  multiprom dump /run/shop/metrics/counter_4711.db
  multiprom dump 'redis://redis.example/0?prefix=shop' | grep '^jobs_total'
  multiprom dump /run/shop/metrics | grep '^http_requests_total{'
  multiprom dump --json /run/shop | jq -r 'select(.value == \"NaN\") | .path'

Exit codes:
  0  all was read; also where files are damaged
  1  a directory, a file or a database could not be read
  2  the command line is wrong";

const CHECK_EXAMPLES: &str = "\
A finding is the file, the byte where it has one, and what is wrong; below it,
behind a =, what to do.

Fields of --json:
  weight  fault or remark
  what    directory_unreadable directory_not_writable no_files unreadable
          not_regular foreign unknown_kind empty negative_used damaged bad_key
          duplicate_series left_over kinds_differ modes_differ help_differs
          buckets_differ process_clash dialects_mixed
          of a database: database_unreadable no_numbers wrong_type missing
          member schema schema_differs page seal sequence number end_of_life
          eviction not_taken_out refused no_metadata metadata labels phantom
          kinds_differ modes_differ buckets_differ
  path offset why advice
  key     of a database; its path is the address

Examples:
  multiprom check /run/shop/metrics
  multiprom check 'redis://redis.example/0?prefix=shop'
  multiprom check --json /run/shop | jq -r 'select(.offset) | .path'

Exit codes:
  0  nothing is wrong; there may be remarks
  1  something is wrong
  2  the command line is wrong, or findings could not be written";

const DIFF_EXAMPLES: &str = "\
Lines begin with
  -  gone      - jobs_total{queue=\"mail\"} 3.0
  +  new       + jobs_total{queue=\"post\"} 1.0
  ~  changed   ~ jobs_total{queue=\"news\"} 5.0 -> 9.0 (+4.0)
  !  fell      ! jobs_total{queue=\"spam\"} 9.0 -> 5.0 (-4.0) fell
  What can fall is a counter, or a bucket, count or sum, by more than the last
  bits of a sum (1e-9 of itself).

Fields of --json:
  change  gone, new, changed or fell
  name labels kind old new difference

Examples:
  multiprom collect /run/shop/metrics > saved.txt
  multiprom diff saved.txt /run/shop/metrics
  curl -s localhost:8000/metrics | multiprom diff - /run/shop/metrics
  multiprom diff --only-falls saved.txt /run/shop/metrics || echo 'it fell'

Exit codes:
  0  nothing differs; with --only-falls: nothing fell
  1  something differs; with --only-falls: something fell
  2  a side could not be read, or the command line is wrong";

const TOP_EXAMPLES: &str = "\
Keys:
  w  workers or series            s  sort by rate, value or name
  /  filter; Enter keeps it, Esc drops it
  p  pause                        q, Ctrl-C  quit
  Up Down PageUp PageDown Home End  scroll

Examples:
  multiprom top /run/shop/metrics
  multiprom top --interval 5 /run/shop,app=shop /run/mail,app=mail
  multiprom top --once --workers /run/shop/metrics

Exit codes:
  0  ended by q, Ctrl-C or SIGTERM
  1  with --once: a directory could not be read
  2  standard output is no terminal, or the command line is wrong";
