//! Whoever keeps databases tidy while their page is served: dead processes of our own stores are taken out.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context;
use folding::AllGauges;
use redis_fleet::{Janitor, Keeping};
use redis_link::Timeouts;
use tokio::time::MissedTickBehavior;

use crate::database_argument::{Database, Writer, is_yes};

/// How often it is looked whether anybody is dead.
const LOOKS_EVERY: Duration = Duration::from_secs(5);
/// How long nobody must have heard of a process: fifteen times what one lets pass.
const DEAD_AFTER: Duration = Duration::from_secs(15);
/// The most that the log is told of troubles.
const MOST_TOLD: usize = 100;

/// One for each database that stores of our own may write. Where nothing is said of gauges of mode `all`, the environment
/// may say it.
///
/// # Errors
/// When a prefix or a variable is not what it should be.
pub(crate) fn janitors(databases: &[Database], all: Option<AllGauges>) -> anyhow::Result<Vec<Janitor>> {
    if databases.iter().all(|database| database.writer == Writer::Other) {
        return Ok(Vec::new());
    }
    let all = match all {
        Some(all) => all,
        None => age_of(|name| std::env::var(name).ok())?.map_or(AllGauges::Keep, AllGauges::Age),
    };
    let keeping = match all {
        AllGauges::Keep => Keeping::default(),
        AllGauges::Drop => Keeping { most: 0, ..Keeping::default() },
        AllGauges::Age(age) => Keeping { age: Some(age), ..Keeping::default() },
    };
    let ours = databases.iter().filter(|database| database.writer != Writer::Other);
    let janitor = |database: &Database| {
        let address = database.foreign.address.clone();
        let janitor = Janitor::new(address, database.prefix(), Timeouts::default(), DEAD_AFTER)?;
        Ok(janitor.sharded(database.shards).keeping(keeping))
    };
    ours.map(janitor).collect()
}

/// How long gauges of the dead are kept by the variables of gunicorn-prometheus-exporter, if they say so. There all that
/// was not written for so long goes; here counters never do.
fn age_of(variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Duration>> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    if variable("REDIS_TTL_DISABLED").is_some_and(|value| is_yes(&value)) {
        return Ok(None);
    }
    let Some(text) = variable("REDIS_TTL_SECONDS") else { return Ok(None) };
    let seconds: u32 =
        text.trim().parse().with_context(|| format!("REDIS_TTL_SECONDS={text:?} is no number"))?;
    tracing::info!(
        "gauges of mode all of dead processes are kept in Redis for {seconds} s (REDIS_TTL_SECONDS); counters do not expire. \
         --fold-all says otherwise"
    );
    Ok(Some(Duration::from_secs(seconds.into())))
}

/// Keeps them at work for as long as it is not dropped.
pub(crate) async fn keep_tidy(mut janitors: Vec<Janitor>) {
    let mut told = HashSet::new();
    let mut ticks = tokio::time::interval(LOOKS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let worked = tokio::task::spawn_blocking(move || {
            let results: Vec<_> = janitors.iter_mut().map(Janitor::tidy).collect();
            (janitors, results)
        });
        let Ok((back, results)) = worked.await else { return };
        janitors = back;
        for result in results {
            match result {
                Ok(0) => {}
                Ok(retired) => tracing::debug!(retired, "dead processes were taken out of Redis"),
                Err(error) if told.len() < MOST_TOLD && told.insert(error.to_string()) => {
                    tracing::warn!("dead processes stay, and that is tried again: {error}");
                }
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_gauges_of_the_dead_are_kept_may_stand_in_the_environment() {
        let of = |variables: &[(&str, &str)]| {
            let find = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            age_of(find).map_err(|error| error.to_string())
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("REDIS_TTL_SECONDS", "60")]), Ok(Some(Duration::from_secs(60))));
        assert_eq!(of(&[("REDIS_TTL_SECONDS", "60"), ("REDIS_TTL_DISABLED", "True")]), Ok(None));
        assert_eq!(of(&[("REDIS_TTL_SECONDS", "")]), Ok(None));
        let error = "REDIS_TTL_SECONDS=\"soon\" is no number";
        assert_eq!(of(&[("REDIS_TTL_SECONDS", "soon")]), Err(error.to_owned()));
    }
}
