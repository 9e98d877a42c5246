//! Which metric of a family has which labels: found again for each of its lines.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::labels::Pushed;

/// The label sets of a family, as they are pushed, each with the place of its metric.
#[derive(Default)]
pub(super) struct LabelSets<'a> {
    sets: Vec<(Vec<Pushed<'a>>, usize)>,
    /// Places in `sets`.
    index: HashTable<usize>,
    /// The one that was asked for last: lines of one metric stand together.
    current: usize,
}

impl<'a> LabelSets<'a> {
    /// The place of the metric of these labels, which are sorted.
    pub(super) fn find(&mut self, labels: &[Pushed<'a>], hashes: &RandomState) -> Option<usize> {
        let has_them = |at: &usize| self.sets.get(*at).is_some_and(|(set, _)| **set == *labels);
        if !has_them(&self.current) {
            self.current = *self.index.find(hashes.hash_one(labels), has_them)?;
        }
        self.sets.get(self.current).map(|(_, place)| *place)
    }

    /// Keeps the place of the metric of these labels, which [`find`](LabelSets::find) did not know.
    pub(super) fn insert(&mut self, labels: &[Pushed<'a>], place: usize, hashes: &RandomState) {
        let sets = &self.sets;
        let rehash = |at: &usize| sets.get(*at).map_or(0, |(set, _)| hashes.hash_one(&**set));
        self.index.insert_unique(hashes.hash_one(labels), sets.len(), rehash);
        self.current = sets.len();
        self.sets.push((labels.to_vec(), place));
    }
}
