//! Bounds of buckets, as numbers and as the page spells them.

use std::sync::Arc;

use foldhash::HashMap;

use crate::Rules;
use crate::book::NONE;

/// An upper bound of a bucket and how the page spells it.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    pub(crate) text: Arc<[u8]>,
    /// The number of the first one that is as great: `1` and `1.0` are one bucket.
    first: u32,
}

/// Bounds, numbered by value and spelling. They are few, so that each is read once.
#[derive(Default)]
pub(crate) struct Bounds {
    bounds: Vec<Bound>,
    numbers: HashMap<(u64, Arc<[u8]>), u32>,
    /// By [key](key) of the value.
    firsts: HashMap<u64, u32>,
    /// What was read.
    read: Vec<Read>,
    read_numbers: HashMap<Rules, HashMap<Box<[u8]>, usize>>,
    /// Which was looked for last.
    last: usize,
}

/// The text of an `le` and what it says.
struct Read {
    rules: Rules,
    text: Box<[u8]>,
    /// None where it is no number.
    bound: Option<u32>,
    /// The one that was looked for next the last time: buckets come in the same order over and over.
    next: usize,
}

impl Bounds {
    /// The bound that the text of `le` says, if it is a number; Python's client prints its own spelling of it.
    pub(crate) fn read(&mut self, rules: Rules, text: &[u8]) -> Option<u32> {
        let next = self.read.get(self.last).map_or(0, |last| last.next);
        let likely = self.read.get(next).filter(|known| known.rules == rules && *known.text == *text);
        let found = match likely {
            Some(_) => next,
            None => {
                let found = self.find(rules, text);
                if let Some(last) = self.read.get_mut(self.last) {
                    last.next = found;
                }
                found
            }
        };
        self.last = found;
        self.read[found].bound
    }

    fn find(&mut self, rules: Rules, text: &[u8]) -> usize {
        if let Some(&known) = self.read_numbers.get(&rules).and_then(|known| known.get(text)) {
            return known;
        }
        let value = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<f64>().ok());
        let bound = value.map(|value| {
            let text = match rules {
                Rules::Python => metrics_core::number(value).into(),
                _ => text.into(),
            };
            self.number(value, &text)
        });
        self.read_numbers.entry(rules).or_default().insert(text.into(), self.read.len());
        self.read.push(Read { rules, text: text.into(), bound, next: 0 });
        self.read.len() - 1
    }

    /// The number of a bound that is spelled so.
    pub(crate) fn number(&mut self, value: f64, text: &Arc<[u8]>) -> u32 {
        let new = self.bounds.len() as u32;
        let number = *self.numbers.entry((key(value), Arc::clone(text))).or_insert(new);
        if number == new {
            let first = *self.firsts.entry(key(value)).or_insert(new);
            self.bounds.push(Bound { value, text: Arc::clone(text), first });
        }
        number
    }

    /// The bound behind a number that this gave; none behind [`NONE`].
    pub(crate) fn get(&self, number: u32) -> Option<&Bound> {
        self.bounds.get(number as usize)
    }

    /// The same number for all bounds that are as great; [`NONE`] for itself.
    pub(crate) fn first(&self, number: u32) -> u32 {
        self.get(number).map_or(NONE, |bound| bound.first)
    }
}

/// Equal for bounds that are numerically equal.
fn key(value: f64) -> u64 {
    (value + 0.0).to_bits() // -0.0 + 0.0 is 0.0
}
