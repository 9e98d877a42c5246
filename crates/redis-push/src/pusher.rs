//! Who sends the numbers of one directory, a step at a time.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use collector::{Ask, Liveness, Rules, Source, Tally};
use foldhash::HashSet;
use redis_link::{Address, Script, Timeouts};
use redis_schema::{Answer, BadPrefix, Keys, script};
use redis_session::clock::{Clock, monotonic};
use redis_session::policy::{self, Unfit};
use redis_session::{Record, SendError, Session, Shard, identity, send};
use tokio::runtime::Runtime;

use crate::PushError;
use crate::disk::{BeforeEach, Disk, step};
use crate::files::{Files, Mark};
use crate::ledger::Ledger;
use crate::notes::{Notes, Written, fnv};

/// What is sent, and where.
pub struct What {
    /// The directory whose numbers are sent, and in which it is written down who sends them.
    pub directory: PathBuf,
    /// Reads it: nothing else.
    pub source: Box<dyn Source>,
    /// Whose gauges of the `live` modes are sent.
    pub liveness: Liveness,
    /// The Redis.
    pub address: Address,
    /// What tells the application from others in it.
    pub prefix: String,
    /// Into how many shards the processes of the application are shared out, at most [`Keys::MOST_SHARDS`]. What has been
    /// sent stays in its shard when this changes.
    pub shards: usize,
    /// How long Redis is waited for.
    pub timeouts: Timeouts,
}

/// Who sends the numbers of one directory, a step at a time: no thread, and no clock but for times that are sent.
pub struct Pusher {
    what: What,
    tally: Tally,
    runtime: Runtime,
    /// Where all processes agree.
    first: Shard,
    /// Where this one's numbers are, if it is another one; which it is.
    other: Option<(usize, Shard)>,
    script: Script,
    clock: Clock,
    /// How far the clock of Redis is ahead of that of this machine which counts from 1970, in seconds.
    ahead: f64,
    /// Families of which the log was told that not all is sent.
    told: HashSet<String>,
    /// Whether Redis was found fit, since the connection was last lost.
    fit: bool,
    /// Whether the clock was agreed on.
    agreed: bool,
    sender: Option<Sender>,
}

/// Who one is, once that is known.
struct Sender {
    disk: Disk,
    session: Session,
    /// Of how many shards its name was one when it was given, and of how many a new one is.
    shards: usize,
    chosen: usize,
    ledger: Ledger,
    files: Files,
    /// The files of the last page that had some.
    before: Vec<Mark>,
    /// What is written down: which frame, how much of the schema with which hash, and when it was written.
    written: Option<Frame>,
    schema: Written,
    /// When Redis was last heard, and when that was written down, in seconds since 1970.
    heard: u64,
    noted: u64,
}

/// What tells a frame from others.
type Frame = (String, u64, bool, Option<Vec<u8>>);

/// What became of numbers that were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Label sets that are sent.
    pub series: usize,
    /// Label sets that cannot be.
    pub left_out: usize,
}

/// So many frames in a row are enough for whatever has happened to the server.
const FRAMES: usize = 8;

/// A tomb stays a day. Whoever was not heard of for this long cannot tell from its absence that nothing was folded.
const SILENCE: u64 = 23 * 60 * 60; // seconds

/// The most families that the log is told of.
const MOST_TOLD: usize = 1_000;

/// So often it is written down at least that Redis is heard.
const NOTES_EVERY: u64 = 60 * 60; // seconds

