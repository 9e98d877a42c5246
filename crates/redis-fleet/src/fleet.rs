//! All that one application, or one shard of it, keeps in Redis, as of one moment.

use std::borrow::Cow;
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use foldhash::HashMap;
use redis_link::redis::{FromRedisValue, Pipeline, Value};
use redis_link::{Link, LinkError};
use redis_schema::{Keys, LabelSet, Schema, page, script};

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
    /// How often the retired have changed; empty where there are none.
    pub(crate) version: Vec<u8>,
    /// How often all of the retired was read anew: numbers of series that were known before mean others now.
    pub(crate) forgotten: u64,
    /// How many shards the application has, by what stands here; 0 where nothing does.
    pub(crate) shards: usize,
    /// Whether of a process that the server knows less of than it did, after a fail-over, what was read before is kept:
    /// the process sends everything with its next frame.
    remembers: bool,
    /// Milliseconds since 1970 by the clock of Redis.
    pub(crate) now: i64,
    /// Whether a process was last heard of earlier than it was said to be in the reading before: the server is not as it
    /// was, as after a fail-over that lost the last frames.
    pub(crate) went_back: bool,
    /// What cannot be read as a whole, found in the last reading.
    pub(crate) bad: Vec<Bad>,
}

/// What one process keeps.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) name: String,
    /// When it was last heard of, as Redis says it.
    pub(crate) heard: String,
    pub(crate) sequence: Vec<u8>,
    /// Whether it has said that it sends no more.
    pub(crate) ended: bool,
    /// Of the retired: how many label sets were dropped, ever.
    pub(crate) dropped: u64,
    pub(crate) schema: Schema,
    /// A schema that cannot be read on from where it is; nor is that tried again.
    broken: bool,
    pub(crate) values: Vec<f64>,
    /// What stands beside each number: when it was set, and of a sum of the retired what rounding has left.
    pub(crate) beside: Vec<f64>,
}

/// Something that cannot be read as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) key: String,
    pub(crate) why: String,
}

/// So often is it read anew, if somebody was retired in that very moment.
const ATTEMPTS: usize = 8;

/// How long is waited where the server says "not now", and for how long at most.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(2);

impl Fleet {
    /// One for a page: it never shows less of the living than it did, and has what processes share.
    pub(crate) fn of_a_page() -> Fleet {
        Fleet { remembers: true, shared: Some(Shared::default()), ..Fleet::default() }
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
            if index.epoch != self.epoch {
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
                return Ok(());
            }
        }
        Err(FleetError::Disturbed)
    }

    /// Reads all that belongs together at once; false where the retired are not those that were read before.
    fn read_processes(
        &mut self,
        link: &Link,
        keys: &Keys,
        deadline: Option<Instant>,
        index: Index,
    ) -> Result<bool, FleetError> {
        let mut known: HashMap<String, Kept> =
            self.processes.drain(..).map(|kept| (kept.name.clone(), kept)).collect();
        let mut processes: Vec<Kept> = Vec::with_capacity(index.processes.len());
        for (name, heard) in index.processes {
            let kept = known.remove(&name).unwrap_or_else(|| Kept { name, ..Kept::default() });
            let before = kept.heard_at();
            let kept = Kept { heard, ..kept };
            self.went_back |= kept.heard_at() < before;
            processes.push(kept);
        }
        processes.sort_by(|one, other| one.name.cmp(&other.name));

        let whole = index.version != self.version;
        let mut pipeline = Pipeline::new();
        pipeline.atomic();
        pipeline.cmd("HMGET").arg(keys.retired()).arg(script::VERSION).arg(script::HASH);
        if whole {
            pipeline.cmd("HGETALL").arg(keys.retired());
        }
        append(&mut pipeline, keys.retired_schema(), &self.retired.schema);
        let grown = |kept: &Kept| {
            let len = index.lengths.get(&kept.name).copied().unwrap_or_default();
            len > kept.schema.bytes().len() && !kept.broken
        };
        for kept in &processes {
            pipeline.cmd("HGETALL").arg(keys.values(&kept.name));
            if grown(kept) {
                append(&mut pipeline, keys.schema(&kept.name), &kept.schema);
            }
        }
        if let Some(shared) = &self.shared {
            shared.ask(&mut pipeline, keys);
        }
        // A key of another kind is one key's error; the rest is read.
        let mut answers = link.run_each_by(&pipeline, deadline)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);

        let (version, hash) = <(Vec<u8>, Vec<u8>)>::from_redis_value(next()).unwrap_or_default();
        let hash: Option<u64> = std::str::from_utf8(&hash).ok().and_then(|hash| hash.parse().ok());
        let retired = whole.then(&mut next);
        let retired_schema = next();
        for kept in &mut processes {
            let grows = grown(kept);
            self.bad.extend(kept.take(&keys.values(&kept.name), next(), self.remembers));
            if grows {
                self.bad.extend(kept.extend(&keys.schema(&kept.name), next()));
            }
        }
        if let Some(shared) = &mut self.shared {
            shared.take(keys, &mut next, &mut self.bad);
        }
        self.processes = processes;
        (self.now, self.shards) = (index.now, index.shards);
        self.bad.extend(index.bad);
        if version != index.version {
            return Ok(false);
        }
        let Some(retired) = retired else { return Ok(true) };
        let all_new = self.retired.schema.bytes().is_empty() && !self.retired.broken;
        let odd = self.retired.extend(&keys.retired_schema(), retired_schema);
        if hash.is_some_and(|hash| hash != self.retired.schema.hash()) && !all_new {
            // It was written anew, or the server has lost its last changes and others have come since: what was read of
            // it now is not what follows.
            self.forget_retired();
            return Ok(false);
        }
        self.bad.extend(odd);
        self.bad.extend(self.retired.take(&keys.retired(), retired, false));
        self.version = version;
        Ok(true)
    }
}

