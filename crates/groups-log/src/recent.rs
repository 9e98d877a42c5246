//! What is remembered of changes that were made: so that one that is sent again is not made again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;
use push_groups::Outcome;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Recent {
    made: HashMap<u64, Made>,
    /// Versions, the oldest first.
    order: VecDeque<u64>,
    /// Until when each request is remembered, Unix milliseconds.
    ids: HashMap<Arc<str>, u64>,
    by_end: BTreeSet<(u64, Arc<str>)>,
    /// What is not settled: versions at the end of `order`, and these.
    unsettled: usize,
    unsettled_ids: Vec<Arc<str>>,
}

/// What was said of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) version: u64,
    pub(crate) seq: u64,
    pub(crate) born: u64,
    pub(crate) time: u64,
}

/// The outcomes of so many changes are known, the latest ones.
pub(crate) const MADE: usize = 8192;
/// So many requests are remembered. Where there are more, those that would be forgotten first are.
pub(crate) const IDS: usize = 65_536;

impl Made {
    pub(crate) fn outcome(self) -> Outcome {
        Outcome::Made { seq: self.seq, born: self.born, time: self.time }
    }
}

impl Recent {
    /// What was said of the change that gave this version.
    pub(crate) fn made(&self, version: u64) -> Option<Made> {
        self.made.get(&version).copied()
    }

    /// Whether a request was carried out, and is remembered at this time, Unix milliseconds.
    pub(crate) fn knows(&self, id: &str, now: u64) -> bool {
        self.ids.get(id).is_some_and(|until| *until > now)
    }

    /// Remembers a change, and its request until then.
    pub(crate) fn remember(&mut self, made: Made, once: Option<(&str, u64)>) {
        if self.made.insert(made.version, made).is_none() {
            self.order.push_back(made.version);
            self.unsettled += 1;
        }
        if let Some((id, until)) = once {
            self.remember_id(id, until);
        }
    }

    /// Remembers a request until then, Unix milliseconds.
    pub(crate) fn remember_id(&mut self, id: &str, until: u64) {
        self.forget_id(id);
        let id: Arc<str> = id.into();
        self.ids.insert(id.clone(), until);
        self.by_end.insert((until, id.clone()));
        self.unsettled_ids.push(id);
    }

    /// What was remembered remains, as far as there is room.
    pub(crate) fn settle(&mut self) {
        self.unsettled = 0;
        self.unsettled_ids.clear();
        while self.order.len() > MADE {
            let oldest = self.order.pop_front();
            oldest.and_then(|version| self.made.remove(&version));
        }
        while self.by_end.len() > IDS {
            let first = self.by_end.pop_first();
            first.and_then(|(_, id)| self.ids.remove(&id));
        }
    }

    /// What was remembered since it was settled is not.
    pub(crate) fn undo(&mut self) {
        for _ in 0..std::mem::take(&mut self.unsettled) {
            let latest = self.order.pop_back();
            latest.and_then(|version| self.made.remove(&version));
        }
        for id in std::mem::take(&mut self.unsettled_ids) {
            self.forget_id(&id);
        }
    }

    /// Forgets requests whose time is over.
    pub(crate) fn expire(&mut self, now: u64) {
        while let Some((until, _)) = self.by_end.first()
            && *until <= now
        {
            let first = self.by_end.pop_first();
            first.and_then(|(_, id)| self.ids.remove(&id));
        }
    }

    /// All changes, the oldest first.
    pub(crate) fn all_made(&self) -> impl Iterator<Item = Made> {
        self.order.iter().filter_map(|version| self.made(*version))
    }

    /// All requests, with the end of their time.
    pub(crate) fn all_ids(&self) -> impl Iterator<Item = (u64, Arc<str>)> {
        self.by_end.iter().cloned()
    }

    fn forget_id(&mut self, id: &str) {
        if let Some((id, until)) = self.ids.remove_entry(id) {
            self.by_end.remove(&(until, id));
        }
    }
}

#[cfg(test)]
mod tests;
