//! Label sets and what is kept for each: a table that only grows and is read without locks.
//!
//! A lookup happens for every update of an application that keeps no handles, from many threads, so it
//! writes nothing: it hashes the labels, follows one reference to a slot array with linear probing, and
//! compares the labels of the entry that the slot refers to. An insert is rare and passes a [`Gate`], which a
//! forked child can take over from a thread that stayed behind in its parent. What such a thread left half
//! done is never waited for: an entry is there once it is in the list of all, and the next insert makes good
//! what should have followed.

use crate::atomic::{AtomicU64, AtomicUsize, Gate, Ordering, Reference};
use crate::label_hash::{LabelHash, pieces};

#[cfg(all(test, not(loom)))]
#[path = "table/tests.rs"] // also where this file is a module of the model
mod tests;

/// Label sets of one length, each with a `V`, in the order in which they came. They live as long as the process, also
/// those of a table that is dropped.
pub(crate) struct Table<V: 'static> {
    hash: LabelHash,
    /// The slot array in use. Others before it, each half as long, are left to those who look into them just now.
    slots: Reference<Slots<V>>,
    /// The first entry; each refers to the next.
    first: Reference<Entry<V>>,
    /// Passed by whoever inserts; what follows changes only inside.
    inserting: Gate,
    last: Reference<Entry<V>>,
    len: AtomicUsize,
}

struct Slots<V: 'static> {
    /// A power of two of them.
    places: Box<[Slot<V>]>,
}

/// Free while it refers to nothing.
struct Slot<V: 'static> {
    /// The entry's, to pass over others without a look at them.
    hash: AtomicU64,
    entry: Reference<Entry<V>>,
}

struct Entry<V: 'static> {
    hash: u64,
    /// The values, each followed by [`END`].
    labels: Box<[u8]>,
    value: V,
    next: Reference<Entry<V>>,
}

/// Ends a label value: a byte that no UTF-8 text holds.
const END: u8 = 0xFF;
/// Slots of the first slot array; few in a model, which is to see the next.
const FIRST_SLOTS: usize = if cfg!(loom) { 4 } else { 16 };
/// So many slots for each entry, or up to twice as many: most lookups find theirs at once, and probing ends.
const SLOTS_FOR_EACH: usize = 3;
/// So many label sets are all that a table takes: 134 million.
const MOST: usize = 1 << 27;

impl<V: Send + Sync> Table<V> {
    /// No label sets; allocates nothing.
    pub(crate) fn new() -> Table<V> {
        Table {
            hash: LabelHash::new(),
            slots: Reference::default(),
            first: Reference::default(),
            inserting: Gate::default(),
            last: Reference::default(),
            len: AtomicUsize::new(0),
        }
    }

    /// What is kept for `labels`. Takes no lock and writes nothing.
    #[inline]
    pub(crate) fn get(&self, labels: &[&str]) -> Option<&'static V> {
        self.find(self.hash.of(labels), labels)
    }

    /// What is kept for `labels`, which is `value` if nothing was; `None` when the table is full.
    pub(crate) fn get_or_insert(&self, labels: &[&str], value: V) -> Option<&'static V> {
        let hash = self.hash.of(labels);
        let (_inside, abandoned) = self.inserting.enter();
        if abandoned {
            self.mend();
        }
        if let Some(found) = self.find(hash, labels) {
            return Some(found);
        }
        let len = self.len.load(Ordering::Relaxed);
        if len >= MOST {
            return None;
        }
        let slots = self.slots_for(len + 1);
        let entry = Entry { hash, labels: join(labels), value, next: Reference::default() };
        let entry = &*Box::leak(Box::new(entry));
        self.append(entry);
        slots.publish(entry);
        Some(&entry.value)
    }

    /// Each label set's values, ended by 0xFF each, with what is kept for it, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static [u8], &'static V)> {
        self.entries().map(|entry| (&*entry.labels, &entry.value))
    }

    #[inline]
    fn find(&self, hash: u64, labels: &[&str]) -> Option<&'static V> {
        let places = &self.slots.get()?.places;
        let mask = places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = places.get(at)?;
            let entry = slot.entry.get()?;
            // Relaxed: it was written before the reference was.
            if slot.hash.load(Ordering::Relaxed) == hash && is_join(&entry.labels, labels) {
                return Some(&entry.value);
            }
            at = (at + 1) & mask;
        }
    }

    fn entries(&self) -> impl Iterator<Item = &'static Entry<V>> {
        std::iter::successors(self.first.get(), |entry| entry.next.get())
    }

    /// A slot array, in use, that has room for so many entries.
    fn slots_for(&self, len: usize) -> &'static Slots<V> {
        let old = self.slots.get();
        if let Some(slots) = old.filter(|slots| slots.places.len() >= SLOTS_FOR_EACH * len) {
            return slots;
        }
        let slots = &*Box::leak(Box::new(Slots::new(old.map_or(FIRST_SLOTS, |old| 2 * old.places.len()))));
        self.entries().for_each(|entry| slots.publish(entry));
        self.slots.set(slots);
        slots
    }

    /// Puts an entry at the end of the list. From here on it is there, whoever forks.
    fn append(&self, entry: &'static Entry<V>) {
        self.last.get().map_or(&self.first, |last| &last.next).set(entry);
        self.last.set(entry);
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes good what a thread that stayed behind in a parent process may have left undone: all that follows the
    /// moment in which its entry came into the list.
    fn mend(&self) {
        let Some(last) = self.entries().last() else { return };
        self.last.set(last);
        self.len.store(self.entries().count(), Ordering::Relaxed);
        // There is a slot array, with room for it, before there is the entry.
        let Some(slots) = self.slots.get() else { return };
        let is_last = |slot: &Slot<V>| slot.entry.get().is_some_and(|entry| std::ptr::eq(entry, last));
        if !slots.places.iter().any(is_last) {
            slots.publish(last);
        }
    }
}

impl<V: Send + Sync> Slots<V> {
    fn new(len: usize) -> Slots<V> {
        let free = || Slot { hash: AtomicU64::new(0), entry: Reference::default() };
        Slots { places: (0..len).map(|_| free()).collect() }
    }

    /// Lets the first free slot from where its hash points refer to `entry`.
    fn publish(&self, entry: &'static Entry<V>) {
        let mask = self.places.len() - 1;
        let mut at = entry.hash as usize & mask;
        // Ends: most of the slots are free.
        while self.places[at].entry.get().is_some() {
            at = (at + 1) & mask;
        }
        self.places[at].hash.store(entry.hash, Ordering::Relaxed);
        self.places[at].entry.set(entry);
    }
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
        let end = label.len();
        if rest.get(end) != Some(&END) || !is_same(&rest[..end], label.as_bytes()) {
            return false;
        }
        rest = &rest[end + 1..];
    }
    rest.is_empty()
}

/// `a == b` for two of one length, which would be a call: what is short, as most label values are, is looked at in two
/// pieces that overlap.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    match a.len() {
        16.. => pieces(a).iter().eq(pieces(b)) && a.last_chunk::<16>() == b.last_chunk::<16>(),
        8.. => a.first_chunk::<8>() == b.first_chunk::<8>() && a.last_chunk::<8>() == b.last_chunk::<8>(),
        4.. => a.first_chunk::<4>() == b.first_chunk::<4>() && a.last_chunk::<4>() == b.last_chunk::<4>(),
        _ => a.iter().eq(b),
    }
}
