//! The arguments of `multiprom push-gateway`: those of the official push gateway by name, those of PushGatewayRedis,
//! and ours.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use push_gateway::parse_duration;

/// Take metrics that jobs push, and show them to Prometheus.
///
/// A job that lives too shortly to be scraped pushes what it has to say to a gateway; Prometheus scrapes the gateway.
/// This one takes the place of Prometheus' own: the same paths, answers and flags, so that a unit file changes its
/// program and nothing else. It is also this command when it is called by the name `pushgateway` or
/// `prometheus-pushgateway`.
#[derive(Clone, Debug, Args)]
#[command(version, after_long_help = EXAMPLES)]
pub(crate) struct PushGateway {
    /// Address to listen on, `ADDRESS:PORT` or `:PORT` for every address; may be given several times
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = ":9091", help_heading = WEB)]
    pub(crate) listen: Vec<String>,

    /// Port to listen on, on every address, instead of --web.listen-address
    #[arg(short = 'p', long, value_name = "PORT", conflicts_with = "listen", help_heading = WEB)]
    pub(crate) port: Option<u16>,

    /// Path of the page; pushes go to /metrics/job/... wherever that is
    #[arg(
        short = 'm', long = "web.telemetry-path", alias = "metrics.path", value_name = "PATH",
        default_value = "/metrics", value_parser = path, help_heading = WEB
    )]
    pub(crate) page: String,

    /// URL under which the gateway is reached, behind a proxy; its path is the prefix of all paths, unless
    /// --web.route-prefix says another
    #[arg(long = "web.external-url", value_name = "URL", default_value = "", help_heading = WEB)]
    pub(crate) external_url: String,

    /// Prefix of all paths
    #[arg(long = "web.route-prefix", value_name = "PATH", default_value = "", help_heading = WEB)]
    pub(crate) route_prefix: String,

    /// Listen on the sockets that systemd hands over, instead of --web.listen-address
    #[arg(long = "web.systemd-socket", help_heading = WEB)]
    pub(crate) systemd_socket: bool,

    /// A file of users, certificates and headers, as all programs of Prometheus have it; it is read again when it changes
    ///
    /// One key is not theirs: basic_auth_scopes says of a user whether he may push, scrape, or, as admin, all.
    #[arg(long = "web.config.file", value_name = "FILE", help_heading = WEB)]
    pub(crate) web_config: Option<PathBuf>,

    /// Let everybody ask for /-/healthy and /-/ready, whatever users --web.config.file names
    #[arg(long = "web.open-health", help_heading = WEB)]
    pub(crate) open_health: bool,

    /// Let clients end the gateway by PUT to /-/quit, and have it read its configuration again by PUT to /-/reload
    #[arg(long = "web.enable-lifecycle", help_heading = WEB)]
    pub(crate) lifecycle: bool,

    /// Let clients delete all groups by PUT to /api/v1/admin/wipe
    #[arg(long = "web.enable-admin-api", help_heading = WEB)]
    pub(crate) admin: bool,

    /// Answer in OpenMetrics whoever likes it best, though it reads text
    ///
    /// The values of `le` and `quantile` are written otherwise there (1.0, not 1), so that Prometheus 2 sees other series
    /// than it saw of the official gateway, which has text alone.
    #[arg(long = "web.prefer-openmetrics", help_heading = WEB)]
    pub(crate) prefer_openmetrics: bool,

    /// Where the gateway's own metrics stand: on the page, or on a page of their own at --telemetry.path, so that
    /// nothing that is pushed can have their names
    #[arg(long = "web.own-metrics", value_enum, value_name = "WHERE", help_heading = WEB)]
    pub(crate) own_metrics: Option<OwnMetrics>,

    /// Path of the gateway's own metrics where they have a page of their own
    #[arg(
        short = 't', long = "telemetry.path", value_name = "PATH", default_value = "/telemetry", value_parser = path,
        help_heading = WEB
    )]
    pub(crate) own: String,

    /// How many connections there may be at once; further ones are answered 503
    #[arg(long = "web.max-connections", value_name = "NUMBER", default_value_t = 1000, help_heading = WEB)]
    pub(crate) connections: usize,

    /// How long the body of a request may take to arrive, and its answer to be taken
    #[arg(
        long = "web.request-timeout", value_name = "TIME", default_value = "30s", value_parser = time,
        help_heading = WEB
    )]
    pub(crate) request_time: Duration,

    /// Keep what is pushed in files beside this one, so that it is there after a restart; in memory alone where this is
    /// not given
    ///
    /// A push is on disk before it is answered. The files are in a directory of this name with .d behind it.
    #[arg(long = "persistence.file", value_name = "FILE", default_value = "", help_heading = PERSISTENCE)]
    pub(crate) persistence: String,

    /// How long a push may take to get to the disk where --persistence.sync is interval
    #[arg(
        long = "persistence.interval", value_name = "TIME", default_value = "5m", value_parser = time,
        help_heading = PERSISTENCE
    )]
    pub(crate) persistence_interval: Duration,

    /// When a push is on disk, so that it outlives the machine: before it is answered, within --persistence.interval, or
    /// when the system gets round to it. It outlives the gateway in any case
    #[arg(
        long = "persistence.sync", value_enum, value_name = "WHEN", default_value_t = Sync::Always,
        help_heading = PERSISTENCE
    )]
    pub(crate) persistence_sync: Sync,

    /// Go on with what can be read where files are damaged; copies of them are kept
    #[arg(long = "persistence.ignore-corrupt", help_heading = PERSISTENCE)]
    pub(crate) ignore_corrupt: bool,

    /// Keep what is pushed in this Redis, so that any number of gateways show the same page: an address such as
    /// redis://USER:PASSWORD@HOST:PORT/DB, redis+sentinel://HOST[,HOST...]/MASTER, redis+cluster://HOST[,HOST...], rediss
    /// for TLS; or, as PushGatewayRedis has it, HOST:PORT, and several of a cluster
    ///
    /// A password is better kept in REDIS_PASSWORD. A push is answered once the master has it, and a replica where there
    /// are any.
    #[arg(long = "redis.endpoint", value_name = "ADDRESS", help_heading = PERSISTENCE)]
    pub(crate) redis: Option<String>,

    /// What the keys in Redis begin with
    #[arg(long = "redis.namespace", value_name = "NAME", default_value = "multiprom", help_heading = PERSISTENCE)]
    pub(crate) redis_namespace: String,

    /// Into how many parts jobs are shared out, on as many nodes of a cluster; never to be changed
    #[arg(long = "redis.shards", value_name = "NUMBER", default_value_t = 1, help_heading = PERSISTENCE)]
    pub(crate) redis_shards: u32,

    /// How many replicas have to have a push before it is answered: auto for one where there are any, none, or a number
    #[arg(long = "redis.wait-replicas", value_name = "NUMBER", default_value = "auto", help_heading = PERSISTENCE)]
    pub(crate) redis_wait: String,

    /// How long a push is tried while Redis does not answer, through a fail-over; then it is answered 503
    #[arg(long = "push.timeout", value_name = "TIME", default_value = "10s", value_parser = time, help_heading = PUSH)]
    pub(crate) push_time: Duration,

    /// What only the configuration file says of Redis.
    #[arg(skip)]
    pub(crate) redis_extra: RedisExtra,

    /// Speak TLS
    #[arg(long = "tls.enabled", help_heading = WEB)]
    pub(crate) tls: bool,

    /// The certificates for that, PEM
    #[arg(long = "tls.cert", value_name = "FILE", help_heading = WEB)]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The key for that, PEM
    #[arg(long = "tls.key", value_name = "FILE", help_heading = WEB)]
    pub(crate) tls_key: Option<PathBuf>,

    /// Take pushes that do not fit beside what is held: they are answered 202, and of two that exclude each other the
    /// earlier group is shown
    #[arg(long = "push.disable-consistency-check", help_heading = PUSH)]
    pub(crate) unchecked: bool,

    /// How long a group lives after a push that does not say (by ?ttl= or X-Push-TTL); 0 for ever
    #[arg(long = "push.ttl", value_name = "TIME", default_value = "0", value_parser = time, help_heading = PUSH)]
    pub(crate) ttl: Duration,

    /// How long an Idempotency-Key is remembered
    #[arg(
        long = "push.idempotency-window", value_name = "TIME", default_value = "10m", value_parser = time,
        help_heading = PUSH
    )]
    pub(crate) once: Duration,

    /// Add up what is pushed to /metrics, and to /metrics/NAME/VALUE without a job, as prom-aggregation-gateway does
    #[arg(long = "push.aggregate-routes", help_heading = PUSH)]
    pub(crate) aggregate: bool,

    /// Path to take flat text at, without a group, as PushGatewayRedis does; empty for none
    ///
    /// Series take the place of the same ones. They live for --redis.expiration.
    #[arg(short = 'i', long = "ingest.path", value_name = "PATH", default_value = "", help_heading = PUSH)]
    pub(crate) ingest: String,

    /// How long what was taken at --ingest.path lives; 0 for ever
    #[arg(long = "redis.expiration", value_name = "TIME", default_value = "5m", value_parser = time, help_heading = PUSH)]
    pub(crate) ingest_ttl: Duration,

    /// The job of what comes without one
    #[arg(long = "push.default-job", value_name = "JOB", default_value = "ingest", help_heading = PUSH)]
    pub(crate) default_job: String,

    /// The longest body, in bytes, compressed or not; longer ones are answered 413
    #[arg(long = "push.max-body-bytes", value_name = "BYTES", default_value_t = 16 << 20, help_heading = PUSH)]
    pub(crate) body_bytes: usize,

    /// The most samples of a push
    #[arg(long = "push.max-samples", value_name = "NUMBER", default_value_t = 1_000_000, help_heading = PUSH)]
    pub(crate) samples: usize,

    /// The most bytes of a label's value
    #[arg(long = "push.max-label-value-bytes", value_name = "BYTES", default_value_t = 4 << 20, help_heading = PUSH)]
    pub(crate) label_value: usize,

    /// The most groups; pushes that make a further one are answered 429. Any number where this is not given
    #[arg(long = "push.max-groups", value_name = "NUMBER", help_heading = PUSH)]
    pub(crate) groups: Option<usize>,

    /// How many pushes may wait to be kept; further ones are answered 503
    #[arg(long = "push.max-waiting", value_name = "NUMBER", default_value_t = 1000, help_heading = PUSH)]
    pub(crate) waiting: usize,

    /// A file of PushGatewayRedis' form (YAML); what it says goes before the command line
    #[arg(long = "config.file", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// What to log on standard error
    #[arg(long = "log.level", value_enum, value_name = "LEVEL", default_value_t = LogLevel::Info)]
    pub(crate) gateway_log_level: LogLevel,

    /// How
    #[arg(long = "log.format", value_enum, value_name = "FORMAT", default_value_t = LogFormat::Logfmt)]
    pub(crate) gateway_log_format: LogFormat,
}

