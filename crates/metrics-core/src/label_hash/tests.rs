//! Label sets that are alike have hashes that are not.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

proptest! {
    /// Of all lengths, since each is read in its own way.
    #[test]
    fn one_byte_makes_another_hash(
        labels in prop::collection::vec("[ab]{0,40}", 1..4),
        at in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
    ) {
        let hash = LabelHash::new();
        let of = |labels: &[String]| hash.of(&labels.iter().map(|label| &**label).collect::<Vec<_>>());
        let before = of(&labels);
        prop_assert_eq!(before, of(&labels));
        let mut other = labels.clone();
        let label = &mut other[at.index(labels.len())];
        label.push('a');
        prop_assert_ne!(of(&other), before);
        let label = &mut other[at.index(labels.len())];
        let byte = byte.index(label.len());
        label.replace_range(byte..=byte, "c");
        prop_assert_ne!(of(&other), before);
    }
}

#[test]
fn where_a_label_ends_tells() {
    let hash = LabelHash::new();
    let all = [&["ab", "c"][..], &["a", "bc"], &["abc", ""], &["", "abc"], &["abc"], &["", "", "abc"]];
    assert_eq!(all.map(|labels| hash.of(labels)).into_iter().collect::<HashSet<_>>().len(), all.len());
}

#[test]
fn tables_hash_in_different_ways() {
    assert_ne!(LabelHash::new().of(&["a"]), LabelHash::new().of(&["a"]));
}

/// Numbered names are what label values often are. Any bits of their hashes are as spread as thrown dice: 2^16 of
/// them, thrown into 2^16 places, leave 36.8 % of these empty.
#[test]
fn bits_at_either_end_are_spread() {
    const BITS: u32 = 16;
    for text in ["", "/api/v1/", "/api/v1/articles/", "/a/path/that/is/longer/than/two/pieces/"] {
        let hash = LabelHash::new();
        for shift in [0, 24, 64 - BITS] {
            let places: HashSet<u64> = (0..1 << BITS)
                .map(|number| hash.of(&["GET", &format!("{text}{number}")]) >> shift & ((1 << BITS) - 1))
                .collect();
            let empty = 1.0 - places.len() as f64 / f64::from(1 << BITS);
            assert!((0.36..0.38).contains(&empty), "{empty} of the places are empty: {text}, {shift}");
        }
    }
}
