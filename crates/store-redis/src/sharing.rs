//! Sends what one process has counted since to the numbers that all share.

use std::sync::Arc;
use std::time::Duration;

use metrics_core::{Desc, StoreError};
use redis_link::Script;
use redis_link::redis::{FromRedisValue, Value};
use redis_schema::shared::{self, Values};
use redis_schema::{LabelSet, script};
use redis_session::identity;

use crate::deltas::{Counted, Deltas, Told};
use crate::sender::{For, Trouble};
use crate::store::{Own, Shared};

/// Sends what one process has counted since to the numbers that all share.
pub(crate) struct Sharing {
    process: String,
    deltas: Deltas,
    script: Script,
    /// For whom what is under way was made.
    made_for: For,
    names: Names,
    /// Whether it was said that something of it cannot be added.
    complained: bool,
}

/// What the numbers of a process are called in Redis.
#[derive(Default)]
struct Names {
    families: Vec<Family>,
    sets: Vec<Set>,
}

/// A label set: its family, its first number, and its values.
struct Set {
    family: usize,
    first: usize,
    values: Values,
}

/// What a frame says of one family.
#[derive(Default)]
struct OfFamily {
    /// Whether any of its label sets is new.
    is_new: bool,
    /// Fields, and what is added to each.
    amounts: Vec<String>,
}

struct Family {
    desc: Arc<Desc>,
    identifier: String,
}

/// How long the sequence number of a process is kept: so long it may be stopped in the middle of sending, and be exact.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The same of one that says that it ends.
const KEPT_OF_ENDED: Duration = Duration::from_secs(10 * 60);
/// So many answers in a row may be that nothing was added.
const ATTEMPTS: usize = 8;

impl Sharing {
    pub(crate) fn new(process: String) -> Sharing {
        Sharing {
            process,
            deltas: Deltas::default(),
            script: Script::new(script::ADD),
            made_for: For::default(),
            names: Names::default(),
            complained: false,
        }
    }

    /// Sends what there is now, for those who ask.
    pub(crate) fn send(&mut self, shared: &Shared, own: &Own, asked: For) -> Result<(), Trouble> {
        let (keys_of, link) = {
            let shard = own.flusher.shard(shared);
            (&shard.keys, &shard.link)
        };
        let mut attempts = 0;
        while attempts < ATTEMPTS {
            if !self.deltas.has_flying() {
                self.made_for = asked;
            }
            let counted = || {
                let book = own.book();
                let ends = book.sets().iter().map(|set| set.numbers.end).collect();
                Counted { values: book.moment(&own.clock).values, ends }
            };
            let Some(parcel) = self.deltas.next(counted) else { return Ok(()) };
            let is_all = parcel.is_all && self.made_for == asked;
            if parcel.registers {
                shared.shards[0].announce(shared.shards.len()).map_err(Trouble::Link)?;
            }
            self.names.learn(own.book().sets());
            let kept = if asked.closing { KEPT_OF_ENDED } else { KEPT };
            let mut keys = vec![
                keys_of.epoch(),
                keys_of.shared_sequences(),
                keys_of.shared_until(),
                keys_of.shared_families(),
            ];
            let mut arguments: Vec<Vec<u8>> = vec![
                self.process.clone().into(),
                parcel.sequence.to_string().into(),
                parcel.epoch.clone().unwrap_or_default(),
                if parcel.registers { "1" } else { "" }.into(),
                identity::name().into(),
                kept.as_millis().to_string().into(),
            ];
            let families = self.names.by_family(&parcel.amounts, parcel.new_from);
            let new = || families.iter().filter(|(_, of_family)| of_family.is_new).map(|(family, _)| family);
            arguments.push(new().count().to_string().into());
            for family in new() {
                arguments.extend([family.identifier.clone().into_bytes(), shared::describe(&family.desc)]);
            }
            for (family, of_family) in families {
                keys.push(keys_of.shared_values(&family.identifier));
                arguments.push((of_family.amounts.len() / 2).to_string().into());
                arguments.extend(of_family.amounts.into_iter().map(String::into_bytes));
            }
            let told = link.script(&self.script, &keys, &arguments).inspect_err(|error| {
                if error.is_lost() {
                    self.deltas.doubt();
                }
            });
            let (told, epoch, refused) = read(told.map_err(Trouble::Link)?).map_err(Trouble::Other)?;
            if self.deltas.answer(told, &epoch) {
                let why = "it has forgotten this process, which did not send for long; what was sent last without an \
                           answer may be missing";
                (shared.options.warn)(&StoreError::new("add to shared numbers in Redis", why));
            }
            if refused > 0 && !std::mem::replace(&mut self.complained, true) {
                let why =
                    format!("{refused} of them are none, or their key is of another kind: these are lost");
                (shared.options.warn)(&StoreError::new("add to shared numbers in Redis", why));
            }
            match told {
                Told::Added if is_all => return Ok(()),
                Told::Added => attempts = 0,
                Told::Unknown | Told::Lost => attempts += 1,
            }
        }
        Err(Trouble::Other(StoreError::new("send to Redis", "it is never as it was a moment ago")))
    }
}

impl Names {
    /// Takes note of label sets that are new.
    fn learn(&mut self, sets: &[LabelSet]) {
        for set in sets.get(self.sets.len()..).unwrap_or_default() {
            let known = self.families.iter().rposition(|family| Arc::ptr_eq(&family.desc, &set.desc));
            let family = known.unwrap_or_else(|| {
                let identifier = shared::identifier(&set.desc);
                self.families.push(Family { desc: Arc::clone(&set.desc), identifier });
                self.families.len() - 1
            });
            self.sets.push(Set { family, first: set.numbers.start, values: set.values.clone() });
        }
    }

    /// What a frame says, family by family; of label sets from number `new_from` on the families are new.
    fn by_family(&self, amounts: &[(usize, f64)], new_from: usize) -> Vec<(&Family, OfFamily)> {
        let mut by_family: Vec<(&Family, OfFamily)> =
            self.families.iter().map(|family| (family, OfFamily::default())).collect();
        for &(number, by) in amounts {
            let behind = self.sets.partition_point(|set| set.first <= number);
            let Some(set) = behind.checked_sub(1).and_then(|at| self.sets.get(at)) else { continue };
            let (_, of_family) = &mut by_family[set.family];
            of_family.is_new |= number >= new_from;
            of_family.amounts.extend([shared::field(number - set.first, &set.values), shared::amount(by)]);
        }
        by_family.retain(|(_, of_family)| !of_family.amounts.is_empty());
        by_family
    }
}

/// What [`script::ADD`] has answered.
fn read(told: Value) -> Result<(Told, Vec<u8>, u64), StoreError> {
    let what = "read the answer of Redis";
    let (word, epoch, refused) =
        <(String, Vec<u8>, u64)>::from_redis_value(told).map_err(|error| StoreError::new(what, error))?;
    let told = match &*word {
        "OK" => Told::Added,
        "UNKNOWN" => Told::Unknown,
        "LOST" => Told::Lost,
        _ => return Err(StoreError::new(what, format!("the script answered {word:?}"))),
    };
    Ok((told, epoch, refused))
}
