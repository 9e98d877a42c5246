//! Label sets and what is kept for each: a table that only grows and is read without locks.
//!
//! A lookup happens for every update of an application that keeps no handles, from many threads, so it
//! writes nothing: it hashes the labels, follows one atomic index into a slot array with linear probing, and
//! compares the labels of the entry that the slot names. An insert is rare and passes a [`Gate`], which a
//! forked child can take over from a thread that stayed behind in its parent. What such a thread left half
//! done is never finished by another and never waited for: it sits in a position, a chunk or a slot array
//! whose number was used up before the work began, and the next insert takes the next number.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use forked::Gate;

#[cfg(test)]
mod tests;

/// Label sets of one length, each with a `V`, in the order in which they came.
pub(crate) struct Table<V> {
    hasher: RandomState,
    /// Which of `slots` is in use: its entries are all that is published.
    current: AtomicUsize,
    /// Slot arrays, each twice as long as the one before. A slot is 0 or the upper half of a hash above one
    /// more than the position of its entry. At most half of the slots are taken, so that probing ends.
    slots: [OnceLock<Box<[AtomicU64]>>; DOUBLINGS],
    /// Entries by position, in chunks each twice as long as the one before; they never move.
    chunks: [OnceLock<Chunk<V>>; DOUBLINGS],
    /// Passed by whoever inserts; the two numbers below change only inside.
    inserting: Gate,
    /// The first position that nobody has begun to fill.
    next_position: AtomicU32,
    /// The first of `slots` that nobody has begun to fill.
    next_slots: AtomicUsize,
}

type Chunk<V> = Box<[OnceLock<Entry<V>>]>;

struct Entry<V> {
    hash: u64,
    /// The values, each followed by [`END`].
    labels: Box<[u8]>,
    value: V,
}

/// Ends a label value: a byte that no UTF-8 text holds.
const END: u8 = 0xFF;
/// Entries of the first chunk.
const FIRST_CHUNK: u32 = 8;
/// Slots of the first slot array: twice the entries of the first chunk.
const FIRST_SLOTS: usize = 2 * FIRST_CHUNK as usize;
/// How often either doubles: enough for 134 million label sets.
const DOUBLINGS: usize = 24;

impl<V> Table<V> {
    /// No label sets; allocates nothing.
    pub(crate) fn new() -> Table<V> {
        Table {
            hasher: RandomState::default(),
            current: AtomicUsize::new(0),
            slots: [const { OnceLock::new() }; DOUBLINGS],
            chunks: [const { OnceLock::new() }; DOUBLINGS],
            inserting: Gate::new(),
            next_position: AtomicU32::new(0),
            next_slots: AtomicUsize::new(0),
        }
    }

    /// What is kept for `labels`. Takes no lock and writes nothing.
    #[inline]
    pub(crate) fn get(&self, labels: &[&str]) -> Option<&V> {
        self.find(self.hash(labels), labels)
    }

    /// What is kept for `labels`, which is `value` if nothing was; `None` when the table is full.
    pub(crate) fn get_or_insert(&self, labels: &[&str], value: V) -> Option<&V> {
        let hash = self.hash(labels);
        let (_inside, abandoned) = self.inserting.enter();
        if abandoned {
            self.publish_abandoned();
        }
        if let Some(found) = self.find(hash, labels) {
            return Some(found);
        }
        let position = self.free_position()?;
        let slots = self.slots_for(position)?;
        let cell = self.chunk_for(position)?.get(offset_of(position))?;
        let entry = cell.get_or_init(|| Entry { hash, labels: join(labels), value });
        publish(slots, hash, position);
        Some(&entry.value)
    }

