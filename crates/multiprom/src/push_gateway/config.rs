//! The file of PushGatewayRedis' form.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use push_gateway::parse_duration;
use serde::Deserialize;

use super::log::Level;
use crate::cli::push_gateway::{LogLevel, OwnMetrics, PushGateway};

/// What the file says. Keys that are not known are ignored, as PushGatewayRedis ignores them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    port: Option<u16>,
    metrics_path: Option<String>,
    telemetry_path: Option<String>,
    ingest_path: Option<String>,
    redis: Redis,
    /// Ours: debug, info, warn or error; read again by `/-/reload`.
    log_level: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Redis {
    expiration: Option<String>,
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
    if let Some(text) = &config.redis.expiration {
        let expiration: Option<Duration> = parse_duration(text);
        command.ingest_ttl = expiration.with_context(|| {
            format!("{}: redis.expiration {text:?}: wanted a time such as 5m", path.display())
        })?;
    }
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