const WEB: &str = "Web";
const PUSH: &str = "Pushes";
const PERSISTENCE: &str = "Persistence";

/// Where the gateway's own metrics stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OwnMetrics {
    /// On the page
    Inline,
    /// On a page of their own
    Separate,
}

/// When a push is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sync {
    /// Before it is answered
    Always,
    /// Within some time
    Interval,
    /// Some time
    Never,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Everything
    Debug,
    /// What happens
    Info,
    /// What somebody should look at
    Warn,
    /// What does not work
    Error,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// `key=value`
    Logfmt,
    /// JSON
    Json,
}

/// What only the configuration file says of Redis.
#[derive(Clone, Default)]
pub(crate) struct RedisExtra {
    pub(crate) master: Option<String>,
    pub(crate) database: u32,
    pub(crate) password: Option<String>,
    pub(crate) tls: bool,
}

impl std::fmt::Debug for RedisExtra {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisExtra").field("master", &self.master).finish_non_exhaustive()
    }
}

/// Flags without a value, which `--no-FLAG` takes back.
pub(crate) const SWITCHES: [&str; 9] = [
    "tls.enabled",
    "web.enable-lifecycle",
    "web.enable-admin-api",
    "web.open-health",
    "web.prefer-openmetrics",
    "web.systemd-socket",
    "persistence.ignore-corrupt",
    "push.disable-consistency-check",
    "push.aggregate-routes",
];

