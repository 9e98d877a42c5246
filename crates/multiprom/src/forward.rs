//! Directories whose numbers are forwarded to a Redis while their page is served.

use std::time::{Duration, Instant};

use anyhow::Context;
use collector::{Catalog, DirSource, Directory, Source};
use redis_link::Timeouts;
use redis_push::{Push, Pusher, What};
use redis_schema::Keys;

use crate::cli::LivenessRule;
use crate::cli::push::Forwarding;

/// As often as stores of our own send.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long the last numbers may hold up the end of the program.
const LAST_NUMBERS: Duration = Duration::from_secs(1);

/// Directories whose numbers are forwarded, if it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Forwarded {
    pushes: Vec<Push>,
}

impl Forwarded {
    /// These directories, each read by a source that `adapt` may change. Nothing is sent yet.
    pub(crate) fn new(
        asked: &Forwarding,
        directories: &[Directory],
        catalog: &Catalog,
        liveness: LivenessRule,
        adapt: impl Fn(DirSource) -> DirSource,
    ) -> anyhow::Result<Forwarded> {
        let Some(to) = &asked.push_redis else { return Ok(Forwarded::default()) };
        if directories.is_empty() {
            anyhow::bail!("--push-redis: there is no directory whose numbers could be sent");
        }
        let secret = |name| std::env::var(name).ok().filter(|word| !word.is_empty());
        let mut address = to.address.clone();
        if !address.has_password() {
            address = address.with_password(secret("REDIS_PASSWORD"));
        }
        if !address.has_sentinel_password() {
            address = address.with_sentinel_password(secret("REDIS_SENTINEL_PASSWORD"));
        }
        let push = |directory: &Directory| {
            let source = adapt(DirSource::new(vec![directory.clone()], catalog.clone())?);
            let pusher = Pusher::new(What {
                directory: directory.path.clone(),
                source: Box::new(source),
                liveness: liveness.into(),
                address: address.clone(),
                prefix: to.prefix.clone().unwrap_or_else(|| Keys::DEFAULT_PREFIX.to_owned()),
                shards: to.shards,
                timeouts: Timeouts::default(),
            });
            Ok(Push::new(pusher.context("--push-redis")?))
        };
        Ok(Forwarded { pushes: directories.iter().map(push).collect::<anyhow::Result<_>>()? })
    }

    /// What they say of themselves.
    pub(crate) fn reports(&self) -> impl Iterator<Item = Box<dyn Source>> {
        self.pushes.iter().map(|push| Box::new(push.report()) as Box<dyn Source>)
    }

    /// Sends from now on.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        self.pushes.iter_mut().try_for_each(|push| push.start(INTERVAL)).context("start a thread that sends")
    }

    /// Sends what there is once more; with `for_ever` the directories go. Blocks for a second at most.
    pub(crate) fn end(self, for_ever: bool) {
        let end = Instant::now() + LAST_NUMBERS;
        for push in self.pushes {
            if !push.end(end.saturating_duration_since(Instant::now()), for_ever) {
                let until = if for_ever { "and are lost" } else { "until it is started again" };
                tracing::warn!("the last numbers have not arrived in Redis, {until}");
            }
        }
    }
}
