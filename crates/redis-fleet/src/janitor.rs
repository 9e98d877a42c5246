//! Who takes the dead out, and keeps what they have counted.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use redis_link::redis::{self, FromRedisValue};
use redis_link::{Address, LinkError, Script, Timeouts};
use redis_schema::{BadPrefix, Keys, Seal, script};
use tracing::warn;

use crate::fleet::{Fleet, FleetError};
use crate::kept::Kept;
use crate::retired::Retired;
use crate::shards::{Shard, Shards};
use crate::thinning::{Content, Keeping, Thinner, sealed};

/// Takes processes out that are dead, and adds what they have counted to what is kept of those before them.
///
/// Any number of them may be at work at once, beside any readers: each step is taken as a whole, or not at all where
/// somebody else was quicker. A process that was only stopped, or cut off, and comes back goes on exactly; it says more
/// than what was kept of it from then on. It has a day for that.
///
/// Nobody is taken out for silence before the janitor has had the server in sight for as long, without an error and
/// without a server that knows less than it did: after an outage or a fail-over those who live must have had time to be
/// heard again. So a janitor is kept, and [`tidy`](Janitor::tidy) called every few seconds.
#[derive(Debug)]
pub struct Janitor {
    shards: Shards,
    /// Tidied whatever the first says.
    at_least: usize,
    dead_after: Duration,
    /// Shard by shard.
    fleets: Vec<Fleet>,
    /// Since when each has been in sight.
    since: Vec<Option<Instant>>,
    /// Of how many shards the first has ever said that there are.
    told: usize,
    script: Script,
    keeping: Keeping,
    /// Shard by shard.
    thinners: Vec<Thinner>,
}

/// Why the dead could not be taken out. Nothing is half done.
#[derive(Debug)]
pub struct JanitorError(FleetError);

/// How long a process may be away that was taken for dead: its tomb stays so long.
const TOMB: Duration = Duration::from_secs(24 * 60 * 60);
/// The same of one that has said that it ends; what it sent last may still be under way.
const TOMB_OF_ENDED: Duration = Duration::from_secs(10 * 60);
/// So many are taken out at most before somebody else has a turn.
const AT_ONCE: usize = 1_000;

impl Janitor {
    /// One for the application of this prefix in the Redis at this address. A process is dead that was not heard of for
    /// `dead_after`; that should be ten times what it lets pass, or more, and 15 seconds at least.
    ///
    /// # Errors
    /// When the prefix cannot be part of a key.
    pub fn new(
        address: Address,
        prefix: &str,
        timeouts: Timeouts,
        dead_after: Duration,
    ) -> Result<Janitor, BadPrefix> {
        Ok(Janitor {
            shards: Shards::new(address, prefix, timeouts)?,
            at_least: 1,
            dead_after,
            fleets: Vec::new(),
            since: Vec::new(),
            told: 1,
            script: Script::new(script::RETIRE),
            keeping: Keeping::default(),
            thinners: Vec::new(),
        })
    }

    /// The same, with so many shards at least: see [`FleetSource::sharded`](crate::FleetSource::sharded).
    pub fn sharded(mut self, at_least: usize) -> Janitor {
        self.at_least = at_least.clamp(1, Keys::MOST_SHARDS);
        self
    }

    /// The same, where gauges of mode `all` of the dead are kept so.
    pub fn keeping(mut self, keeping: Keeping) -> Janitor {
        self.keeping = keeping;
        self
    }

    /// Takes all out who are dead now. How many that were.
    ///
    /// # Errors
    /// When Redis does not answer, or refuses: the first error, after all shards were tried. Who was taken out stays so.
    pub fn tidy(&mut self) -> Result<usize, JanitorError> {
        let mut retired = 0;
        let mut failed = None;
        let mut number = 0;
        while number < self.at_least.max(self.told) {
            if let Err(error) = self.tidy_shard(number, &mut retired) {
                self.since[number] = None;
                failed = failed.or(Some(error));
            }
            self.told = self.told.max(self.fleets[0].shards);
            number += 1;
        }
        if failed.is_none() && self.told > self.fleets[0].shards.max(1) {
            // It has said so before: its node was emptied.
            let first = self.shards.first();
            let mut pipeline = redis::pipe();
            pipeline.cmd("SADD").arg(first.keys.shards()).arg(self.told);
            failed = first.link.run(&pipeline).err().map(FleetError::Link);
        }
        match failed {
            Some(error) => Err(JanitorError(error)),
            None => Ok(retired),
        }
    }

    /// Goes on without what is lost of what is kept of the dead: what can be read of it is what is kept from then on, and
    /// pages fall by the rest, once. Of how many shards something was lost.
    ///
    /// # Errors
    /// When Redis does not answer, or refuses; also where somebody changes them at that moment.
    pub fn accept_loss(&mut self) -> Result<usize, JanitorError> {
        let mut accepted = 0;
        let mut number = 0;
        while number < self.at_least.max(self.told) {
            accepted += usize::from(self.accept_loss_of(number).map_err(JanitorError)?);
            self.told = self.told.max(self.fleets[0].shards);
            number += 1;
        }
        Ok(accepted)
    }