    /// Each label set's values, ended by 0xFF each, with what is kept for it, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.entries().map(|(_, entry)| (&*entry.labels, &entry.value))
    }

    #[inline]
    fn hash(&self, labels: &[&str]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for label in labels {
            hasher.write(label.as_bytes());
        }
        hasher.finish()
    }

    #[inline]
    fn find(&self, hash: u64, labels: &[&str]) -> Option<&V> {
        let slots = self.slots.get(self.current.load(Ordering::Acquire))?.get()?;
        let mask = slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = slots.get(at)?.load(Ordering::Acquire);
            if slot == 0 {
                return None;
            }
            if slot >> 32 == hash >> 32 {
                let entry = self.entry(slot as u32 - 1)?;
                if is_join(&entry.labels, labels) {
                    return Some(&entry.value);
                }
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn entry(&self, position: u32) -> Option<&Entry<V>> {
        self.chunks.get(chunk_of(position))?.get()?.get(offset_of(position))?.get()
    }

    fn entries(&self) -> impl Iterator<Item = (u32, &Entry<V>)> {
        let end = self.next_position.load(Ordering::Acquire);
        (0..end).filter_map(|position| Some((position, self.entry(position)?)))
    }

    /// Uses up a position that nobody has touched.
    fn free_position(&self) -> Option<u32> {
        let mut position = self.next_position.load(Ordering::Relaxed);
        let chunk = self.chunks.get(chunk_of(position))?;
        if offset_of(position) != 0 && chunk.get().is_none() {
            // Whoever began this chunk stayed behind in a parent process; the next chunk is untouched.
            position += chunk_len(chunk_of(position)) - offset_of(position) as u32;
        }
        self.next_position.store(position.checked_add(1)?, Ordering::Release);
        Some(position)
    }

    /// The chunk that holds `position`, made if it is the chunk's first.
    fn chunk_for(&self, position: u32) -> Option<&Chunk<V>> {
        let number = chunk_of(position);
        let make = || (0..chunk_len(number)).map(|_| OnceLock::new()).collect();
        Some(self.chunks.get(number)?.get_or_init(make))
    }

    /// A slot array, in use, that has room for the entry of `position`.
    fn slots_for(&self, position: u32) -> Option<&[AtomicU64]> {
        let wanted = 2 * (position as usize + 1);
        if let Some(slots) = self.slots.get(self.current.load(Ordering::Relaxed))?.get()
            && slots.len() >= wanted
        {
            return Some(slots);
        }
        loop {
            let number = self.next_slots.fetch_add(1, Ordering::Relaxed);
            let place = self.slots.get(number)?;
            let len = FIRST_SLOTS << number;
            if len < wanted {
                continue; // Positions that were skipped made this array too short.
            }
            let slots: Box<[AtomicU64]> = (0..len).map(|_| AtomicU64::new(0)).collect();
            for (position, entry) in self.entries() {
                publish(&slots, entry.hash, position);
            }
            let slots = place.get_or_init(|| slots);
            self.current.store(number, Ordering::Release);
            return Some(slots);
        }
    }

    /// Lets readers find the last entry if whoever made it stayed behind before it could be found.
    fn publish_abandoned(&self) {
        let Some(position) = self.next_position.load(Ordering::Relaxed).checked_sub(1) else { return };
        let Some(entry) = self.entry(position) else { return };
        let Some(slots) = self.slots.get(self.current.load(Ordering::Relaxed)).and_then(OnceLock::get) else {
            return; // Not so: the slot array is there before the entry is.
        };
        let is_this = |slot: &AtomicU64| slot.load(Ordering::Relaxed) as u32 == position + 1;
        if !slots.iter().any(is_this) {
            publish(slots, entry.hash, position);
        }
    }
}

/// Puts the entry of `position` into the first free slot from where its hash points.
fn publish(slots: &[AtomicU64], hash: u64, position: u32) {
    let mask = slots.len() - 1;
    let mut at = hash as usize & mask;
    // Ends: half of the slots are free.
    while slots[at].load(Ordering::Relaxed) != 0 {
        at = (at + 1) & mask;
    }
    slots[at].store((hash >> 32) << 32 | u64::from(position + 1), Ordering::Release);
}

/// The number of the chunk that holds `position`: 0 for the first [`FIRST_CHUNK`], 1 for twice as many, ...
const fn chunk_of(position: u32) -> usize {
    ((position as u64 + FIRST_CHUNK as u64).ilog2() - FIRST_CHUNK.ilog2()) as usize
}

/// The place of `position` in its chunk.
const fn offset_of(position: u32) -> usize {
    (position as u64 + FIRST_CHUNK as u64 - chunk_len(chunk_of(position)) as u64) as usize
}

/// How many entries a chunk has; as many as all chunks before it and [`FIRST_CHUNK`] more.
const fn chunk_len(chunk: usize) -> u32 {
    FIRST_CHUNK << chunk
}

fn join(labels: &[&str]) -> Box<[u8]> {
    let mut joined = Vec::with_capacity(labels.iter().map(|label| label.len() + 1).sum());
    for label in labels {
        joined.extend_from_slice(label.as_bytes());
        joined.push(END);
    }
    joined.into()
}

#[inline]
fn is_join(joined: &[u8], labels: &[&str]) -> bool {
    let mut rest = joined;
    for label in labels {
        match rest.split_at_checked(label.len()) {
            Some((value, [END, after @ ..])) if is_same(value, label.as_bytes()) => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

/// `a == b`, which is a call, without one for short ones of one length, as most label values are: two pieces that
/// overlap are looked at.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        17.. => a == b,
        8.. => a.first_chunk::<8>() == b.first_chunk::<8>() && a.last_chunk::<8>() == b.last_chunk::<8>(),
        4.. => a.first_chunk::<4>() == b.first_chunk::<4>() && a.last_chunk::<4>() == b.last_chunk::<4>(),
        _ => a.iter().eq(b),
    }
}
