//! The labels of a pushed metric: in order, without those of its group.

use std::borrow::Cow;

use hashbrown::HashSet;

use crate::GroupKey;

/// A label as it is pushed.
pub(super) type Pushed<'a> = (&'a str, Cow<'a, str>);

/// The labels of one line or message, as they come; no two of one name.
#[derive(Default)]
pub(super) struct Labels<'a> {
    pushed: Vec<Pushed<'a>>,
    /// Their names, where they are many.
    names: HashSet<&'a str, foldhash::fast::RandomState>,
}

impl<'a> Labels<'a> {
    pub(super) fn clear(&mut self) {
        self.pushed.clear();
        if !self.names.is_empty() {
            self.names.clear();
        }
    }

    /// Whether a label of this name is among them.
    #[inline]
    pub(super) fn has(&self, name: &str) -> bool {
        match self.names.is_empty() {
            true => self.pushed.iter().any(|(its, _)| *its == name),
            false => self.names.contains(name),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, (name, value): Pushed<'a>) {
        const MANY: usize = 16; // labels that are slower to look through than to look up
        self.pushed.push((name, value));
        if self.pushed.len() >= MANY {
            self.name(name);
        }
    }

    #[cold]
    fn name(&mut self, name: &'a str) {
        match self.names.is_empty() {
            true => self.names.extend(self.pushed.iter().map(|(name, _)| name)),
            false => drop(self.names.insert(name)),
        }
    }

    /// All of them, names ascending.
    pub(super) fn sorted(&mut self) -> &[Pushed<'a>] {
        if !self.pushed.is_sorted_by_key(|(name, _)| *name) {
            self.pushed.sort_unstable_by_key(|(name, _)| *name);
        }
        &self.pushed
    }
}

/// What a group does to the labels of its metrics.
pub(super) struct Group<'a> {
    names: Vec<&'a str>,
}

impl<'a> Group<'a> {
    pub(super) fn new(key: &'a GroupKey) -> Group<'a> {
        Group { names: key.labels().map(|(name, _)| name).collect() }
    }

    /// What no group does.
    pub(super) fn none() -> Group<'a> {
        Group { names: Vec::new() }
    }

    /// Whether the group says it: whatever a metric says of this label is overwritten.
    pub(super) fn says(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// The labels that are a metric's own, out of sorted ones.
    pub(super) fn own(&self, sorted: &[Pushed<'_>]) -> Vec<(Box<str>, Box<str>)> {
        let mut own = Vec::with_capacity(sorted.len());
        for (name, value) in sorted {
            // Without an instance a page shows the empty one.
            let is_default = *name == "instance" && value.is_empty();
            if !is_default && !self.says(name) {
                own.push(((*name).into(), Box::from(&**value)));
            }
        }
        own
    }
}
