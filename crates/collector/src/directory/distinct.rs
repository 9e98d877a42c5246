//! About how many different things there were, in little memory.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hash};

use foldhash::quality::RandomState;

/// How many hashes are kept: of fewer things the count is exact; of more it is off by some 3 % mostly.
const KEPT: usize = 1024;

/// The least hashes of the things that were added. The more there were, the smaller is the greatest of these.
///
/// Source: Z. Bar-Yossef and others, "Counting distinct elements in a data stream", 2002, first algorithm.
#[derive(Default)]
pub(super) struct Distinct {
    least: BTreeSet<u64>,
    state: RandomState,
}

impl Distinct {
    pub(super) fn add(&mut self, thing: &impl Hash) {
        self.least.insert(self.state.hash_one(thing));
        if self.least.len() > KEPT {
            self.least.pop_last();
        }
    }

    /// Never less than it was before.
    pub(super) fn count(&self) -> f64 {
        match self.least.last() {
            Some(&greatest) if self.least.len() == KEPT => {
                let share = greatest as f64 / u64::MAX as f64;
                ((KEPT as f64 - 1.0) / share).round().max(KEPT as f64)
            }
            _ => self.least.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_things_are_counted_exactly_and_many_to_some_percent() {
        let mut distinct = Distinct::default();
        let mut before = 0.0;
        for thing in 0..100_000_u32 {
            distinct.add(&thing);
            distinct.add(&(thing / 2));
            let (count, number) = (distinct.count(), f64::from(thing + 1));
            assert!(count >= before, "{count} after {before}");
            if number < KEPT as f64 {
                assert_eq!(count, number);
            } else {
                assert!((count / number - 1.0).abs() < 0.25, "{count} of {number}");
            }
            before = count;
        }
        assert_eq!(distinct.least.len(), KEPT);
    }
}
