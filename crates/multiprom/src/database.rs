//! A database as a source, whoever writes it.

use std::sync::OnceLock;

use async_trait::async_trait;
use collector::{Ask, Source, SourceError, Tally};
use metrics_core::Snapshot;
use redis_fleet::FleetSource;
use redis_link::Timeouts;
use redis_source::ForeignSource;

use crate::awaited::Awaited;
use crate::database_argument::{Database, Writer};

/// The prefix of stores of our own that are given none.
const USUAL_PREFIX: &str = "multiprom";

impl Database {
    /// Reads it.
    pub(crate) fn source(self) -> anyhow::Result<Box<dyn Source>> {
        let (address, may_be_absent) = (self.foreign.address.to_string(), self.may_be_absent);
        let database: Box<dyn DatabaseSource> = match self.writer {
            Writer::Multiprom => Box::new(self.fleet()?),
            Writer::Other => Box::new(ForeignSource::new(self.foreign)?),
            Writer::Unknown => {
                let ours = self.fleet()?;
                Box::new(Either { ours, theirs: ForeignSource::new(self.foreign)?, is_ours: OnceLock::new() })
            }
        };
        Ok(if may_be_absent { Box::new(Awaited::new(database, address)) } else { database })
    }

    /// The prefix of stores of our own.
    pub(crate) fn prefix(&self) -> &str {
        self.foreign.prefix.as_deref().unwrap_or(USUAL_PREFIX)
    }

    fn fleet(&self) -> anyhow::Result<FleetSource> {
        let fleet = FleetSource::new(self.foreign.address.clone(), self.prefix(), Timeouts::default())?;
        Ok(fleet.sharded(self.shards).labelled(self.foreign.labels.clone()))
    }
}

/// A database that is read.
pub(crate) trait DatabaseSource: Source {
    /// Whether it has ever answered, be it with an error.
    fn has_answered(&self) -> bool;
}

impl DatabaseSource for FleetSource {
    fn has_answered(&self) -> bool {
        self.has_answered()
    }
}

impl DatabaseSource for ForeignSource {
    fn has_answered(&self) -> bool {
        self.has_answered()
    }
}

impl DatabaseSource for Either {
    fn has_answered(&self) -> bool {
        self.ours.has_answered() || self.theirs.has_answered()
    }
}

/// A database that stores of our own write, or another client does: whoever is found there first.
struct Either {
    ours: FleetSource,
    theirs: ForeignSource,
    is_ours: OnceLock<bool>,
}

impl Either {
    /// Ours if it is known to be; until then another client's, which says what it has looked for.
    fn found(&self) -> &dyn Source {
        if self.is_ours.get() == Some(&true) { &self.ours } else { &self.theirs }
    }
}

#[async_trait]
impl Source for Either {
    fn name(&self) -> String {
        self.found().name()
    }

    async fn read(&self, ask: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        if self.is_ours.get().is_none() && self.ours.is_in_use(ask.deadline)? {
            // Two scrapes that look at once find the same.
            let _ = self.is_ours.set(true);
        }
        self.found().read(ask, into).await?;
        // There was something to read: it is the other client's.
        let _ = self.is_ours.set(false);
        Ok(())
    }

    fn own(&self) -> Snapshot {
        self.found().own()
    }
}
