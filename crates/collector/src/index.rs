//! Numbers found by what they stand for, which is kept elsewhere: in an arena, in a list, in parts.
//!
//! A map of the standard library owns its keys and is asked with one in the same shape; here a thing that is only
//! borrowed, or in pieces, is looked up before any of it is copied.

use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Index {
    /// Hash and number; the hash is kept so that growing reads no thing again. Half of it, so that an entry is as small
    /// as it can be: looking up is waiting for memory.
    numbers: HashTable<(u32, u32)>,
    state: RandomState,
}

impl Index {
    /// The hash of a thing that consists of these parts.
    pub(crate) fn hash<T: Hash>(&self, parts: impl IntoIterator<Item = T>) -> u64 {
        let mut hasher = self.state.build_hasher();
        parts.into_iter().for_each(|part| part.hash(&mut hasher));
        hasher.finish()
    }

    /// The hash of a thing that consists of these numbers.
    pub(crate) fn hash_of_numbers(&self, [a, b, c]: [u32; 3]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write_u64(u64::from(a) << 32 | u64::from(b));
        hasher.write_u32(c);
        hasher.finish()
    }

    /// The hash of a thing that consists of a number and texts.
    pub(crate) fn hash_of_values<'a>(&self, number: u32, values: impl Iterator<Item = &'a [u8]>) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write_u32(number);
        values.for_each(|value| {
            hasher.write(value);
            // So that values that are cut in other places are not all alike.
            hasher.write_u8(value.len() as u8);
        });
        hasher.finish()
    }

    /// The number of the thing with this hash that `is` the one.
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let half = half(hash);
        let found = self.numbers.find(whole(half), |&(known, number)| known == half && is(number));
        found.map(|&(_, number)| number)
    }

    /// The number of the thing with this hash that `is` the one; where there is none, it is entered with this number.
    pub(crate) fn find_or_insert(&mut self, hash: u64, number: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let half = half(hash);
        let is = |&(known, number): &(u32, u32)| known == half && is(number);
        match self.numbers.entry(whole(half), is, |&(half, _)| whole(half)) {
            Entry::Occupied(known) => Some(known.get().1),
            Entry::Vacant(room) => {
                room.insert((half, number));
                None
            }
        }
    }

    /// Enters a thing that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, number: u32) {
        let half = half(hash);
        self.numbers.insert_unique(whole(half), (half, number), |&(half, _)| whole(half));
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.numbers.reserve(more, |&(half, _)| whole(half));
    }

    /// Forgets all numbers.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
    }
}

/// What is kept of a hash.
fn half(hash: u64) -> u32 {
    (hash ^ hash >> 32) as u32
}

/// A hash that is told by its half alone, spread over all bits: the table looks at the highest and the lowest.
fn whole(half: u32) -> u64 {
    u64::from(half).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
