//! Whoever keeps databases tidy while their page is served: dead processes of our own stores are taken out.

use std::collections::HashSet;
use std::time::Duration;

use folding::AllGauges;
use redis_fleet::{Janitor, Keeping};
use redis_link::Timeouts;
use tokio::time::MissedTickBehavior;

use crate::database_argument::{Database, Writer};

/// How often it is looked whether anybody is dead.
const LOOKS_EVERY: Duration = Duration::from_secs(5);
/// How long nobody must have heard of a process: fifteen times what one lets pass.
const DEAD_AFTER: Duration = Duration::from_secs(15);
/// The most that the log is told of troubles.
const MOST_TOLD: usize = 100;

/// One for each database that stores of our own may write.
pub(crate) fn janitors(databases: &[Database], all: AllGauges) -> anyhow::Result<Vec<Janitor>> {
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