impl Pusher {
    /// One for this directory. Nothing is read or sent yet.
    ///
    /// # Errors
    /// When the prefix cannot be part of a key.
    ///
    /// # Panics
    /// When the system has no more descriptors for a runtime.
    pub fn new(what: What) -> Result<Pusher, BadPrefix> {
        let what = What { shards: what.shards.clamp(1, Keys::MOST_SHARDS), ..what };
        Ok(Pusher {
            first: Shard::new(&what.address, &what.prefix, 0, what.timeouts)?,
            other: None,
            tally: Tally::default(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime without sockets needs nothing of the system but memory"),
            script: Script::new(script::FLUSH),
            clock: Clock::new(),
            ahead: 0.0,
            told: HashSet::default(),
            fit: false,
            agreed: false,
            sender: None,
            what,
        })
    }

    /// Sends what the directory adds up to now. With `is_last` it says that no more will come: gauges of the living go at
    /// once, and what was counted stays.
    ///
    /// To be called on a thread that may block, outside of any runtime.
    ///
    /// # Errors
    /// When the numbers cannot be read, written down or sent; what is sent next has them all.
    pub fn push(&mut self, is_last: bool) -> Result<Pushed, PushError> {
        self.push_in_steps(is_last, &mut || true)
    }

    /// [`push`](Pusher::push), with something called before each change to the directory or to Redis, and after. Where it
    /// says no, it ends at once and cleans nothing up, as if its process had been killed there.
    #[doc(hidden)]
    pub fn push_in_steps(
        &mut self,
        is_last: bool,
        before_each: &mut dyn FnMut() -> bool,
    ) -> Result<Pushed, PushError> {
        if self.sender.as_ref().is_none_or(|sender| !sender.disk.is_ours()) {
            let disk = Disk::take(&self.what.directory)?;
            let disk = disk.ok_or_else(|| PushError::Taken { path: self.what.directory.clone() })?;
            self.sender = Some(match self.sender.take() {
                // The directory was wiped, and who we are with it; we have not forgotten.
                Some(sender) => Sender { disk, written: None, schema: Written::in_file(0), ..sender },
                None => Sender::begin(disk, self.what.shards)?,
            });
        }
        self.take_page()?;
        if !self.fit {
            let own = own(&self.what, &self.first, &mut self.other, self.sender.as_ref())?;
            match policy::check(&own.link) {
                Ok(()) => self.fit = true,
                Err(Unfit::Unreachable(error)) => return Err(PushError::Link(error)),
                Err(Unfit::Evicts(evicts)) => return Err(PushError::Redis(evicts.to_string())),
            }
            // Whoever is registered needs his own shard alone.
            if !self.agreed || std::ptr::eq(own, &self.first) {
                self.first.agree(own, self.what.shards, &self.clock).map_err(PushError::Link)?;
                self.agreed = true;
            }
            // Looked at once: were it each time, the times of numbers that nobody has set would change.
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.ahead = self.clock.by_redis(monotonic()) - since.as_secs_f64();
        }
        let Pusher { sender: Some(sender), what, first, other, script, clock, .. } = self else {
            return Err(PushError::Died);
        };
        let mut leaves = false;
        for _ in 0..FRAMES {
            let is_new = !sender.session.has_flying();
            // It may have another name now than a moment ago.
            let shard = own(what, first, other, Some(sender))?;
            if is_new && !sender.session.is_registered() {
                let shards = sender.shards.max(what.shards);
                first.agree(shard, shards, clock).map_err(PushError::Link)?;
            }
            let moment = if leaves { sender.ledger.last_moment() } else { sender.ledger.moment() };
            let frame = sender.session.next_or_again(|| moment).clone();
            sender.note(before_each)?;
            step(before_each)?;
            let schema = sender.ledger.schema().bytes().get(frame.schema.0..frame.schema.1);
            let sent =
                send(&shard.link, &shard.keys, script, &frame, schema.unwrap_or_default(), is_last && is_new);
            let (answer, epoch) = sent.map_err(|error| match error {
                SendError::Link(error) => {
                    self.fit = false;
                    PushError::Link(error)
                }
                SendError::Answer(_) => PushError::Redis(error.to_string()),
            })?;
            step(before_each)?;
            sender.take_answer(answer.clone(), &epoch, frame.sequence, is_new);
            if answer == Answer::Ok && is_new {
                if leaves {
                    leaves = false;
                    sender.go_on_anew();
                    continue;
                }
                leaves = !is_last && sender.ledger.is_mostly_gone();
                if leaves {
                    continue;
                }
                let (series, left_out) = sender.ledger.counts();
                return Ok(Pushed { series, left_out });
            }
        }
        Err(PushError::Redis("it is never as it was a moment ago".to_owned()))
    }

    /// What the process is called in Redis, whatever its incarnation, once that is known.
    pub fn name(&self) -> Option<&str> {
        Some(self.sender.as_ref()?.session.name())
    }

    /// The directory and the database, for people.
    pub(crate) fn place(&self) -> (String, String) {
        (self.what.directory.display().to_string(), self.what.address.to_string())
    }

    /// Reads the directory.
    fn take_page(&mut self) -> Result<(), PushError> {
        let Some(sender) = &mut self.sender else { return Ok(()) };
        let mut ask = Ask::default();
        ask.liveness = self.what.liveness;
        let failed = |error| {
            let operation = format!("list {}", self.what.directory.display());
            PushError::File { operation, error }
        };
        let (marks, replaced) = sender.files.look(&self.what.directory, &sender.before).map_err(failed)?;
        self.tally.begin();
        let read = self.runtime.block_on(self.what.source.read(&ask, &mut self.tally));
        read.map_err(PushError::Source)?;
        let page = self.tally.finish(&ask);
        let clock = |rules, time| match rules {
            Rules::Ruby => self.clock.by_redis(time),
            _ => time + self.ahead,
        };
        let files = (replaced, sender.files.has_archive);
        sender.ledger.take(&page, &self.tally.meanings(), files, clock);
        // While there are none, those that come are compared with what was there last.
        if !marks.is_empty() {
            sender.before = marks;
        }
        for (family, why) in sender.ledger.take_left_out() {
            if self.told.len() < MOST_TOLD && self.told.insert(family.clone()) {
                tracing::warn!("of {family} not all is sent to Redis: {why}");
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Pusher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (directory, database) = self.place();
        write!(f, "Pusher of {directory} to {database}")
    }
}

impl Sender {
    /// Who has this directory: as it is written down there, or somebody new.
    fn begin(disk: Disk, chosen: usize) -> Result<Sender, PushError> {
        let now = now();
        let mut sender = Sender {
            session: Session::new(identity::name()),
            shards: chosen,
            chosen,
            ledger: Ledger::default(),
            files: Files::default(),
            before: Vec::new(),
            written: None,
            schema: Written::in_file(0),
            heard: now,
            noted: 0,
            disk,
        };
        let Some((notes, schema)) = sender.disk.read()? else { return Ok(sender) };
        let Notes { place, heard, session: mut record, carried, files, schema: written, shards } = notes;
        let ledger = Ledger::resume(&schema, &record.sent.1, &carried);
        sender.ledger =
            ledger.map_err(|error| PushError::Redis(format!("the schema of what was sent: {error}")))?;
        sender.before = files;
        sender.heard = heard;
        sender.schema = written;
        if place != sender.disk.place() {
            // A copy: who was copied sends what it had counted. What may have been sent is taken for sent.
            tracing::info!(
                "the directory is a copy of one that {} sends; its numbers are sent from here on",
                record.name
            );
            sender.session = sender.branch(&record.sent.1.values);
            // All its files are others, and say the same.
            sender.before = Vec::new();
            return Ok(sender);
        }
        // Of whom nothing is known after so long may have been folded: he does not register as if he were new.
        record.registers &= now.saturating_sub(heard) < SILENCE;
        sender.noted = heard;
        sender.session = Session::resume(record);
        sender.shards = shards;
        Ok(sender)
    }

    /// Somebody new who does not send what is in `counted`.
    fn branch(&self, counted: &[f64]) -> Session {
        let adds_up = self.ledger.adds_up().iter();
        let counted = counted.iter().zip(adds_up).map(|(&number, &adds)| if adds { number } else { 0.0 });
        Session::branch(identity::name(), counted.collect())
    }

    /// Goes on under another name, without gauges that have gone. Under the name of before stays what was counted.
    fn go_on_anew(&mut self) {
        let (ledger, counted) = self.ledger.renewed();
        self.ledger = ledger;
        self.session = Session::branch(identity::name(), counted);
        self.shards = self.chosen;
        self.schema = self.schema.in_other();
    }

    /// Writes down what is sent next, unless it is what is written.
    fn note(&mut self, before_each: BeforeEach<'_>) -> Result<(), PushError> {
        let Some(record) = self.session.record() else { return Ok(()) };
        let Record { name, incarnation, epoch, registers, sent: (sequence, moment), .. } = &record;
        let frame = (format!("{name}+{incarnation}"), *sequence, *registers, epoch.clone());
        if self.written.as_ref() == Some(&frame) && self.heard < self.noted.saturating_add(NOTES_EVERY) {
            return Ok(());
        }
        let schema = &self.ledger.schema().bytes()[..moment.schema];
        let known = usize::try_from(self.schema.len).unwrap_or_default();
        let from = known.min(schema.len());
        let hash = if known == schema.len() { self.schema.hash } else { fnv(schema) };
        let written = Written { len: schema.len() as u64, hash, ..self.schema };
        let notes = Notes {
            place: self.disk.place(),
            heard: self.heard,
            session: record,
            carried: self.ledger.carried().to_vec(),
            files: self.before.clone(),
            schema: written,
            shards: self.shards,
        };
        self.disk.write(&notes, (from, &schema[from..]), before_each)?;
        self.schema = written;
        (self.written, self.noted) = (Some(frame), self.heard);
        Ok(())
    }

    fn take_answer(&mut self, answer: Answer, epoch: &[u8], sequence: u64, is_new: bool) {
        let silent = now().saturating_sub(self.heard);
        let answer = match answer {
            Answer::Ok => {
                self.heard = now();
                Answer::Ok
            }
            // Its tomb may have ended: what was sent last is rather taken for folded than sent again.
            Answer::Retired { at: None } if silent >= SILENCE => Answer::Retired { at: Some(sequence) },
            Answer::Other { before: Some(before) } if before > sequence => {
                // Nobody else should have this name: a machine was cloned, with all that was on it.
                tracing::warn!(
                    "another multiprom sends as {}; going on under another name",
                    self.session.name()
                );
                // This frame was not taken; one that is sent again may have been before.
                let arrived = self.session.last_arrived().filter(|_| is_new);
                let counted = arrived.or(self.session.last_sent());
                let counted = counted.map(|moment| moment.values.clone()).unwrap_or_default();
                self.session = self.branch(&counted);
                self.shards = self.chosen;
                return;
            }
            answer => answer,
        };
        self.session.answer(&answer, epoch, self.ledger.adds_up());
    }
}

/// Where the numbers of a sender are.
fn own<'a>(
    what: &What,
    first: &'a Shard,
    other: &'a mut Option<(usize, Shard)>,
    sender: Option<&Sender>,
) -> Result<&'a Shard, PushError> {
    let at = sender.map_or(0, |sender| Keys::shard_of(sender.session.name(), sender.shards));
    if at == 0 {
        return Ok(first);
    }
    if other.as_ref().is_none_or(|(have, _)| *have != at) {
        let shard = Shard::new(&what.address, &what.prefix, at, what.timeouts);
        *other = Some((at, shard.map_err(|error| PushError::Redis(error.to_string()))?));
    }
    Ok(other.as_ref().map_or(first, |(_, shard)| shard))
}

/// Seconds since 1970 by the clock of this machine.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
