//! What is kept of the dead must be so, or a part of it was lost: told by a key of its own.

use std::fmt;

use crate::schema::fnv;

/// What is kept of the dead must be so, or a part of it was lost. It stands in a key of its own, written with them in one
/// step, as `VERSION HASH SUM`; and in their hash itself, so that whichever of the two is lost, the other says it.
///
/// ```
/// use redis_schema::{Seal, seal_sum};
///
/// let seal = Seal { version: "17".to_owned(), hash: 4, sum: seal_sum(&[1.0], &[0.0], 0) };
/// assert_eq!(Seal::read(seal.to_string().as_bytes()), Some(seal));
/// assert_eq!(Seal::read(b"17 4"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Another one after each change.
    pub version: String,
    /// The [hash](crate::Schema::hash) of the schema.
    pub hash: u64,
    /// The [checksum](seal_sum) of the numbers.
    pub sum: u64,
}

impl Seal {
    /// The seal of this text; none where it is none.
    pub fn read(text: &[u8]) -> Option<Seal> {
        let mut words = std::str::from_utf8(text).ok()?.split(' ');
        let seal = Seal {
            version: words.next().filter(|version| !version.is_empty())?.to_owned(),
            hash: words.next()?.parse().ok()?,
            sum: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(seal)
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.version, self.hash, self.sum)
    }
}

/// The checksum of the numbers that are kept of the dead, of what stands beside each, and of how many label sets were
/// dropped: 64-bit FNV-1a of their bytes, little-endian, in this order.
pub fn seal_sum(values: &[f64], beside: &[f64], dropped: u64) -> u64 {
    let numbers = values.iter().chain(beside).flat_map(|number| number.to_le_bytes());
    fnv(numbers.chain(dropped.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_that_is_no_seal_is_none() {
        for text in ["", " 1 2", "v", "v 1", "v 1 x", "v -1 2", "v 1 2 3", "v  1 2"] {
            assert_eq!(Seal::read(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Seal::read(b"\xff 1 2"), None);
    }

    proptest! {
        #[test]
        fn one_changed_bit_of_a_number_is_another_sum(
            values in vec(any::<f64>(), 1..600),
            at in any::<prop::sample::Index>(),
            bit in 0..64_u32,
        ) {
            let beside = vec![0.0; values.len()];
            let mut other = values.clone();
            let place = at.index(values.len());
            other[place] = f64::from_bits(other[place].to_bits() ^ (1 << bit));
            prop_assert_ne!(seal_sum(&values, &beside, 0), seal_sum(&other, &beside, 0));
            prop_assert_ne!(seal_sum(&values, &beside, 0), seal_sum(&values, &beside, 1));
        }

        #[test]
        fn any_bytes_are_a_seal_or_none(bytes in vec(any::<u8>(), 0..40)) {
            let _ = Seal::read(&bytes);
        }
    }
}
