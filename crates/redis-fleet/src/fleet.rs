//! All that one application, or one shard of it, keeps in Redis, as of one moment.

use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use foldhash::HashMap;
use redis_link::redis::{Pipeline, Value};
use redis_link::{Link, LinkError};
use redis_schema::Keys;

use crate::index::Index;
use crate::kept::{Bad, Kept, Remembers};
use crate::sealed::{Found, Told};
use crate::shared::Shared;

/// All that one application keeps in Redis, as of one moment. Kept from one reading to the next: what a process's
/// numbers are is read once.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    epoch: Vec<u8>,
    /// In the order of their names.
    pub(crate) processes: Vec<Kept>,
    pub(crate) retired: Kept,
    /// The numbers that processes share, where they are wanted.
    pub(crate) shared: Option<Shared>,
    /// Which version of the retired was read; empty where there are none.
    pub(crate) version: Vec<u8>,
    /// What the retired were said to be in the last reading.
    pub(crate) found: Found,
    /// The part of the retired that was lost, found in the last reading: `retired` is what was read of them before.
    pub(crate) lost: Option<Bad>,
    /// Whether all of the retired is to be read, not what is new alone.
    pub(crate) anew: bool,
    /// Whether somebody was retired since the retired were read.
    pub(crate) is_behind: bool,
    /// When it was read last.
    read_at: Option<Instant>,
    /// How often all of the retired was read anew: numbers of series that were known before mean others now.
    pub(crate) forgotten: u64,
    /// How many shards the application has, by what stands here; 0 where nothing does.
    pub(crate) shards: usize,
    /// Whether of a process that the server knows less of than it did, after a fail-over, what was read before is kept:
    /// the process sends everything with its next frame.
    remembers: Remembers,
    /// Milliseconds since 1970 by the clock of Redis.
    pub(crate) now: i64,
    /// Whether a process was last heard of earlier than it was said to be in the reading before: the server is not as it
    /// was, as after a fail-over that lost the last frames.
    pub(crate) went_back: bool,
    /// What cannot be read as a whole, found in the last reading.
    pub(crate) bad: Vec<Bad>,
}

/// So often is it read anew, if somebody was retired in that very moment.
const ATTEMPTS: usize = 8;

/// So long a process that was retired has a tomb, and some more: who has none, and was there before, was lost.
const TOMBS_STAY: Duration = Duration::from_secs(5 * 60);

/// So many processes that are there no more are remembered at most.
const MOST_LOST: usize = 10_000;

/// How long is waited where the server says "not now", and for how long at most.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(2);

impl Fleet {
    /// One for a page: it never shows less of the living than it did, and has what processes share.
    pub(crate) fn of_a_page() -> Fleet {
        Fleet { remembers: Remembers::All, shared: Some(Shared::default()), ..Fleet::default() }
    }

