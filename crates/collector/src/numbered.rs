//! Things numbered from 0 in the order in which they were first seen.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

/// See the head of this file.
pub(crate) struct Numbered<T: ?Sized> {
    numbers: HashMap<Arc<T>, u32>,
    things: Vec<Arc<T>>,
}

impl<T: ?Sized> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { numbers: HashMap::new(), things: Vec::new() }
    }
}

impl<T: ?Sized + Eq + Hash> Numbered<T> {
    pub(crate) fn find(&self, thing: &T) -> Option<u32> {
        self.numbers.get(thing).copied()
    }

    pub(crate) fn number(&mut self, thing: &T, own: impl FnOnce(&T) -> Arc<T>) -> u32 {
        if let Some(known) = self.find(thing) {
            return known;
        }
        let owned = own(thing);
        self.push(Some(Arc::clone(&owned)), owned)
    }

    /// Numbers `thing`, to be found under `key`.
    pub(crate) fn push(&mut self, key: Option<Arc<T>>, thing: Arc<T>) -> u32 {
        let number = self.things.len() as u32;
        if let Some(key) = key {
            self.numbers.insert(key, number);
        }
        self.things.push(thing);
        number
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Arc<T>> {
        self.things.get(number as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }
}
