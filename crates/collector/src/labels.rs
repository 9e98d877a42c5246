//! Label sets, numbered: each is kept once, however many series have it, and looked up without being copied.
//!
//! A set is known by its names, which few lists of names are, and its values.

use std::sync::Arc;

use dialects::LabelText;
use metrics_core::Label;

use crate::book::NONE;
use crate::index::Index;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct LabelSets {
    sets: Vec<Set>,
    /// The one that was numbered last by its values.
    last: u32,
    numbers: Index,
    /// Lists of names, sorted.
    shapes: Vec<Shape>,
    shape_numbers: Index,
    /// The names of all labels: few, and the same ones in most sets.
    names: Vec<Arc<str>>,
    name_numbers: Index,
    /// Values met of late, by length and last bytes: many sets have them in common.
    values: Vec<Option<Arc<[u8]>>>,
    /// Sets with labels put on, by the numbers of both.
    extended: Index,
    /// Of those: the set, the labels put on, and what came of it.
    extensions: Vec<[u32; 3]>,
    /// How the last ones were put together.
    joint: Joint,
}

/// How labels are put on a set: depends on the names of both alone.
#[derive(Clone, Default)]
struct Joint {
    /// The names of the set, and of the labels put on.
    shapes: Option<(u32, u32)>,
    /// By label of the result: whether it is one of those put on, and which.
    from: Arc<[(bool, usize)]>,
    /// The names of the result.
    shape: u32,
}

struct Set {
    shape: u32,
    /// The one that came after it the last time: families of one shape have much the same sets in the same order.
    next: u32,
    labels: Arc<[Label]>,
}

/// The names of a set's labels.
type Shape = Box<[Arc<str>]>;

/// How many values are remembered; a power of 2.
const VALUES: usize = 256;

