//! What the command line says, as options of the gateway's surface.

use std::sync::Arc;

use anyhow::bail;
use push_gateway::{Routes, SurfaceOptions, tls_config};
use push_groups::ReadLimits;
use rustls::ServerConfig;
use web_config::WatchedConfig;

use crate::cli::push_gateway::{OwnMetrics, PushGateway};

/// Where to listen.
pub(crate) fn addresses(command: &PushGateway) -> Vec<String> {
    command.port.map_or_else(|| command.listen.clone(), |port| vec![format!(":{port}")])
}

/// How the gateway is shown.
pub(crate) fn surface_options(command: &PushGateway) -> anyhow::Result<SurfaceOptions> {
    let lives = |time: std::time::Duration| Some(time).filter(|time| !time.is_zero());
    let defaults = ReadLimits::default();
    let own = (command.own_metrics == Some(OwnMetrics::Separate)).then(|| command.own.clone());
    let routes = Routes {
        prefix: prefix(command)?,
        page: command.page.clone(),
        own,
        ingest: Some(command.ingest.clone()).filter(|path| !path.is_empty()),
        admin: command.admin,
        lifecycle: command.lifecycle,
        aggregate: command.aggregate,
    };
    let taken = [Some(&routes.page), routes.own.as_ref(), routes.ingest.as_ref()];
    let taken: Vec<&String> = taken.into_iter().flatten().collect();
    for (at, path) in taken.iter().enumerate() {
        if taken.iter().take(at).any(|other| other == path) {
            bail!("{path}: the page, the gateway's own metrics and what is ingested need paths of their own");
        }
    }
    if command.default_job.is_empty() {
        bail!("--push.default-job: a job has a name");
    }
    Ok(SurfaceOptions {
        routes,
        checked: !command.unchecked,
        lives: lives(command.ttl),
        ingest_lives: lives(command.ingest_ttl),
        default_job: command.default_job.clone(),
        once: command.once,
        prefer_openmetrics: command.prefer_openmetrics,
        limits: ReadLimits {
            bytes: command.body_bytes,
            samples: command.samples,
            label_value: command.label_value,
            ..defaults
        },
        request_time: command.request_time,
        connections: command.connections,
        tls: tls(command)?,
        web: web(command)?,
        open_health: command.open_health,
        flags: flags(command),
    })
}

/// What stands in front of all paths: empty, or `/` and more.
fn prefix(command: &PushGateway) -> anyhow::Result<String> {
    let path = match (&*command.route_prefix, &*command.external_url) {
        ("", "") => "",
        ("", url) => {
            let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
            if behind.is_empty() || behind.starts_with('/') {
                bail!("--web.external-url {url:?}: wanted a URL such as https://host/path");
            }
            behind.find('/').and_then(|at| behind.get(at..)).unwrap_or_default()
        }
        (prefix, _) => prefix,
    };
    let path = path.trim_matches('/');
    Ok(if path.is_empty() { String::new() } else { format!("/{path}") })
}

/// What clients are shown, where they are to speak TLS.
fn tls(command: &PushGateway) -> anyhow::Result<Option<Arc<ServerConfig>>> {
    match (command.tls, &command.tls_cert, &command.tls_key) {
        (false, _, _) => Ok(None),
        (true, Some(cert), Some(key)) => {
            tls_config(cert, key).map(Some).map_err(|why| anyhow::anyhow!("TLS: {why}"))
        }
        (true, _, _) => bail!("--tls.enabled needs --tls.cert and --tls.key"),
    }
}

/// Users, certificates and headers.
fn web(command: &PushGateway) -> anyhow::Result<Option<Arc<WatchedConfig>>> {
    let Some(path) = &command.web_config else { return Ok(None) };
    Ok(Some(Arc::new(WatchedConfig::open(path)?)))
}

/// The flags as the status page shows them.
fn flags(command: &PushGateway) -> Vec<(String, String)> {
    let value = |name: &str, value: String| (name.to_owned(), value);
    let time = |time: std::time::Duration| format!("{time:?}");
    vec![
        value(
            "config.file",
            command.config.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        ),
        value("ingest.path", command.ingest.clone()),
        value("log.format", format!("{:?}", command.gateway_log_format).to_lowercase()),
        value("log.level", format!("{:?}", command.gateway_log_level).to_lowercase()),
        value("persistence.file", command.persistence.clone()),
        value("persistence.interval", time(command.persistence_interval)),
        value("persistence.sync", format!("{:?}", command.persistence_sync).to_lowercase()),
        value("push.aggregate-routes", command.aggregate.to_string()),
        value("push.disable-consistency-check", command.unchecked.to_string()),
        value("push.idempotency-window", time(command.once)),
        value("push.max-body-bytes", command.body_bytes.to_string()),
        value("push.max-groups", command.groups.map(|groups| groups.to_string()).unwrap_or_default()),
        value("push.max-samples", command.samples.to_string()),
        value("push.max-waiting", command.waiting.to_string()),
        value("push.ttl", time(command.ttl)),
        value("redis.expiration", time(command.ingest_ttl)),
        // The address of a Redis may hold a password.
        value(
            "redis.namespace",
            command.redis.as_ref().map(|_| command.redis_namespace.clone()).unwrap_or_default(),
        ),
        value("tls.enabled", command.tls.to_string()),
        value(
            "web.config.file",
            command.web_config.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        ),
        value("web.enable-admin-api", command.admin.to_string()),
        value("web.enable-lifecycle", command.lifecycle.to_string()),
        value("web.external-url", command.external_url.clone()),
        value("web.listen-address", addresses(command).join(",")),
        value("web.max-connections", command.connections.to_string()),
        value("web.open-health", command.open_health.to_string()),
        value("web.prefer-openmetrics", command.prefer_openmetrics.to_string()),
        value("web.request-timeout", time(command.request_time)),
        value("web.route-prefix", command.route_prefix.clone()),
        value("web.systemd-socket", command.systemd_socket.to_string()),
        value("web.telemetry-path", command.page.clone()),
    ]
}
