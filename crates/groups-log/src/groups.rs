//! All groups as they are shown, and the order in which they changed.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use push_groups::{Cursor, Entry, GroupKey, Updates};

/// See the head of this file.
pub(crate) struct Groups {
    epoch: u64,
    /// The last change.
    seq: u64,
    /// By ordinal.
    slots: Vec<Option<Slot>>,
    /// Ordinals.
    by_key: HashTable<u32>,
    state: RandomState,
    /// The last change of each group that is there, and its ordinal.
    changed: BTreeMap<u64, u32>,
    /// Deletions, the oldest first.
    gone: VecDeque<(u64, GroupKey)>,
    /// Deletions up to this change are not known.
    forgotten: u64,
}

struct Slot {
    key: GroupKey,
    entry: Arc<Entry>,
}

/// What becomes of one group.
pub(crate) struct Step {
    pub(crate) key: GroupKey,
    /// Of the group: free, where it is not there yet.
    pub(crate) ordinal: u32,
    pub(crate) seq: u64,
    /// None: it is gone.
    pub(crate) entry: Option<Arc<Entry>>,
}

/// So many deletions are known, and as many as there are groups.
const GONE: usize = 4096;

impl Groups {
    /// No groups, after the change `seq`, in an order of its own.
    pub(crate) fn new(epoch: u64, seq: u64) -> Groups {
        Groups {
            epoch,
            seq,
            slots: Vec::new(),
            by_key: HashTable::new(),
            state: RandomState::default(),
            changed: BTreeMap::new(),
            gone: VecDeque::new(),
            forgotten: seq,
        }
    }

    /// A group, and its ordinal.
    pub(crate) fn get(&self, key: &GroupKey) -> Option<(u32, &Arc<Entry>)> {
        let found = self.by_key.find(self.hash(key), |ordinal| self.is(*ordinal, key));
        let slot = found.and_then(|ordinal| self.slots.get(*ordinal as usize));
        slot.and_then(Option::as_ref).and_then(|slot| Some((*found?, &slot.entry)))
    }

    /// Whether a group has this ordinal.
    pub(crate) fn has(&self, ordinal: u32) -> bool {
        self.slots.get(ordinal as usize).is_some_and(Option::is_some)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The last change.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// What there is: ordinal, key, entry.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &GroupKey, &Arc<Entry>)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(ordinal, slot)| slot.as_ref().map(|slot| (ordinal as u32, &slot.key, &slot.entry)))
    }

    /// Shows it.
    pub(crate) fn apply(&mut self, step: Step) {
        self.seq = self.seq.max(step.seq);
        let hash = self.hash(&step.key);
        let held = self.get(&step.key).map(|(ordinal, entry)| (ordinal, entry.seq));
        if let Some((_, seq)) = held {
            self.changed.remove(&seq);
        }
        match (step.entry, held) {
            (Some(entry), held) => {
                let ordinal = held.map_or(step.ordinal, |(ordinal, _)| ordinal);
                let at = ordinal as usize;
                if self.slots.len() <= at {
                    self.slots.resize_with(at + 1, || None);
                }
                self.changed.insert(entry.seq, ordinal);
                match self.slots.get_mut(at) {
                    Some(Some(slot)) if held.is_some() => slot.entry = entry,
                    Some(slot) => *slot = Some(Slot { key: step.key, entry }),
                    None => {}
                }
                if held.is_none() {
                    let (slots, state) = (&self.slots, &self.state);
                    let rehash = |ordinal: &u32| {
                        slots[*ordinal as usize].as_ref().map_or(0, |slot| state.hash_one(&slot.key))
                    };
                    self.by_key.insert_unique(hash, ordinal, rehash);
                }
            }
            (None, held) => {
                if let Some((ordinal, _)) = held {
                    if let Ok(entry) = self.by_key.find_entry(hash, |its| *its == ordinal) {
                        entry.remove();
                    }
                    if let Some(slot) = self.slots.get_mut(ordinal as usize) {
                        *slot = None;
                    }
                }
                self.gone.push_back((step.seq, step.key));
                while self.gone.len() > GONE.max(self.by_key.len()) {
                    self.forgotten = self.gone.pop_front().map_or(self.forgotten, |(seq, _)| seq);
                }
            }
        }
    }

    /// Lets go of all, with the change `seq`: another order begins. Gives what there was, to be dropped when nobody
    /// waits.
    pub(crate) fn wipe(&mut self, seq: u64) -> Groups {
        let empty = Groups::new(self.epoch.wrapping_add(1), seq);
        std::mem::replace(self, empty)
    }

    /// What became of groups since then.
    pub(crate) fn follow(&self, after: Option<Cursor>, now: u64) -> Updates {
        let known = after.filter(|cursor| {
            cursor.epoch == self.epoch && cursor.seq >= self.forgotten && cursor.seq <= self.seq
        });
        let cursor = Cursor { epoch: self.epoch, seq: self.seq };
        let Some(after) = known else {
            let groups = self.iter().map(|(_, key, entry)| (key.clone(), Some(entry.clone()))).collect();
            return Updates { groups, whole: true, cursor, now };
        };
        let mut groups = Vec::new();
        for ordinal in self.changed.range(after.seq + 1..).map(|(_, ordinal)| *ordinal) {
            if let Some(Some(slot)) = self.slots.get(ordinal as usize) {
                groups.push((slot.key.clone(), Some(slot.entry.clone())));
            }
        }
        let first = self.gone.partition_point(|(seq, _)| *seq <= after.seq);
        let mut told = HashSet::new();
        for (_, key) in self.gone.range(first..) {
            if self.get(key).is_none() && told.insert(key) {
                groups.push((key.clone(), None));
            }
        }
        Updates { groups, whole: false, cursor, now }
    }

    fn is(&self, ordinal: u32, key: &GroupKey) -> bool {
        self.slots.get(ordinal as usize).and_then(Option::as_ref).is_some_and(|slot| slot.key == *key)
    }

    fn hash(&self, key: &GroupKey) -> u64 {
        self.state.hash_one(key)
    }
}

/// Ordinals of groups, given out and taken back; small, since a series names its owner by one.
#[derive(Default)]
pub(crate) struct Ordinals {
    free: Vec<u32>,
    next: u32,
}

impl Ordinals {
    /// One that no group has.
    pub(crate) fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Its group is gone.
    pub(crate) fn give(&mut self, ordinal: u32) {
        self.free.push(ordinal);
    }
}

#[cfg(test)]
mod tests;
