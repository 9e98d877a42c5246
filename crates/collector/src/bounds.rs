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

/// Bounds by their spelling; none where it is no number. They are few, so that each is read once.
#[derive(Default)]
pub(crate) struct Bounds(HashMap<Rules, HashMap<Box<[u8]>, Option<Bound>>>);

impl Bounds {
    /// The bound that the text of `le` says, if it is a number.
    pub(crate) fn read(&mut self, rules: Rules, text: &[u8]) -> Option<Bound> {
        let known = self.0.entry(rules).or_default();
        if let Some(bound) = known.get(text) {
            return bound.clone();
        }
        let bound = Bound::read(rules, text);
        known.insert(text.into(), bound.clone());
        bound
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
