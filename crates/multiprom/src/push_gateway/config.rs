//! The file of PushGatewayRedis' form.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use push_gateway::parse_duration;
use serde::Deserialize;

use super::log::Level;
use crate::cli::push_gateway::{LogLevel, OwnMetrics, PushGateway, RedisExtra};

/// What the file says. Keys that are not known are ignored, as PushGatewayRedis ignores them; so are `pool_size`,
/// `idle_timeout` and `max_connection_age` of its `redis`: there is no pool here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    port: Option<u16>,
    metrics_path: Option<String>,
    telemetry_path: Option<String>,
    ingest_path: Option<String>,
    tls_enabled: Option<bool>,
    tls_key_path: Option<PathBuf>,
    tls_cert_path: Option<PathBuf>,
    redis: Redis,
    /// Ours: debug, info, warn or error; read again by `/-/reload`.
    log_level: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Redis {
    endpoint: Option<String>,
    master_name: Option<String>,
    /// 0 for no limit.
    timeout: Option<String>,
    expiration: Option<String>,
    db: Option<u32>,
    password: Option<String>,
    tls_enabled: Option<bool>,
    tls_skip_verify: Option<bool>,
}

impl Config {
    fn read(path: &Path) -> anyhow::Result<Config> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        if text.trim().is_empty() {
            return Ok(Config::default());
        }
        let config: Config =
            serde_saphyr::from_str(&text).with_context(|| format!("understand {}", path.display()))?;
        if let Some(level) = &config.log_level
            && config.log_level().is_none()
        {
            bail!("{}: log_level {level:?}: there are debug, info, warn and error", path.display());
        }
        Ok(config)
    }

    /// How much is to be logged, if it says so.
    pub(crate) fn log_level(&self) -> Option<LogLevel> {
        self.log_level.as_deref().and_then(|level| LogLevel::from_str(level, true).ok())
    }
}

/// Puts what the file says, if one is given, in the place of what the command line says.
pub(crate) fn take_up(command: &mut PushGateway) -> anyhow::Result<Option<Config>> {
    let Some(path) = &command.config else { return Ok(None) };
    let config = Config::read(path)?;
    command.port = config.port.or(command.port);
    let path_of = |key: &str, to: &Option<String>| match to {
        Some(to) if !to.starts_with('/') => {
            bail!("{}: {key} {to:?}: wanted a path that begins with /", path.display())
        }
        to => Ok(to.clone()),
    };
    if let Some(to) = path_of("metrics_path", &config.metrics_path)? {
        command.page = to;
    }
    if let Some(to) = path_of("telemetry_path", &config.telemetry_path)? {
        command.own = to;
        command.own_metrics.get_or_insert(OwnMetrics::Separate);
    }
    if let Some(to) = path_of("ingest_path", &config.ingest_path)? {
        command.ingest = to;
    }
    command.tls = config.tls_enabled.unwrap_or(command.tls);
    command.tls_key = config.tls_key_path.clone().or(command.tls_key.take());
    command.tls_cert = config.tls_cert_path.clone().or(command.tls_cert.take());
    let redis = &config.redis;
    let time = |key: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => parse_duration(text)
            .map(Some)
            .with_context(|| format!("{}: redis.{key} {text:?}: wanted a time such as 5m", path.display())),
    };
    if let Some(expiration) = time("expiration", &redis.expiration)? {
        command.ingest_ttl = expiration;
    }
    if let Some(timeout) = time("timeout", &redis.timeout)?.filter(|timeout| !timeout.is_zero()) {
        command.push_time = timeout;
    }
    if redis.tls_skip_verify == Some(true) {
        bail!(
            "{}: redis.tls_skip_verify: whom the gateway speaks to is always verified; SSL_CERT_FILE names a file of \
             authorities to trust",
            path.display()
        );
    }
    command.redis = redis.endpoint.clone().filter(|endpoint| !endpoint.is_empty()).or(command.redis.take());
    command.redis_extra = RedisExtra {
        master: redis.master_name.clone().filter(|name| !name.is_empty()),
        database: redis.db.unwrap_or_default(),
        password: redis.password.clone().filter(|password| !password.is_empty()),
        tls: redis.tls_enabled.unwrap_or_default(),
    };
    Ok(Some(config))
}

/// Reads the file again, and takes up what can change while the gateway runs.
pub(crate) fn reload(path: Option<&Path>, level: &Level) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    let config = Config::read(path).map_err(|error| format!("{error:#}"))?;
    if let Some(now) = config.log_level() {
        level.set(now);
    }
    tracing::info!(file = %path.display(), "configuration read again");
    Ok(())
}