impl Fleet {
    /// Reads all of the retired anew next time.
    fn forget_retired(&mut self) {
        (self.retired, self.version) = (Kept::default(), Vec::new());
        self.forgotten += 1;
    }
}

impl Kept {
    /// What it is called whatever its incarnation.
    pub(crate) fn base(&self) -> &str {
        base(&self.name)
    }

    /// Whose a label set is that it keeps: its own, or that of somebody for whom it speaks.
    pub(crate) fn whose(&self, set: &LabelSet) -> Cow<'_, str> {
        match &*set.process {
            "" => Cow::Borrowed(self.base()),
            process => Cow::Owned(format!("{}/{process}", self.base())),
        }
    }

    /// When it was last heard of, in milliseconds since 1970 by the clock of Redis.
    pub(crate) fn heard_at(&self) -> f64 {
        self.heard.parse().unwrap_or_default()
    }

    /// Takes a hash of pages; if it `remembers`, not an older one than it has.
    fn take(&mut self, key: &str, hash: Value, remembers: bool) -> Option<Bad> {
        if remembers && is_older(&hash, &self.sequence) {
            return None;
        }
        self.sequence.clear();
        self.ended = false;
        self.values.clear();
        self.beside.clear();
        let bad = refusal(key, &hash);
        let (mut values, mut beside) = (Vec::new(), Vec::new());
        let mut len = page::LEN;
        for (field, value) in <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(hash).unwrap_or_default() {
            match page::of_field(&field) {
                Some((number, false)) => values.push((number, value)),
                Some((number, true)) => beside.push((number, value)),
                None if field == script::SEQUENCE.as_bytes() => self.sequence = value,
                None if field == script::ENDED.as_bytes() => self.ended = true,
                None if field == script::PAGE.as_bytes() => len = page::len(&value),
                None if field == script::DROPPED.as_bytes() => {
                    self.dropped =
                        std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                }
                None => {}
            }
        }
        // All pages are there, each behind the one before, or it is none of ours: so what is claimed takes no memory.
        values.sort_unstable_by_key(|(number, _)| *number);
        for (number, value) in values {
            if number.checked_mul(len) == Some(self.values.len()) {
                self.values.extend(page::read(&value).iter().take(len));
            }
        }
        self.beside.resize(if beside.is_empty() { 0 } else { self.values.len() }, 0.0);
        for (number, value) in beside {
            let from = number.saturating_mul(len);
            let place = self.beside.get_mut(from..).unwrap_or_default();
            place
                .iter_mut()
                .zip(page::read(&value).into_iter().take(len))
                .for_each(|(place, number)| *place = number);
        }
        bad
    }

    /// A number, and what stands beside it.
    pub(crate) fn number(&self, at: usize) -> Option<(f64, f64)> {
        Some((*self.values.get(at)?, self.beside.get(at).copied().unwrap_or_default()))
    }

    fn extend(&mut self, key: &str, appended: Value) -> Option<Bad> {
        if self.broken {
            return None;
        }
        if let Some(bad) = refusal(key, &appended) {
            return Some(bad);
        }
        let error = self.schema.extend(&bytes(appended)).err()?;
        self.broken = true;
        Some(Bad { key: key.to_owned(), why: error.to_string() })
    }
}

