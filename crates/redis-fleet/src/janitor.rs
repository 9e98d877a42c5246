//! Who takes the dead out, and keeps what they have counted.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use redis_link::redis::FromRedisValue;
use redis_link::{Address, Link, LinkError, Script, Timeouts};
use redis_schema::{BadPrefix, Keys, script};

use crate::fleet::{Fleet, FleetError, Kept};
use crate::retired::Retired;

/// Takes processes out that are dead, and adds what they have counted to what is kept of those before them.
///
/// Any number of them may be at work at once, beside any readers: each step is taken as a whole, or not at all where
/// somebody else was quicker. A process that was only stopped, or cut off, and comes back goes on exactly; it says more
/// than what was kept of it from then on. It has a day for that.
#[derive(Debug)]
pub struct Janitor {
    link: Link,
    keys: Keys,
    dead_after: Duration,
    fleet: Fleet,
    script: Script,
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
            link: Link::new(address, timeouts),
            keys: Keys::new(prefix, 0)?,
            dead_after,
            fleet: Fleet::default(),
            script: Script::new(script::RETIRE),
        })
    }

    /// Takes all out who are dead now. How many that were.
    ///
    /// # Errors
    /// When Redis does not answer, or refuses. Who was taken out before stays so.
    pub fn tidy(&mut self) -> Result<usize, JanitorError> {
        let mut retired = 0;
        // Whoever is beaten to one looks again.
        for _ in 0..AT_ONCE {
            self.fleet.read(&self.link, &self.keys, None).map_err(JanitorError)?;
            let Some(dead) = self.fleet.processes.iter().find(|kept| self.is_dead(kept)) else { break };
            if self.retire(dead).map_err(|error| JanitorError(FleetError::Link(error)))? {
                retired += 1;
            }
        }
        Ok(retired)
    }

    fn is_dead(&self, kept: &Kept) -> bool {
        let heard: f64 = kept.heard.parse().unwrap_or_default();
        kept.ended || self.fleet.now as f64 - heard > self.dead_after.as_millis() as f64
    }

    /// Whether nobody was quicker.
    fn retire(&self, dead: &Kept) -> Result<bool, LinkError> {
        let keys = &self.keys;
        let mut retired = Retired::new(&self.fleet.retired);
        retired.add(dead);
        let changes = retired.changes();
        let version = RandomState::new().hash_one(&dead.name);
        let tomb = if dead.ended { TOMB_OF_ENDED } else { TOMB };
        let mut arguments: Vec<Vec<u8>> = vec![
            dead.name.clone().into(),
            dead.heard.clone().into(),
            dead.sequence.clone(),
            self.fleet.version.clone(),
            tomb.as_millis().to_string().into(),
            changes.from.to_string().into(),
            changes.appended.to_vec(),
            script::VERSION.into(),
            version.to_string().into(),
            script::HASH.into(),
            changes.hash.to_string().into(),
        ];
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
        ];
        let told = self.link.script(&self.script, &keys, &arguments)?;
        Ok(matches!(i64::from_redis_value(told), Ok(1)))
    }
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