impl LabelSets {
    /// The number of a list of names that are sorted. Asking twice gives the same number.
    pub(crate) fn shape<'a>(&mut self, names: impl Iterator<Item = &'a str> + Clone) -> u32 {
        let hash = self.shape_numbers.hash(names.clone());
        let known = self
            .shape_numbers
            .find(hash, |number| self.shapes[number as usize].iter().map(|name| &**name).eq(names.clone()));
        known.unwrap_or_else(|| {
            let number = self.shapes.len() as u32;
            let names = names.map(|name| self.name(name)).collect();
            self.shapes.push(names);
            self.shape_numbers.insert(hash, number);
            number
        })
    }

    /// The number of a set whose labels are sorted by name. Asking twice gives the same number.
    pub(crate) fn number(&mut self, labels: &[LabelText<'_>]) -> u32 {
        let shape = self.shape(labels.iter().map(|label| &*label.name));
        self.number_shaped(shape, labels.iter().map(|label| &*label.value))
    }

    /// The number of a set of which the [shape](LabelSets::shape) is known, by its values in the order of the names.
    pub(crate) fn number_shaped<'a>(
        &mut self,
        shape: u32,
        values: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ) -> u32 {
        let is = |known: &Set| {
            known.shape == shape && known.labels.iter().map(|label| &*label.value).eq(values.clone())
        };
        // The buckets of a histogram come one after the other.
        let before = self.last;
        let next = self.sets.get(before as usize).map_or(NONE, |last| last.next);
        let mut likely = [before, next].into_iter();
        let known = likely.find(|&set| self.sets.get(set as usize).is_some_and(is));
        if let Some(known) = known {
            self.last = known;
            return known;
        }
        let hash = self.hash(shape, values.clone());
        let known = self.numbers.find(hash, |number| is(&self.sets[number as usize]));
        self.last = known.unwrap_or_else(|| {
            let names = &self.shapes[shape as usize];
            let remembered = &mut self.values;
            // Of these the length is known, so that this allocates once.
            let labels = names.iter().zip(values);
            let labels =
                labels.map(|(name, value)| Label { name: Arc::clone(name), value: owned(value, remembered) });
            let labels = labels.collect();
            self.push(hash, shape, labels)
        });
        if let Some(before) = self.sets.get_mut(before as usize) {
            before.next = self.last;
        }
        self.last
    }

    /// The same of labels that are owned.
    pub(crate) fn number_owned(&mut self, labels: Vec<Label>) -> u32 {
        let shape = self.shape(labels.iter().map(|label| &*label.name));
        self.number_labels(shape, labels.iter())
    }

    fn number_labels<'a>(
        &mut self,
        shape: u32,
        labels: impl ExactSizeIterator<Item = &'a Label> + Clone,
    ) -> u32 {
        let hash = self.hash(shape, labels.clone().map(|label| &*label.value));
        let known = self.numbers.find(hash, |number| {
            let known = &self.sets[number as usize];
            known.shape == shape
                && known.labels.iter().map(|label| &label.value).eq(labels.clone().map(|label| &label.value))
        });
        known.unwrap_or_else(|| self.push(hash, shape, labels.cloned().collect()))
    }

    /// The number of the set `labels` with those of the set `on` put on: they replace labels of the same name.
    pub(crate) fn extended(&mut self, labels: u32, on: u32) -> u32 {
        let hash = self.extended.hash_of_numbers([labels, on, 0]);
        let known = self.extended.find(hash, |number| self.extensions[number as usize][..2] == [labels, on]);
        if let Some(known) = known {
            return self.extensions[known as usize][2];
        }
        let Joint { from, shape, .. } =
            self.joint(self.sets[labels as usize].shape, self.sets[on as usize].shape);
        let (base, put) = (Arc::clone(self.get(labels)), Arc::clone(self.get(on)));
        let both = from.iter().map(|&(is_put, at)| if is_put { &put[at] } else { &base[at] });
        let number = self.number_labels(shape, both);
        self.extended.insert(hash, self.extensions.len() as u32);
        self.extensions.push([labels, on, number]);
        number
    }

    /// How labels of the names `on` are put on sets of the names `base`.
    fn joint(&mut self, base: u32, on: u32) -> Joint {
        if self.joint.shapes != Some((base, on)) {
            let named = |shape: u32, is_put: bool| {
                let names = self.shapes[shape as usize].iter().enumerate();
                names.map(move |(at, name)| (Arc::clone(name), (is_put, at)))
            };
            let put = |name: &Arc<str>| self.shapes[on as usize].contains(name);
            let kept = named(base, false).filter(|(name, _)| !put(name));
            let mut both: Vec<_> = kept.chain(named(on, true)).collect();
            both.sort();
            let shape = self.shape(both.iter().map(|(name, _)| &**name));
            let from = both.iter().map(|&(_, from)| from).collect();
            self.joint = Joint { shapes: Some((base, on)), from, shape };
        }
        self.joint.clone()
    }

    /// The set behind a number that this gave.
    pub(crate) fn get(&self, number: u32) -> &Arc<[Label]> {
        &self.sets[number as usize].labels
    }

    /// How many sets there are: all numbers are below.
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// A name, shared with all others that are the same.
    pub(crate) fn name(&mut self, name: &str) -> Arc<str> {
        let hash = self.name_numbers.hash([name]);
        let known = self.name_numbers.find(hash, |number| *self.names[number as usize] == *name);
        let number = known.unwrap_or_else(|| {
            let number = self.names.len() as u32;
            self.names.push(name.into());
            self.name_numbers.insert(hash, number);
            number
        });
        Arc::clone(&self.names[number as usize])
    }

    fn hash<'a>(&self, shape: u32, values: impl Iterator<Item = &'a [u8]>) -> u64 {
        self.numbers.hash_of_values(shape, values)
    }

    fn push(&mut self, hash: u64, shape: u32, labels: Arc<[Label]>) -> u32 {
        let number = self.sets.len() as u32;
        self.sets.push(Set { shape, next: NONE, labels });
        self.numbers.insert(hash, number);
        number
    }
}

/// A value that is shared with the last one that was the same, if that is remembered.
fn owned(value: &[u8], remembered: &mut Vec<Option<Arc<[u8]>>>) -> Arc<[u8]> {
    if remembered.is_empty() {
        remembered.resize(VALUES, None);
    }
    let last =
        value.iter().rev().take(3).fold(value.len(), |all, &byte| all.wrapping_mul(31) + usize::from(byte));
    let entry = &mut remembered[last % VALUES];
    match entry {
        Some(known) if **known == *value => Arc::clone(known),
        _ => Arc::clone(entry.insert(value.into())),
    }
}
