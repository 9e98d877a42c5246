//! The command line: what can be asked of the program, and the text that explains it.

pub(crate) mod fold;
pub(crate) mod inside;
pub(crate) mod limits;
pub(crate) mod push;
pub(crate) mod push_gateway;
pub(crate) mod run;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::fold::{Fold, HowToFold};
use self::inside::{Check, Diff, Dump, Ls, Top};
use self::limits::SeriesLimits;
use self::push::Forwarding;
use self::push_gateway::PushGateway;
use self::run::Run;
use crate::source_argument::{SourceArgument, SourceParser};

/// One scrape for many processes.
///
/// Prometheus clients count inside one process, but servers fork. multiprom reads the directory in which the
/// workers of an application keep their metrics - Python's prometheus_client in multi-process mode, Ruby's
/// DirectFileStore, GitLab's prometheus-client-mmap, Rust's store-mmap - and serves one page for all of them.
/// The application is not changed and not asked.
#[derive(Debug, Parser)]
#[command(name = "multiprom", version, after_long_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// What to log on standard error: error, warn, info, debug, trace, or a filter such as
    /// `warn,collector=debug`
    #[arg(long, global = true, value_name = "LEVEL", default_value = "info", env = "MULTIPROM_LOG")]
    pub(crate) log_level: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    Run(Run),
    Collect(Collect),
    PushGateway(Box<PushGateway>),
    Fold(Fold),
    Ls(Ls),
    Dump(Dump),
    Check(Check),
    Diff(Diff),
    Top(Top),
    Demo(Demo),
    /// One of the demo's workers.
    #[command(hide = true)]
    DemoWorker(DemoWorker),
}

/// Serve the merged page over HTTP.
///
/// The page is at /metrics, multiprom's own metrics are at /metrics/self, and / explains what is there. Each
/// scrape reads its sources anew. A directory or a database that cannot be read is answered with status 503 and
/// the reason, never with an empty or partial page.
#[derive(Debug, Args)]
#[command(after_long_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) serving: Serving,

    #[command(flatten)]
    pub(crate) sources: Sources,

    #[command(flatten)]
    pub(crate) limits: SeriesLimits,

    /// CPU time, memory and open files of the processes that have the directory's files open. With --fold the CPU time
    /// of those that have ended is kept in the directory, for the next exporter
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ProcessMetrics::Off)]
    pub(crate) process_metrics: ProcessMetrics,

    /// Serve the page without a Redis that has not answered since the start, instead of 503, until it first does
    ///
    /// For applications that count in a directory as long as they find no Redis (`?fallback=file:DIR`), with that
    /// directory as another SOURCE. Whatever has answered once, be it with an error, must answer from then on, as
    /// without this; a database in which nobody's metrics are found counts as empty, too, until some are. The log says
    /// when that begins and ends, and multiprom_redis_absent on /metrics/self is 1 meanwhile. It is to be asked for since
    /// one thing makes counters fall: multiprom itself, restarted while Redis is away, shows less than before, and all of
    /// it again when Redis is back, which to Prometheus was counted anew
    #[arg(long)]
    pub(crate) absent_redis_is_empty: bool,

    /// Add the files of dead processes up, every few seconds, as `multiprom fold` does once; and in Redis what dead
    /// processes with stores of our own have left. The application's own collector, if it is still asked, may miss
    /// numbers of the dead for the milliseconds that it takes
    #[arg(long)]
    pub(crate) fold: bool,

    #[command(flatten)]
    pub(crate) how_to_fold: HowToFold,

    #[command(flatten)]
    pub(crate) forwarding: Forwarding,
}

/// How a page is served.
#[derive(Debug, Args)]
pub(crate) struct Serving {
    /// Address and port to listen on; can be repeated. `:PORT` is every address, port 0 any free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:10464")]
    pub(crate) listen: Vec<String>,

    /// How long a scrape may take, in seconds; below the scrape_timeout of Prometheus, so that it gets the
    /// reason
    #[arg(long, value_name = "SECONDS", default_value = "9", value_parser = seconds)]
    pub(crate) time_limit: Duration,

    /// Serve the last good page for so many seconds where a source cannot be read, and only then answer 503. It is the
    /// page of all sources as it was; multiprom_page_stale_seconds on /metrics/self and the header Age say how old it
    /// is. Off where nothing is said: to Prometheus the application is down as soon as a source is
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) stale_for: Option<Duration>,

    /// Put multiprom's own metrics at the end of the page too
    #[arg(long)]
    pub(crate) own_metrics_inline: bool,

    /// Whose gauges of the `live` modes are shown
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = LivenessRule::Observed)]
    pub(crate) liveness: LivenessRule,
}

