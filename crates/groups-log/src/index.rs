//! What all groups claim: names with their tags, and whose each series is.

use std::hash::BuildHasher;

use foldhash::HashMap;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use push_groups::{ClaimChange, Claims, Clash};

/// See the head of this file. A series costs 20 bytes and its share of free room: 22 to 45 bytes.
#[derive(Default)]
pub(crate) struct Index {
    names: HashMap<Box<str>, Named>,
    series: HashTable<Owned>,
    /// The hash that a series is known by is the same in every process, and this is drawn anew in each: nobody can
    /// push series that all fall into one place.
    state: RandomState,
    /// What was before, newest last, as far back as it may have to be again.
    before: Vec<Before>,
}

#[derive(Clone, Copy)]
struct Named {
    tag: u8,
    /// Groups that claim it.
    count: u32,
}

/// A series in pieces that are aligned as its owner is, so that nothing lies between entries.
#[derive(Clone, Copy)]
struct Owned {
    series: [u32; 4],
    owner: u32,
}

enum Before {
    Name(Box<str>, Option<Named>),
    Series([u32; 4], Option<u32>),
}

impl Index {
    /// Lets the group `owner` let go of what the change releases and take what it takes, all or nothing. It is not
    /// settled until [`settle`](Index::settle) is called.
    ///
    /// # Errors
    /// Where another group has what excludes it: names first, in the order of the change.
    pub(crate) fn change(&mut self, claims: &ClaimChange, owner: u32) -> Result<(), Clash> {
        let begun = self.before.len();
        for (name, tag) in &claims.names_released {
            self.release_name(name, *tag);
        }
        for series in &claims.series_released {
            self.release_series(pieces(*series), owner);
        }
        let taken = self.take(&claims.names_taken, &claims.series_taken, owner);
        if taken.is_err() {
            self.back_to(begun);
        }
        taken
    }

    /// Enters all that a group claims, as far as nobody else does.
    pub(crate) fn enter(&mut self, claims: &Claims, owner: u32) {
        for (name, tag) in &claims.names {
            let _ = self.take_name(name, *tag);
        }
        for series in &claims.series {
            let _ = self.take_series(*series, owner);
        }
        self.settle();
    }

    /// What was changed remains.
    pub(crate) fn settle(&mut self) {
        self.before.clear();
        self.before.shrink_to(KEPT);
    }

    /// What was changed since it was settled has not been.
    pub(crate) fn undo(&mut self) {
        self.back_to(0);
        self.settle();
    }

    /// Series that are claimed.
    pub(crate) fn series(&self) -> usize {
        self.series.len()
    }

    fn take(&mut self, names: &[(Box<str>, u8)], series: &[u128], owner: u32) -> Result<(), Clash> {
        names.iter().try_for_each(|(name, tag)| self.take_name(name, *tag))?;
        series.iter().try_for_each(|series| self.take_series(*series, owner))
    }

    fn take_name(&mut self, name: &str, tag: u8) -> Result<(), Clash> {
        let held = self.names.get(name).copied();
        match held {
            Some(held) if held.tag != tag => {
                Err(Clash::Name { name: name.into(), pushed: tag, held: held.tag })
            }
            _ => {
                let count = held.map_or(0, |held| held.count).saturating_add(1);
                self.before.push(Before::Name(name.into(), held));
                self.set_name(name, Some(Named { tag, count }));
                Ok(())
            }
        }
    }

    fn release_name(&mut self, name: &str, tag: u8) {
        let Some(held) = self.names.get(name).copied().filter(|held| held.tag == tag) else { return };
        self.before.push(Before::Name(name.into(), Some(held)));
        self.set_name(name, (held.count > 1).then(|| Named { tag, count: held.count - 1 }));
    }

    fn take_series(&mut self, series: u128, owner: u32) -> Result<(), Clash> {
        let key = pieces(series);
        let hash = self.hash(&key);
        match self.series.find(hash, |owned| owned.series == key) {
            Some(owned) if owned.owner != owner => Err(Clash::Series(series)),
            Some(_) => Ok(()),
            None => {
                self.before.push(Before::Series(key, None));
                self.set_series(key, Some(owner));
                Ok(())
            }
        }
    }

    fn release_series(&mut self, key: [u32; 4], owner: u32) {
        let hash = self.hash(&key);
        let held = self.series.find(hash, |owned| owned.series == key).map(|owned| owned.owner);
        if held == Some(owner) {
            self.before.push(Before::Series(key, held));
            self.set_series(key, None);
        }
    }

    fn back_to(&mut self, begun: usize) {
        while self.before.len() > begun {
            match self.before.pop() {
                Some(Before::Name(name, held)) => self.set_name(&name, held),
                Some(Before::Series(key, owner)) => self.set_series(key, owner),
                None => break,
            }
        }
    }

    fn set_name(&mut self, name: &str, to: Option<Named>) {
        match (self.names.get_mut(name), to) {
            (Some(named), Some(to)) => *named = to,
            (Some(_), None) => drop(self.names.remove(name)),
            (None, Some(to)) => drop(self.names.insert(name.into(), to)),
            (None, None) => {}
        }
    }

    fn set_series(&mut self, key: [u32; 4], to: Option<u32>) {
        let hash = self.hash(&key);
        let state = &self.state;
        let rehash = |owned: &Owned| state.hash_one(owned.series);
        match (self.series.entry(hash, |owned| owned.series == key, rehash), to) {
            (Entry::Occupied(mut entry), Some(owner)) => entry.get_mut().owner = owner,
            (Entry::Occupied(entry), None) => drop(entry.remove()),
            (Entry::Vacant(room), Some(owner)) => drop(room.insert(Owned { series: key, owner })),
            (Entry::Vacant(_), None) => {}
        }
    }

    fn hash(&self, key: &[u32; 4]) -> u64 {
        self.state.hash_one(key)
    }
}

/// Room for so many steps back stays.
const KEPT: usize = 1024;

fn pieces(series: u128) -> [u32; 4] {
    [series as u32, (series >> 32) as u32, (series >> 64) as u32, (series >> 96) as u32]
}

#[cfg(test)]
mod tests;
