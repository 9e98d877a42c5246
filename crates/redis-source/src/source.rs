//! A database that another client writes, as a source.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use collector::{Ask, Catalog, Source, SourceError, Tally};
use metrics_core::{FamilySnapshot, Kind, Label, Snapshot};
use redis_link::{Link, Place, Timeouts};

use crate::bad::Bad;
use crate::look::look;
use crate::reading::{Asking, Trouble};
use crate::{Foreign, Schema, gunicorn, promphp, pytheus};

/// A database that another client writes, read at every scrape and never written.
///
/// | what it meets | what becomes of it |
/// |---|---|
/// | a server that cannot be reached, refuses us, or does not answer within five seconds or by the deadline | the scrape fails, and says so |
/// | an empty database | an empty page; where it must be found out whose it is, the scrape fails ([`NothingFound`](crate::NothingFound)) |
/// | a key of another type than it should be, a number that is none, labels or metadata that cannot be read | are left out; are named in a warning, once, and counted |
/// | a number whose metadata are missing | the same |
/// | a key that went away in the midst of a scrape | is left out |
/// | tens of thousands of other people's keys, where the keyspace must be walked | it is walked so seldom that this takes a twentieth of the time; new series appear seconds later |
///
/// A counter that the client lets expire falls on the page, as it does in the client's own collector: what is gone from
/// Redis is nowhere.
pub struct ForeignSource {
    foreign: Foreign,
    name: String,
    link: Link,
    bad: Bad,
    /// What was found, where it had to be looked for.
    found: Mutex<Option<(Schema, String)>>,
    keys: AtomicU64,
}

/// What is kept in the tally from scrape to scrape.
#[derive(Default)]
pub(crate) struct Kept {
    gunicorn: gunicorn::reading::Kept,
    pytheus: pytheus::reading::Kept,
    promphp: promphp::reading::Kept,
}

/// A server that takes longer for ten thousand commands is stuck.
const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(2), answer: Duration::from_secs(5) };

impl ForeignSource {
    /// Reads this database; it may appear later.
    ///
    /// # Errors
    /// When a label stands twice, there is no catalog for pytheus, or it is a cluster, of which only PromPHP's keys can be
    /// read, and only if their prefix has a hash tag.
    pub fn new(mut foreign: Foreign) -> Result<ForeignSource, SourceError> {
        let name = format!("database {}", foreign.address);
        foreign.labels.sort();
        if let Some(twice) = foreign.labels.windows(2).find(|two| two[0].0 == two[1].0) {
            let why = format!("label {:?} stands twice", twice[0].0);
            return Err(SourceError::new(format!("take {name}"), why));
        }
        if foreign.schema == Schema::Pytheus && foreign.catalog.statements().next().is_none() {
            let why = "pytheus keeps neither kinds nor help nor bounds in Redis: a catalog must say them (a saved page \
                       of the application)";
            return Err(SourceError::new(format!("take {name}"), why));
        }
        let prefix = foreign.prefix.as_deref().unwrap_or_default();
        if matches!(foreign.address.place, Place::Cluster { .. })
            && (foreign.schema != Schema::PromPhp || !has_tag(prefix))
        {
            let why = "of a cluster only PromPHP's keys can be read, where their prefix has a hash tag, so that one node \
                       has them all: schema=promphp&prefix={NAME}_";
            return Err(SourceError::new(format!("take {name}"), why));
        }
        let link = Link::new(foreign.address.clone(), TIMEOUTS).for_key(prefix);
        let found = Mutex::new(None);
        Ok(ForeignSource { foreign, name, link, bad: Bad::default(), found, keys: AtomicU64::new(0) })
    }

    /// Whether Redis has ever answered, be it with an error.
    pub fn has_answered(&self) -> bool {
        self.link.has_answered()
    }

    /// Whose keys are read, and what they begin with.
    pub(crate) fn schema(&self, asking: &Asking<'_>) -> Result<(Schema, String), Trouble> {
        let Foreign { schema, prefix, catalog, .. } = &self.foreign;
        if *schema != Schema::Auto {
            let prefix = prefix.as_deref().unwrap_or(schema.usual_prefix());
            return Ok((*schema, prefix.to_owned()));
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match &*found {
            Some(found) => Ok(found.clone()),
            None => Ok(found.insert(look(asking, prefix.as_deref(), catalog)?).clone()),
        }
    }

    /// How it is asked.
    pub(crate) fn asking<'a>(&'a self, ask: &Ask) -> Asking<'a> {
        Asking { link: &self.link, deadline: ask.deadline, bad: &self.bad, source: &self.name }
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.foreign.catalog
    }

    /// Reads all numbers into the tally; how many keys there were.
    pub(crate) fn read_with(
        &self,
        asking: &Asking<'_>,
        kept: &mut Kept,
        tally: &mut Tally,
    ) -> Result<usize, Trouble> {
        let (schema, prefix) = self.schema(asking)?;
        let Foreign { labels, catalog, pids_are_local, .. } = &self.foreign;
        match schema {
            Schema::Gunicorn | Schema::Auto => {
                let pids_are_local = *pids_are_local;
                let settings = gunicorn::reading::Settings { prefix: &prefix, labels, pids_are_local };
                gunicorn::reading::read(asking, &settings, &mut kept.gunicorn, tally)
            }
            Schema::Pytheus => {
                let settings = pytheus::reading::Settings { prefix: &prefix, labels, catalog };
                pytheus::reading::read(asking, &settings, &mut kept.pytheus, tally)
            }
            Schema::PromPhp => {
                let settings = promphp::reading::Settings { prefix: &prefix, labels };
                promphp::reading::read(asking, &settings, &mut kept.promphp, tally)
            }
        }
    }
}

/// Whether all keys that begin so are on one node of a cluster.
fn has_tag(prefix: &str) -> bool {
    let tag = prefix.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    tag.is_some_and(|(tag, _)| !tag.is_empty())
}

#[async_trait]
impl Source for ForeignSource {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn read(&self, ask: &Ask, into: &mut Tally) -> Result<(), SourceError> {
        let asking = self.asking(ask);
        let mut kept: Kept = into.kept();
        let read = self.read_with(&asking, &mut kept, into);
        into.keep(kept);
        match read {
            Ok(keys) => {
                self.keys.store(keys as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(trouble) => Err(trouble.into_source_error("read the numbers")),
        }
    }

    fn own(&self) -> Snapshot {
        let database = || Label::new("database", &self.foreign.address.to_string());
        let keys = (vec![database()], self.keys.load(Ordering::Relaxed) as f64);
        let bad = self
            .bad
            .counts()
            .map(|(reason, count)| (vec![database(), Label::new("reason", reason)], count as f64));
        Snapshot {
            families: vec![
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_redis_keys",
                    "Keys of the client's in the database.",
                    [keys],
                ),
                FamilySnapshot::of_numbers(
                    Kind::Counter,
                    "multiprom_redis_bad",
                    "Faults found in the database, by reason.",
                    bad,
                ),
            ],
        }
    }
}