    /// The same, of one shard: whether something was lost.
    fn accept_loss_of(&mut self, number: usize) -> Result<bool, FleetError> {
        self.know(number);
        let shard = &self.shards.up_to(number + 1)[number];
        let fleet = &mut self.fleets[number];
        match fleet.read(&shard.link, &shard.keys, None) {
            Ok(()) if fleet.lost.is_none() => return Ok(false),
            Ok(()) | Err(FleetError::Lost(_)) => {}
            Err(error) => return Err(error),
        }
        let rest = Kept::rest_of_retired(&shard.link, &shard.keys)?;
        let content = Content::of(&rest);
        match self.thinners[number].write(&shard.link, &shard.keys, &fleet.found, &content)? {
            true => Ok(true),
            false => Err(FleetError::Disturbed),
        }
    }

    /// Makes room for what is known of a shard.
    fn know(&mut self, number: usize) {
        if self.fleets.len() <= number {
            self.fleets.resize_with(number + 1, Fleet::default);
            self.thinners.resize_with(number + 1, || Thinner::new(self.keeping));
            self.since.resize(number + 1, None);
        }
    }

    /// Takes those of one shard out.
    fn tidy_shard(&mut self, number: usize, retired: &mut usize) -> Result<(), FleetError> {
        self.know(number);
        let shard = &self.shards.up_to(number + 1)[number];
        let (fleet, since) = (&mut self.fleets[number], &mut self.since[number]);
        let thinner = &mut self.thinners[number];
        // Whoever is beaten to one looks again.
        for _ in 0..AT_ONCE {
            fleet.read(&shard.link, &shard.keys, None)?;
            if fleet.lost.is_some() {
                restore(shard, fleet, thinner)?;
                continue;
            }
            let now = Instant::now();
            let seen = if fleet.went_back { since.insert(now) } else { since.get_or_insert(now) };
            let silence_counts = now.duration_since(*seen) >= self.dead_after;
            let is_dead = |kept: &&Kept| {
                let silent = fleet.now as f64 - kept.heard_at();
                // Who is not there as a whole may come back; were it taken out, what lacks would never be missed.
                kept.is_whole()
                    && (kept.ended || silence_counts && silent > self.dead_after.as_millis() as f64)
            };
            let Some(dead) = fleet.processes.iter().find(is_dead) else { break };
            if retire(shard, fleet, dead, &self.script)? {
                *retired += 1;
            }
        }
        if fleet.lost.is_none() {
            thinner.thin(&shard.link, &shard.keys, fleet)?;
        }
        Ok(())
    }
}

/// Writes what is kept of the dead as it was before a part of it was lost, if that was read here and nothing was put to
/// it since.
fn restore(shard: &Shard, fleet: &Fleet, thinner: &Thinner) -> Result<(), FleetError> {
    let Some(lost) = &fleet.lost else { return Ok(()) };
    let of_seal = Seal::read(&fleet.found.seal).map(|seal| seal.version.into_bytes());
    let is_last = of_seal.map_or(!fleet.is_behind, |sealed| sealed == fleet.version);
    if !is_last || fleet.version.is_empty() {
        return Err(FleetError::Lost(lost.clone()));
    }
    warn!("what is kept of the dead was lost in Redis, and is written anew, as it was: {lost}");
    thinner.write(&shard.link, &shard.keys, &fleet.found, &Content::of(&fleet.retired))?;
    Ok(())
}

/// Takes one out; false where somebody was quicker.
fn retire(shard: &Shard, fleet: &Fleet, dead: &Kept, deed: &Script) -> Result<bool, LinkError> {
    let keys = &shard.keys;
    let mut retired = Retired::new(&fleet.retired);
    retired.add(dead);
    let changes = retired.changes(RandomState::new().hash_one(&dead.name).to_string());
    let tomb = if dead.ended { TOMB_OF_ENDED } else { TOMB };
    let mut arguments: Vec<Vec<u8>> = vec![
        dead.name.clone().into(),
        dead.heard.clone().into(),
        dead.sequence.clone(),
        fleet.found.version.clone(),
        tomb.as_millis().to_string().into(),
        changes.from.to_string().into(),
        changes.appended.to_vec(),
        fleet.found.seal.clone(),
        changes.seal.to_string().into(),
    ];
    arguments.extend(sealed(&changes.seal, fleet.retired.dropped));
    arguments.extend(changes.fields.into_iter().flat_map(|(field, page)| [field.into_bytes(), page]));
    let keys = [
        keys.processes(),
        keys.lengths(),
        keys.tombs(),
        keys.tombs_until(),
        keys.values(&dead.name),
        keys.schema(&dead.name),
        keys.retired(),
        keys.retired_schema(),
        keys.retired_seal(),
    ];
    let told = shard.link.script(deed, &keys, &arguments)?;
    Ok(matches!(i64::from_redis_value(told), Ok(1)))
}

impl fmt::Display for JanitorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "take the dead out: {}", self.0)
    }
}

impl std::error::Error for JanitorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