/// Which processes count as living.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LivenessRule {
    /// Those that are not known to be dead, by the locks and open files of the system; no hook in the application is
    /// needed
    Observed,
    /// Those that have files, as the application's own collector has it
    AsFiled,
}

impl From<LivenessRule> for collector::Liveness {
    fn from(rule: LivenessRule) -> collector::Liveness {
        match rule {
            LivenessRule::Observed => collector::Liveness::Observed,
            LivenessRule::AsFiled => collector::Liveness::AsFiled,
        }
    }
}

/// What is shown of the processes themselves, as `process_cpu_seconds_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProcessMetrics {
    /// One number for all processes; CPU time of those that have ended keeps counting
    Sum,
    /// One number for each process, with its `pid`
    Each,
    /// Nothing
    Off,
}

/// Print the merged page once, on standard output.
#[derive(Debug, Args)]
#[command(after_long_help = COLLECT_EXAMPLES)]
pub(crate) struct Collect {
    /// The format of the page
    #[arg(long, value_enum, default_value_t = PageFormat::Text)]
    pub(crate) format: PageFormat,

    #[command(flatten)]
    pub(crate) sources: Sources,

    #[command(flatten)]
    pub(crate) limits: SeriesLimits,

    /// CPU time, memory and open files of the processes that have the directory's files open
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ProcessMetrics::Off)]
    pub(crate) process_metrics: ProcessMetrics,

    /// Whose gauges of the `live` modes are shown
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = LivenessRule::AsFiled)]
    pub(crate) liveness: LivenessRule,
}

/// See it work: four workers, some of them killed, one page.
///
/// Starts four worker processes that count requests in one directory, kills one now and then and starts
/// another, serves the merged page, and compares, each second, what the workers say they counted with what
/// the page says. Needs nothing and leaves nothing behind; end it with Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Address and port to serve the page on; any free port of this machine where none is given
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", hide_default_value = true)]
    pub(crate) listen: String,

    /// End by itself after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Option<Duration>,
}

/// What a worker of the demo is told.
#[derive(Debug, Args)]
pub(crate) struct DemoWorker {
    /// The directory to count in.
    pub(crate) directory: PathBuf,
}

/// Where the metrics are.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// A directory of metrics files, with labels for all that is in it: DIR or DIR,label=value,label=value.
    /// Where none is given, the environment's PROMETHEUS_MULTIPROC_DIR
    ///
    /// Two directories that could show the same `pid` twice must be told apart by a label. A comma in a path
    /// or a value is written `\,` and a backslash before a comma `\\`.
    ///
    /// Or the address of a Redis that stores of our own or another client write, with labels behind it as well:
    /// redis://USER:PASSWORD@HOST:PORT/DB, of which all but the host may be left out, rediss:// for TLS, redis+unix:///PATH?db=DB, or
    /// redis+sentinel://HOST[,HOST...]/MASTER[/DB] for the master that Sentinels name, or redis+cluster://HOST[,HOST...]
    /// for a cluster; rediss+sentinel:// and rediss+cluster:// for TLS. Its parameters:
    /// schema=multiprom, gunicorn (gunicorn-prometheus-exporter), pytheus (which needs --catalog), promphp, or auto,
    /// which looks (the default); prefix=, what the keys begin with, if not what they usually do; shards=, of how many shards stores
    /// of our own are at least, which they say themselves unless a node was emptied; sentinel_user= and sentinel_pass=,
    /// for the Sentinels, and sentinel_tls=yes or no where they differ from the master; pids=local, where the
    /// workers run on this machine: `live` gauges then leave out pids that nobody has. A password is better kept in
    /// REDIS_PASSWORD, which is used where the address has none, as REDIS_SENTINEL_PASSWORD is for Sentinels. Where there is neither a source nor
    /// PROMETHEUS_MULTIPROC_DIR, REDIS_ENABLED, REDIS_HOST, REDIS_PORT, REDIS_DB, REDIS_PASSWORD and REDIS_KEY_PREFIX
    /// are read as gunicorn-prometheus-exporter reads them.
    #[arg(value_name = "SOURCE", value_parser = SourceParser)]
    pub(crate) sources: Vec<SourceArgument>,

    /// Kinds, help texts and merge modes for Ruby's files and pytheus' keys, which have none: a saved page of the
    /// application (`# HELP`, `# TYPE`), with comment lines such as `# AGGREGATION queue_length max` where needed
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
}

