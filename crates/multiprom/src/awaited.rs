//! A database that counts as empty until it is first there.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use collector::{Ask, Source, SourceError, Tally};
use metrics_core::{FamilySnapshot, Kind, Label, Snapshot};
use redis_source::NothingFound;

use crate::database::DatabaseSource;

/// A database that counts as empty until it has answered for the first time since the program was started. From then on
/// it is on each page, or there is none: so as long as this program runs, nothing that it has shown is missing later.
pub(crate) struct Awaited {
    database: Box<dyn DatabaseSource>,
    address: String,
    /// Whether it was there.
    came: AtomicBool,
    /// Whether the log has been told that it is not.
    told: AtomicBool,
}

impl Awaited {
    pub(crate) fn new(database: Box<dyn DatabaseSource>, address: String) -> Awaited {
        Awaited { database, address, came: AtomicBool::new(false), told: AtomicBool::new(false) }
    }

    fn is_there(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }

    fn take_as_there(&self) {
        self.came.store(true, Ordering::Relaxed);
        if self.told.load(Ordering::Relaxed) {
            tracing::info!("{} is there now: pages have it from now on, or fail", self.address);
        }
    }

    fn take_as_empty(&self, why: &SourceError) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{} counts as empty until it is there (--absent-redis-is-empty): {why}",
                self.address
            );
        }
    }
}

#[async_trait]
impl Source for Awaited {
    fn name(&self) -> String {
        self.database.name()
    }

    async fn read(&self, ask: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        if self.is_there() {
            return self.database.read(ask, into).await;
        }
        // One that hangs must leave some time for the page.
        let mut ask = ask.clone();
        let now = Instant::now();
        ask.deadline = ask.deadline.map(|deadline| now + deadline.saturating_duration_since(now) / 2);
        // Where nobody has answered, nothing was read: the tally is as it was.
        match self.database.read(&ask, into).await {
            Err(error) if !self.database.has_answered() || holds_nothing(&error) => {
                self.take_as_empty(&error);
                Ok(())
            }
            read => {
                self.take_as_there();
                read
            }
        }
    }

    fn own(&self) -> Snapshot {
        let absent = (vec![Label::new("database", &self.address)], f64::from(u8::from(!self.is_there())));
        let mut own = self.database.own();
        own.families.push(FamilySnapshot::of_numbers(
            Kind::Gauge,
            "multiprom_redis_absent",
            "Whether the database counts as empty, as it was not there since this program was started.",
            [absent],
        ));
        own
    }
}

/// Whether it was looked for whose database it is, and nobody's keys were there.
fn holds_nothing(error: &SourceError) -> bool {
    error.source().is_some_and(|cause| cause.is::<NothingFound>())
}
