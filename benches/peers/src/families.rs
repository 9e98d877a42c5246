//! The label sets and values that all competitors count: the same for everyone, the same in every run.

use crate::deed::BOUNDS;

/// Values of two labels.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSet {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// A path of some twenty bytes.
    pub path: String,
}

/// The label set of this number.
pub fn label_set(number: usize) -> LabelSet {
    LabelSet { method: ["GET", "POST"][number % 2], path: format!("/api/v1/articles/{}", number / 2) }
}

/// 64 label sets.
pub fn label_sets() -> [LabelSet; 64] {
    std::array::from_fn(label_set)
}

/// 64 values over all buckets, in an order without a pattern.
pub fn observations() -> [f64; 64] {
    let mut state = 1_u64;
    std::array::from_fn(|_| {
        // Knuth's generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        value_in_bucket((state >> 33) as usize % 12)
    })
}

/// A value that falls into this bucket; into `+Inf` from [`BOUNDS`]' length on.
pub fn value_in_bucket(bucket: usize) -> f64 {
    BOUNDS.get(bucket).map_or(20.0, |bound| bound * 0.9)
}

/// A page of 10,000 counters and 1,000 histograms.
#[derive(Clone, Debug)]
pub struct Page {
    /// Label sets and what was counted. Four of five whole numbers.
    pub counters: Vec<(LabelSet, f64)>,
    /// Label sets and what was observed.
    pub histograms: Vec<(LabelSet, Vec<f64>)>,
}

impl Page {
    /// The page that everyone encodes.
    pub fn large() -> Page {
        let counted = |number: usize| {
            let whole = (number * 7_919 % 1_000_003) as f64;
            if number.is_multiple_of(5) { whole + 0.125 } else { whole }
        };
        let observed =
            |number: usize| (0..number % 7 + 1).map(|turn| value_in_bucket(turn * 5 % 12)).collect();
        Page {
            counters: (0..10_000).map(|number| (label_set(number), counted(number))).collect(),
            histograms: (0..1_000).map(|number| (label_set(number), observed(number))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_bucket_that_it_is_made_for() {
        let buckets = metrics_core::Buckets::new(BOUNDS).unwrap();
        let found: Vec<usize> = (0..12).map(|bucket| buckets.find(value_in_bucket(bucket))).collect();
        assert_eq!(found, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn observations_meet_every_bucket() {
        let buckets = metrics_core::Buckets::new(BOUNDS).unwrap();
        let met: std::collections::BTreeSet<usize> =
            observations().iter().map(|&value| buckets.find(value)).collect();
        assert_eq!(met, (0..12).collect());
    }

    #[test]
    fn label_sets_differ() {
        let sets = label_sets();
        assert!((0..64).all(|a| (0..a).all(|b| sets[a] != sets[b])));
    }
}
