//! Where groups are kept: in memory, in files, or in Redis.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use groups_log::{LogStore, Options, Sync as LogSync};
use groups_redis::{Options as RedisOptions, RedisStore, Wait};
use push_groups::GroupStore;
use redis_link::{Address, Place};

use super::import::import;
use crate::cli::push_gateway::{PushGateway, Sync};

/// The stores, one for each shard.
pub(crate) fn stores(command: &PushGateway) -> anyhow::Result<Vec<Arc<dyn GroupStore>>> {
    match (&command.redis, command.persistence.as_str()) {
        (Some(_), file) if !file.is_empty() => {
            bail!("groups are kept in Redis (--redis.endpoint) or in files (--persistence.file), not in both")
        }
        (Some(endpoint), _) => in_redis(command, endpoint),
        (None, "") => {
            tracing::info!("groups are kept in memory, and are gone with the gateway: no --persistence.file");
            Ok(vec![Arc::new(LogStore::open(Options::in_memory())?)])
        }
        (None, file) => Ok(vec![Arc::new(in_files(command, Path::new(file))?)]),
    }
}

fn in_files(command: &PushGateway, file: &Path) -> anyhow::Result<LogStore> {
    let beside = |end: &str| {
        let mut path = file.as_os_str().to_owned();
        path.push(end);
        PathBuf::from(path)
    };
    let directory = beside(".d");
    let options = Options {
        sync: match command.persistence_sync {
            Sync::Always => LogSync::Always,
            Sync::Interval => LogSync::Interval(command.persistence_interval),
            Sync::Never => LogSync::Never,
        },
        ignore_corrupt: command.ignore_corrupt,
        ..Options::new(&directory)
    };
    let store = LogStore::open(options)?;
    let opened = store.opened();
    for damage in opened.damaged.iter().chain(&opened.cut) {
        tracing::warn!("{damage}");
    }
    tracing::info!(directory = %directory.display(), groups = opened.groups, "groups are kept on disk");
    // Once and never again: what was deleted since must not come back.
    let taken_over = beside(".taken-over");
    if !taken_over.exists() {
        match fs::read(file) {
            Ok(bytes) => {
                let groups = import(&store, &bytes).with_context(|| {
                    format!("take over {}, the official push gateway's file; it is as it was", file.display())
                })?;
                tracing::info!(file = %file.display(), groups, "groups of the official push gateway taken over");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
        }
        fs::write(&taken_over, []).with_context(|| format!("write {}", taken_over.display()))?;
    }
    Ok(store)
}

fn in_redis(command: &PushGateway, endpoint: &str) -> anyhow::Result<Vec<Arc<dyn GroupStore>>> {
    let address = address(command, endpoint)?;
    let wait_replicas =
        match command.redis_wait.as_str() {
            "auto" => Wait::Auto,
            "none" | "0" => Wait::None,
            number => Wait::Count(number.parse().ok().with_context(|| {
                format!("--redis.wait-replicas {number:?}: wanted auto, none or a number")
            })?),
        };
    if command.redis_shards == 0 {
        bail!("--redis.shards: there is at least one");
    }
    tracing::info!(
        namespace = command.redis_namespace,
        shards = command.redis_shards,
        "groups are kept in Redis"
    );
    let store = |shard| {
        let options = RedisOptions {
            namespace: command.redis_namespace.clone(),
            shard,
            wait_replicas,
            patience: command.push_time,
            ..RedisOptions::default()
        };
        Arc::new(RedisStore::new(address.clone(), options)) as Arc<dyn GroupStore>
    };
    Ok((0..command.redis_shards).map(store).collect())
}

/// An address as other commands take it, or `HOST:PORT[,HOST:PORT...]` as PushGatewayRedis does: with a master's name
/// these are Sentinels, else several are nodes of a cluster.
fn address(command: &PushGateway, endpoint: &str) -> anyhow::Result<Address> {
    let extra = &command.redis_extra;
    let password = extra.password.clone().or_else(|| std::env::var("REDIS_PASSWORD").ok());
    if endpoint.contains("://") {
        let address = Address::parse(endpoint).context("--redis.endpoint")?;
        let has_password = address.has_password();
        return Ok(if has_password { address } else { address.with_password(password) });
    }
    let usual = if extra.master.is_some() { 26379 } else { 6379 };
    let hosts: Vec<(String, u16)> = endpoint
        .split(',')
        .map(|host| {
            let (host, port) = host.trim().rsplit_once(':').unwrap_or((host.trim(), ""));
            let port = if port.is_empty() { Ok(usual) } else { port.parse() };
            let host = if host.is_empty() { "localhost" } else { host };
            port.map(|port| (host.to_owned(), port))
                .with_context(|| format!("--redis.endpoint: the port of {host}"))
        })
        .collect::<anyhow::Result<_>>()?;
    let tls = extra.tls;
    let place = match (&extra.master, &hosts[..]) {
        (Some(master), _) => {
            Place::Sentinel { sentinels: hosts, master: master.clone(), tls, sentinel_tls: tls }
        }
        (None, [(host, port)]) => Place::Tcp { host: host.clone(), port: *port, tls },
        (None, _) => Place::Cluster { seeds: hosts, tls },
    };
    let mut address = Address::new(place).with_password(password);
    address.database = extra.database;
    Ok(address)
}