/// Whether a hash of pages has a lower number than this.
fn is_older(hash: &Value, sequence: &[u8]) -> bool {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
    let Value::Array(parts) = hash else { return false };
    let mut fields = parts.chunks_exact(2).filter_map(|field| match field {
        [Value::BulkString(name), Value::BulkString(value)] => Some((name, value)),
        _ => None,
    });
    let told = fields.find(|(name, _)| *name == script::SEQUENCE.as_bytes());
    let told = told.and_then(|(_, value)| number(value));
    matches!((told, number(sequence)), (Some(told), Some(known)) if told < known)
}

/// The error that a command was answered with.
pub(crate) fn refusal(key: &str, told: &Value) -> Option<Bad> {
    match told {
        Value::ServerError(error) => Some(Bad { key: key.to_owned(), why: format!("{error}") }),
        _ => None,
    }
}

/// Who there is, and how far that has grown.
struct Index {
    now: i64,
    epoch: Vec<u8>,
    /// Each process, and when it was last heard of.
    processes: Vec<(String, String)>,
    lengths: HashMap<String, usize>,
    version: Vec<u8>,
    /// How many shards there are.
    shards: usize,
    bad: Option<Bad>,
    /// Families that processes share, and their descriptions.
    shared: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Index {
    fn read(link: &Link, keys: &Keys, deadline: Option<Instant>, shared: bool) -> Result<Index, FleetError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME");
        pipeline.cmd("GET").arg(keys.epoch());
        pipeline.cmd("ZRANGE").arg(keys.processes()).arg(0).arg(-1).arg("WITHSCORES");
        pipeline.cmd("HGETALL").arg(keys.lengths());
        pipeline.cmd("HGET").arg(keys.retired()).arg(script::VERSION);
        pipeline.cmd("SMEMBERS").arg(keys.shards());
        if shared {
            pipeline.cmd("HGETALL").arg(keys.shared_families());
        }
        let mut answers = link.run_by(&pipeline, deadline)?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let (seconds, micros) = <(i64, i64)>::from_redis_value(next()).unwrap_or_default();
        let epoch = bytes(next());
        // Names that are no UTF-8 are none of ours.
        let processes = texts(next());
        let lengths = texts(next()).into_iter().filter_map(|(name, len)| Some((name, len.parse().ok()?)));
        let lengths = lengths.collect();
        let now = seconds.saturating_mul(1_000).saturating_add(micros / 1_000);
        let version = bytes(next());
        let (shards, too_many) = shards_told(next());
        let bad = too_many.first().map(|shards| {
            let why = format!("{shards} shards; there are {} at most", Keys::MOST_SHARDS);
            Bad { key: keys.shards(), why }
        });
        let shared = <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(next()).unwrap_or_default();
        Ok(Index { now, epoch, processes, lengths, version, shards, bad, shared })
    }
}

/// How many shards there are by what was said, 0 where nothing was, and what nobody of ours has said.
pub(crate) fn shards_told(told: Value) -> (usize, Vec<usize>) {
    let told = <Vec<Vec<u8>>>::from_redis_value(told).unwrap_or_default();
    let told = told.iter().filter_map(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
    let (shards, too_many): (Vec<usize>, _) = told.partition(|&shards| shards <= Keys::MOST_SHARDS);
    (shards.into_iter().max().unwrap_or_default(), too_many)
}

/// What a process is called whatever its incarnation.
pub(crate) fn base(name: &str) -> &str {
    match name.rsplit_once('+') {
        Some((base, incarnation)) if incarnation.bytes().all(|byte| byte.is_ascii_digit()) => base,
        _ => name,
    }
}

/// The process that has sent what somebody has counted: itself, or who speaks for it.
pub(crate) fn speaker(whose: &str) -> &str {
    whose.split_once('/').map_or(whose, |(speaker, _)| speaker)
}

/// Asks for what has been appended to a schema.
fn append(pipeline: &mut Pipeline, key: String, known: &Schema) {
    pipeline.cmd("GETRANGE").arg(key).arg(known.bytes().len()).arg(-1);
}

fn bytes(value: Value) -> Vec<u8> {
    Vec::from_redis_value(value).unwrap_or_default()
}

/// Pairs, without those that are no text.
fn texts(value: Value) -> Vec<(String, String)> {
    let pairs = <Vec<(Vec<u8>, Vec<u8>)>>::from_redis_value(value).unwrap_or_default();
    let text = |bytes| String::from_utf8(bytes).ok();
    pairs.into_iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
}

/// Why an application's numbers cannot be read from Redis.
#[derive(Debug)]
pub(crate) enum FleetError {
    Link(LinkError),
    /// Somebody was retired each time that it was read. What is read together is whole; the retired of a moment before
    /// or after could miss one, or have it twice.
    Disturbed,
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
            FleetError::Disturbed => None,
        }
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}
