//! `redis://HOST/0?schema=gunicorn,label=value`: how a database is written on the command line, and in the variables that
//! gunicorn-prometheus-exporter knows.

#[cfg(test)]
mod tests;

use anyhow::{Context, bail};
use redis_link::{Address, Place};
use redis_schema::Keys;
use redis_source::{Foreign, Schema};

/// A database, and who writes it.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) writer: Writer,
    /// All else that is said of it, whoever writes it.
    pub(crate) foreign: Foreign,
    /// Of how many shards stores of our own are, at least: they say it themselves.
    pub(crate) shards: usize,
    /// Whether it counts as empty until it has been there.
    pub(crate) may_be_absent: bool,
}

/// Who writes a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    /// Stores of our own.
    Multiprom,
    /// Another client.
    Other,
    /// Whoever is found to have.
    Unknown,
}

/// Whether an argument is meant to be the address of a database.
pub(crate) fn is_database(argument: &[u8]) -> bool {
    let rests = Address::SCHEMES.iter().filter_map(|scheme| argument.strip_prefix(scheme.as_bytes()));
    rests.into_iter().any(|rest| rest.starts_with(b"://"))
}

/// Reads the address of a database, with the parameters `schema`, `prefix`, `shards` and `pids`.
///
/// The reason does not repeat the address, which may hold a password.
pub(crate) fn database(address: &str, labels: Vec<(String, String)>) -> Result<Database, String> {
    let (address, parameters) = Address::parse_with_parameters(address).map_err(|error| error.to_string())?;
    let mut foreign = Foreign::new(address, Schema::Auto);
    foreign.labels = labels;
    let mut writer = Writer::Unknown;
    let mut shards = 1;
    for (name, value) in parameters {
        match (&*name, &*value) {
            ("schema", "multiprom") => writer = Writer::Multiprom,
            ("schema", "auto") => writer = Writer::Unknown,
            ("schema", _) => {
                writer = Writer::Other;
                foreign.schema = value.parse().map_err(|error| format!("{error}, and multiprom"))?;
            }
            ("prefix", _) => foreign.prefix = Some(value),
            ("shards", _) => {
                let number = value.parse().ok().filter(|shards| (1..=Keys::MOST_SHARDS).contains(shards));
                let wrong = || format!("shards={value:?}: there are 1 to {}", Keys::MOST_SHARDS);
                shards = number.ok_or_else(wrong)?;
            }
            ("pids", "local") => foreign.pids_are_local = true,
            ("pids", "remote") => foreign.pids_are_local = false,
            ("pids", _) => return Err(format!("pids={value:?}: they are local or remote")),
            _ => {
                return Err(format!(
                    "unknown parameter {name:?}: there are schema, prefix, shards, pids and db"
                ));
            }
        }
    }
    if writer == Writer::Unknown && matches!(foreign.address.place, Place::Cluster { .. }) {
        // Whose keys it holds cannot be looked for on one node.
        writer = Writer::Multiprom;
    }
    Ok(Database { writer, foreign, shards, may_be_absent: false })
}

/// The database that gunicorn-prometheus-exporter writes by the variables that it reads, if `REDIS_ENABLED` says that it
/// writes to one.
///
/// # Errors
/// When a variable is not what it should be: says which.
pub(crate) fn database_of(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Database>> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let enabled = variable("REDIS_ENABLED").is_some_and(|value| is_yes(&value));
    if !enabled {
        return Ok(None);
    }
    let number = |name: &'static str, usual: u32| match variable(name) {
        Some(value) => value.trim().parse().with_context(|| format!("{name}={value:?} is no number")),
        None => Ok(usual),
    };
    let port = number("REDIS_PORT", 6379)?;
    let Ok(port) = u16::try_from(port) else { bail!("REDIS_PORT={port} is no port") };
    let host = variable("REDIS_HOST").unwrap_or_else(|| "127.0.0.1".to_owned());
    let mut address = Address::new(Place::Tcp { host, port, tls: false });
    address.database = number("REDIS_DB", 0)?;
    let mut foreign = Foreign::new(address.with_password(variable("REDIS_PASSWORD")), Schema::Gunicorn);
    foreign.prefix = variable("REDIS_KEY_PREFIX");
    let keeps = variable("REDIS_TTL_DISABLED").is_some_and(|value| is_yes(&value));
    let seconds = number("REDIS_TTL_SECONDS", 300)?;
    if !keeps {
        tracing::info!(
            "gunicorn-prometheus-exporter lets what was not written for {seconds} s go (REDIS_TTL_SECONDS): counters \
             of idle workers fall; REDIS_TTL_DISABLED=true keeps them"
        );
    }
    Ok(Some(Database { writer: Writer::Other, foreign, shards: 1, may_be_absent: false }))
}

/// As gunicorn-prometheus-exporter reads it.
pub(crate) fn is_yes(value: &str) -> bool {
    ["true", "1", "yes", "on"].contains(&&*value.to_lowercase())
}
