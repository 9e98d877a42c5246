//! Bounds of buckets, as numbers and as the page spells them.

use std::sync::Arc;

use foldhash::HashMap;

use crate::Rules;

/// An upper bound of a bucket and how the page spells it.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    pub(crate) text: Arc<[u8]>,
}

/// Bounds, numbered by their spelling. They are few, so that each is read once.
#[derive(Default)]
pub(crate) struct Bounds {
    /// None where the spelling is no number.
    known: Vec<Spelled>,
    numbers: HashMap<Rules, HashMap<Box<[u8]>, usize>>,
    /// Which was looked for last.
    last: usize,
}

/// A spelling and what it says.
struct Spelled {
    rules: Rules,
    text: Box<[u8]>,
    bound: Option<Bound>,
    /// The one that was looked for next the last time: buckets come in the same order over and over.
    next: usize,
}

impl Bounds {
    /// The bound that the text of `le` says, if it is a number.
    pub(crate) fn read(&mut self, rules: Rules, text: &[u8]) -> Option<Bound> {
        let next = self.known.get(self.last).map_or(0, |last| last.next);
        let likely = self.known.get(next).filter(|known| known.rules == rules && *known.text == *text);
        let found = match likely {
            Some(_) => next,
            None => {
                let found = self.find(rules, text);
                if let Some(last) = self.known.get_mut(self.last) {
                    last.next = found;
                }
                found
            }
        };
        self.last = found;
        self.known[found].bound.clone()
    }

    fn find(&mut self, rules: Rules, text: &[u8]) -> usize {
        let numbers = self.numbers.entry(rules).or_default();
        if let Some(&known) = numbers.get(text) {
            return known;
        }
        numbers.insert(text.into(), self.known.len());
        self.known.push(Spelled { rules, text: text.into(), bound: Bound::read(rules, text), next: 0 });
        self.known.len() - 1
    }
}

impl Bound {
    /// The bound that `le` says, if it is a number; Python's client prints its own spelling of it.
    fn read(rules: Rules, text: &[u8]) -> Option<Bound> {
        let value: f64 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
        let text = match rules {
            Rules::Python => metrics_core::number(value).into(),
            _ => text.into(),
        };
        Some(Bound { value, text })
    }

    /// Equal for bounds that are numerically equal: `1` and `1.0` are one bucket.
    pub(crate) fn key(&self) -> u64 {
        (self.value + 0.0).to_bits() // -0.0 + 0.0 is 0.0
    }
}