fn time(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "wanted a length of time such as 90s or 1h30m".to_owned())
}

fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err("wanted a path that begins with /".to_owned()),
    }
}

const EXAMPLES: &str = "\
Examples:
  In the place of Prometheus' own, groups on disk before a push is answered:
      multiprom push-gateway --persistence.file=/var/lib/pushgateway.data

  Push, look, delete:
      echo 'backup_bytes 7e9' | \\
        curl --data-binary @- http://localhost:9091/metrics/job/backup
      curl http://localhost:9091/metrics
      curl -X DELETE http://localhost:9091/metrics/job/backup

  Groups that nobody pushes to for an hour go:
      multiprom push-gateway --push.ttl=1h

  Counters of short jobs are added up; the key makes a retry safe:
      echo 'jobs_total 1' | curl --data-binary @- -H 'Idempotency-Key: run-7' \\
        'http://localhost:9091/metrics/job/batch?mode=aggregate'

  What would a push replace?
      curl --data-binary @page 'http://localhost:9091/metrics/job/j?dry_run=1'

  Delete all groups of some jobs:
      curl -g -X DELETE \\
        'http://localhost:9091/api/v1/groups?match[]={job=~\"test-.*\"}'

In Prometheus:
  scrape_configs:
    - job_name: pushgateway
      honor_labels: true
      static_configs:
        - targets: [\"HOST:9091\"]";
