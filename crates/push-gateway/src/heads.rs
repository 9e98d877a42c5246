//! The groups of one store as they were last heard of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use push_groups::{Cursor, Entry, GroupKey, GroupStore, StoreError, Updates};

/// The groups of one store as they were last heard of, and its clock.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    groups: BTreeMap<GroupKey, Arc<Entry>>,
    /// Those that will be no more, the first one first.
    expiring: BTreeSet<(u64, GroupKey)>,
    cursor: Option<Cursor>,
    /// What the store's clock shows more than ours, milliseconds.
    ahead: i64,
}

impl Heads {
    /// Asks the store what became of groups since it was last asked, and names those.
    pub(crate) fn refresh(&mut self, store: &dyn GroupStore) -> Result<Vec<GroupKey>, StoreError> {
        let Updates { groups, whole, cursor, now } = store.follow(self.cursor)?;
        let mut changed = Vec::with_capacity(groups.len());
        if whole {
            changed.extend(std::mem::take(&mut self.groups).into_keys());
            self.expiring.clear();
        }
        for (key, entry) in groups {
            self.put(&key, entry);
            changed.push(key);
        }
        self.cursor = Some(cursor);
        self.ahead = now as i64 - wall_clock() as i64;
        Ok(changed)
    }

    /// A group is so now: none for gone.
    pub(crate) fn put(&mut self, key: &GroupKey, entry: Option<Arc<Entry>>) {
        let expires = entry.as_ref().and_then(|entry| entry.expires);
        let before = match entry {
            Some(entry) => self.groups.insert(key.clone(), entry),
            None => self.groups.remove(key),
        };
        if let Some(at) = before.and_then(|entry| entry.expires) {
            self.expiring.remove(&(at, key.clone()));
        }
        if let Some(at) = expires {
            self.expiring.insert((at, key.clone()));
        }
    }

    /// What is known of a group, expired or not.
    pub(crate) fn get(&self, key: &GroupKey) -> Option<&Arc<Entry>> {
        self.groups.get(key)
    }

    /// How many groups are known, those that have expired among them.
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// All groups that have not expired.
    pub(crate) fn living(&self) -> impl Iterator<Item = (&GroupKey, &Arc<Entry>)> {
        let now = self.now();
        self.groups.iter().filter(move |(_, entry)| entry.expires.is_none_or(|expires| expires > now))
    }

    /// Groups that expired after the moment `since`, Unix milliseconds on the store's clock.
    pub(crate) fn expired(&self, since: u64) -> impl Iterator<Item = &GroupKey> {
        let now = self.now();
        self.expiring
            .iter()
            .take_while(move |(at, _)| *at <= now)
            .filter(move |(at, _)| *at > since)
            .map(|(_, key)| key)
    }

    /// The store's clock, as far as it is known: Unix milliseconds.
    pub(crate) fn now(&self) -> u64 {
        wall_clock().saturating_add_signed(self.ahead)
    }
}

/// Unix milliseconds.
fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as u64
}