/// The formats that `collect` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageFormat {
    /// The Prometheus text format, version 0.0.4
    Text,
    /// OpenMetrics, version 1.0.0
    Openmetrics,
}

/// A length of time given in seconds: above 0, at most a year.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    const YEAR: f64 = 366.0 * 86_400.0; // seconds
    match text.strip_suffix('s').unwrap_or(text).parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= YEAR => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("wanted a number of seconds above 0".to_owned()),
    }
}

const EXAMPLES: &str = "\
Examples:
  See it work:
      multiprom demo

  A gunicorn application that uses prometheus_client, as one command:
      multiprom run gunicorn --workers 4 shop:app

  The same, next to an application that is started elsewhere:
      mkdir -p /run/shop/metrics && rm -f /run/shop/metrics/*.db
      export PROMETHEUS_MULTIPROC_DIR=/run/shop/metrics
      multiprom serve /run/shop/metrics &
      gunicorn --workers 4 shop:app
    In the application, delete the /metrics view with its CollectorRegistry()
    and MultiProcessCollector(registry); keep the metrics. Let Prometheus
    scrape port 10464.

  Two applications on one page:
      multiprom serve /run/shop/metrics,app=shop /run/mail/metrics,app=mail

  Where workers come and go, the files of the dead added up:
      multiprom serve --fold /run/shop/metrics

  Look once, without a server:
      multiprom collect /run/shop/metrics | grep http_requests_total

  See what the directory holds, whose it is, and each single number:
      multiprom ls /run/shop/metrics
      multiprom dump /run/shop/metrics | grep http_requests_total

  Find what is wrong with it, and what to do:
      multiprom check /run/shop/metrics

  Watch what counts most, by series and by worker:
      multiprom top /run/shop/metrics

  See what has changed since a page was saved, or whether a counter fell:
      multiprom diff saved.txt /run/shop/metrics
      multiprom diff --only-falls saved.txt /run/shop/metrics

Exit codes:
  0  done, or ended by Ctrl-C or SIGTERM
  1  it could not be done; standard error says what, where and why
  2  the command line is wrong
  `multiprom run` ends as its command does.";

const SERVE_EXAMPLES: &str = "\
Examples:
  multiprom serve /run/shop/metrics
  multiprom serve --listen 127.0.0.1:9000 --listen '[::1]:9000' /run/shop
  multiprom serve --catalog metrics.catalog /run/puma/metrics
  multiprom serve --max-series-per-family 1000 /run/shop/metrics

  What stores of our own keep in Redis, on however many machines; --fold takes
  dead processes out and keeps what they have counted:
      multiprom serve --fold redis://redis.example/0
      multiprom serve 'redis://redis.example/0?schema=multiprom&prefix=shop'
      multiprom serve --fold redis+cluster://one.example,two.example

  The directory of an application that counts there until it finds a Redis,
  and that Redis, on one page from the start:
      multiprom serve --absent-redis-is-empty \\
        redis://redis.example/0 /run/shop/metrics

  The last good page, for half a minute, where Redis does not answer:
      multiprom serve --stale-for 30 redis://redis.example/0

  What gunicorn-prometheus-exporter, PromPHP or pytheus keep there, read and
  never written:
      multiprom serve redis://redis.example/0
      multiprom serve 'redis://redis.example/0?schema=gunicorn&prefix=shop'
      REDIS_PASSWORD=... \\
        multiprom serve 'redis://redis.example/0?schema=promphp' /run/metrics
      multiprom serve --catalog metrics.catalog \\
        'redis://redis.example/0?schema=pytheus'

  Several machines, one page: on each the exporter beside its application,
  and anywhere one for all of them:
      multiprom serve --push-redis redis://redis.example/0 /run/shop/metrics
      multiprom serve --fold redis://redis.example/0

  An IPv6 wildcard such as [::]:9000 takes IPv4 clients too, as Linux does by
  default.

In Prometheus:
  scrape_configs:
    - job_name: shop
      static_configs:
        - targets: [\"HOST:10464\"]";

const COLLECT_EXAMPLES: &str = "\
Examples:
  multiprom collect /run/shop/metrics
  multiprom collect --format openmetrics /run/shop/metrics
  multiprom collect /run/shop/metrics,app=shop /run/mail/metrics,app=mail
  PROMETHEUS_MULTIPROC_DIR=/run/shop/metrics multiprom collect";