    /// Reads it anew: two round trips. Again, for a while, where the server cannot just now.
    pub(crate) fn read(
        &mut self,
        link: &Link,
        keys: &Keys,
        deadline: Option<Instant>,
    ) -> Result<(), FleetError> {
        let patience = Instant::now() + PATIENCE;
        let end = deadline.map_or(patience, |deadline| deadline.min(patience));
        loop {
            match self.read_now(link, keys, deadline) {
                Err(FleetError::Link(error)) if error.is_passing() && Instant::now() + PAUSE < end => {
                    thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }

    fn read_now(&mut self, link: &Link, keys: &Keys, deadline: Option<Instant>) -> Result<(), FleetError> {
        self.bad.clear();
        self.went_back = false;
        for _ in 0..ATTEMPTS {
            let mut index = Index::read(link, keys, deadline, self.shared.is_some())?;
            if index.epoch != self.epoch && self.is_same(&index) {
                if !index.epoch.is_empty() {
                    self.epoch.clone_from(&index.epoch);
                }
            } else if index.epoch != self.epoch {
                let forgotten = self.forgotten + 1;
                let shared = self.shared.take().map(|_| Shared::default());
                let (remembers, went_back) = (self.remembers, !self.epoch.is_empty());
                let epoch = index.epoch.clone();
                *self = Fleet { epoch, forgotten, remembers, went_back, shared, ..Fleet::default() };
            }
            if let Some(shared) = &mut self.shared {
                if shared.is_stale(&index.shared) {
                    *shared = Shared::default();
                    self.forgotten += 1;
                }
                shared.index(std::mem::take(&mut index.shared));
            }
            if self.read_processes(link, keys, deadline, index)? {
                self.read_at = Some(Instant::now());
                return match &self.lost {
                    // What was read of them before is right. Who has read nothing would show less.
                    Some(lost) if self.version.is_empty() => Err(FleetError::Lost(lost.clone())),
                    _ => Ok(()),
                };
            }
        }
        Err(FleetError::Disturbed)
    }

    /// Whether the database was not emptied, though its epoch is another one, or none: that key alone was lost.
    fn is_same(&self, index: &Index) -> bool {
        let is_known =
            || self.processes.iter().any(|kept| index.processes.iter().any(|(name, _)| *name == kept.name));
        let has_retired = !self.version.is_empty() && index.version == self.version;
        has_retired || index.epoch.is_empty() && is_known()
    }

    /// Reads all that belongs together at once; false where it is to be read again.
    fn read_processes(
        &mut self,
        link: &Link,
        keys: &Keys,
        deadline: Option<Instant>,
        index: Index,
    ) -> Result<bool, FleetError> {
        let listed: HashMap<&str, ()> = index.processes.iter().map(|(name, _)| (&**name, ())).collect();
        let mut known: HashMap<&str, &Kept> =
            self.processes.iter().map(|kept| (kept.name.as_str(), kept)).collect();
        let vanished: Vec<String> =
            known.keys().filter(|name| !listed.contains_key(*name)).map(|&name| name.to_owned()).collect();

        let whole = index.version != self.version;
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        Told::ask(&mut pipeline, keys, whole.then(|| self.known_of_retired()));
        if !vanished.is_empty() {
            pipeline.cmd("HMGET").arg(keys.tombs()).arg(&vanished);
        }
        let mut grown = Vec::with_capacity(index.processes.len());
        let unknown = Kept::default();
        for (name, _) in &index.processes {
            let kept = known.remove(&**name).unwrap_or(&unknown);
            let len = index.lengths.get(name).copied().unwrap_or_default();
            let grows = len > kept.schema.bytes().len() && !kept.broken;
            pipeline.cmd("HGETALL").arg(keys.values(name));
            if grows {
                let from = kept.schema.bytes().len();
                pipeline.cmd("GETRANGE").arg(keys.schema(name)).arg(from).arg(-1);
            }
            grown.push(grows);
        }
        if let Some(shared) = &self.shared {
            shared.ask(&mut pipeline, keys);
        }
        // A key of another kind is one key's error; the rest is read.
        let mut answers = link.run_each_by(&pipeline, deadline)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);

        let before = self.version.clone();
        if !self.take_retired(keys, &index.version, Told::take(whole, &mut next)) {
            return Ok(false);
        }
        let tombs = if vanished.is_empty() { Value::Nil } else { next() };
        let mut known: HashMap<String, Kept> =
            self.processes.drain(..).map(|kept| (kept.name.clone(), kept)).collect();
        let lost = self.vanished(&vanished, tombs, &mut known, &before, keys);
        let mut processes: Vec<Kept> = Vec::with_capacity(index.processes.len() + lost.len());
        for ((name, heard), grows) in index.processes.into_iter().zip(grown) {
            let kept = known.remove(&name).unwrap_or_else(|| Kept { name, ..Kept::default() });
            let before = kept.heard_at();
            let length = index.lengths.get(&kept.name).copied().unwrap_or_default();
            let mut kept = Kept { heard, length, ..kept };
            self.went_back |= kept.heard_at() < before;
            self.bad.extend(kept.take(&keys.values(&kept.name), next(), self.remembers));
            if grows {
                self.bad.extend(kept.extend(&keys.schema(&kept.name), next()));
            }
            processes.push(kept);
        }
        processes.extend(lost);
        processes.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(shared) = &mut self.shared {
            shared.take(keys, &mut next, &mut self.bad);
        }
        self.processes = processes;
        (self.now, self.shards) = (index.now, index.shards);
        self.bad.extend(index.bad);
        Ok(true)
    }

    /// Of those that were there before and are not listed any more, those that were not retired: what was read of them
    /// stays, until they are heard of again. `tombs` has an answer for each; `before` is which retired had been read.
    fn vanished(
        &mut self,
        names: &[String],
        tombs: Value,
        known: &mut HashMap<String, Kept>,
        before: &[u8],
        keys: &Keys,
    ) -> Vec<Kept> {
        let tombs = match tombs {
            Value::Array(tombs) => tombs,
            _ => Vec::new(),
        };
        let is_recent = self.read_at.is_some_and(|at| at.elapsed() < TOMBS_STAY);
        // Nobody was retired since, or what was kept of them then is lost with the rest.
        let is_as_before = *self.version == *before;
        let mut lost = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let Some(kept) = known.remove(name) else { continue };
            let is_retired = matches!(tombs.get(at), Some(Value::BulkString(_)));
            self.is_behind |= is_retired && self.lost.is_some();
            let is_kept_nowhere = self.lost.is_some() && is_as_before;
            let is_lost = if is_retired { is_kept_nowhere } else { is_as_before || is_recent };
            if self.remembers == Remembers::All && is_lost && lost.len() < MOST_LOST {
                let why = format!("{name} is there no more, and was not taken out");
                self.bad.push(Bad::lost(&keys.processes(), why));
                lost.push(kept);
            }
        }
        lost
    }
}

/// Why an application's numbers cannot be read from Redis.
#[derive(Debug)]
pub(crate) enum FleetError {
    Link(LinkError),
    /// Somebody was retired each time that it was read. What is read together is whole; the retired of a moment before
    /// or after could miss one, or have it twice.
    Disturbed,
    /// A part of what is kept of the dead is not there any more.
    Lost(Bad),
    /// A shard's own thread did not come about.
    Thread(io::Error),
}

impl From<LinkError> for FleetError {
    fn from(error: LinkError) -> FleetError {
        FleetError::Link(error)
    }
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FleetError::Link(error) => error.fmt(f),
            FleetError::Thread(error) => write!(f, "start a thread for a shard: {error}"),
            FleetError::Lost(bad) => write!(
                f,
                "what is kept of the dead was lost: {bad}. Without it counters would fall: start a `multiprom serve` \
                 that has read it before, restore the key, or go on without (`multiprom fold --accept-loss`)"
            ),
            FleetError::Disturbed => {
                write!(f, "processes are retired all the time; {ATTEMPTS} readings met that")
            }
        }
    }
}

impl std::error::Error for FleetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FleetError::Link(error) => Some(error),
            FleetError::Thread(error) => Some(error),
            FleetError::Disturbed | FleetError::Lost(_) => None,
        }
    }
}
