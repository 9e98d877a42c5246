//! Label sets, numbered: each is kept once, however many series have it, and looked up without being copied.

use std::sync::Arc;

use dialects::LabelText;
use metrics_core::Label;

use crate::index::Index;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct LabelSets {
    sets: Vec<Arc<[Label]>>,
    numbers: Index,
    /// The names of all labels: few, and the same ones in most sets.
    names: Vec<Arc<str>>,
    name_numbers: Index,
}

impl LabelSets {
    /// The number of a set whose labels are sorted by name. Asking twice gives the same number.
    pub(crate) fn number(&mut self, labels: &[LabelText<'_>]) -> u32 {
        let hash = self.numbers.hash(labels.iter().map(|label| (&*label.name, &*label.value)));
        let known = self.numbers.find(hash, |number| {
            let known = &self.sets[number as usize];
            known.len() == labels.len()
                && known.iter().zip(labels).all(|(a, b)| *a.value == *b.value && *a.name == *b.name)
        });
        known.unwrap_or_else(|| {
            let own = |label: &LabelText<'_>| self.label(&label.name, &*label.value);
            let labels = labels.iter().map(own).collect();
            self.push(hash, labels)
        })
    }

    /// The same of labels that are owned.
    pub(crate) fn number_owned(&mut self, labels: Vec<Label>) -> u32 {
        let hash = self.numbers.hash(labels.iter().map(|label| (&*label.name, &*label.value)));
        let known = self.numbers.find(hash, |number| *self.sets[number as usize] == *labels);
        known.unwrap_or_else(|| self.push(hash, labels.into()))
    }

    /// The set behind a number that this gave.
    pub(crate) fn get(&self, number: u32) -> &Arc<[Label]> {
        &self.sets[number as usize]
    }

    /// A label whose name is shared with all others of that name.
    pub(crate) fn label(&mut self, name: &str, value: impl Into<Arc<[u8]>>) -> Label {
        let hash = self.name_numbers.hash([name]);
        let known = self.name_numbers.find(hash, |number| *self.names[number as usize] == *name);
        let number = known.unwrap_or_else(|| {
            let number = self.names.len() as u32;
            self.names.push(name.into());
            self.name_numbers.insert(hash, number);
            number
        });
        Label { name: Arc::clone(&self.names[number as usize]), value: value.into() }
    }

    fn push(&mut self, hash: u64, labels: Arc<[Label]>) -> u32 {
        let number = self.sets.len() as u32;
        self.sets.push(labels);
        self.numbers.insert(hash, number);
        number
    }
}
