//! The hash of a label set: made for a few short strings.

use std::hash::{BuildHasher, RandomState};

/// Hashes label sets, each table's in a way of its own: whoever chooses label values cannot choose their hashes.
///
/// Up to 16 bytes at a time are mixed by one multiplication of 64 bits by 64, whose halves are folded together. No
/// piece waits for another one's product, and what is shorter, as most label values are, is read without a loop.
pub(crate) struct LabelHash {
    mask: u64,
    factor: u64,
}

/// An odd number without a pattern in its bits: 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl LabelHash {
    /// One that differs from all others.
    pub(crate) fn new() -> LabelHash {
        let random = RandomState::new();
        LabelHash { mask: random.hash_one(0), factor: random.hash_one(1) }
    }

    /// The hash of these values in this order; any bit of it is as good as another.
    #[inline]
    pub(crate) fn of(&self, labels: &[&str]) -> u64 {
        let mixed = labels.iter().fold(0, |before, label| self.after(before, label.as_bytes()));
        // Once more: what an unlucky factor has mixed clusters where values are numbered.
        fold(mixed, GOLDEN)
    }

    #[inline]
    fn after(&self, before: u64, bytes: &[u8]) -> u64 {
        // The length is mixed in, since it tells apart what is read alike: where pieces overlap, and where one label
        // ends and the next begins. By a turn: what were added could be undone by the bytes.
        let mask = self.mask.rotate_left(bytes.len() as u32);
        let mix = |before: u64, low: u64, high: u64| {
            before.rotate_left(23).wrapping_add(fold(low ^ mask, high ^ self.factor))
        };
        if let Some(last) = bytes.last_chunk::<16>() {
            let mix = |before, piece: &[u8; 16]| {
                let piece = u128::from_le_bytes(*piece);
                mix(before, piece as u64, (piece >> 64) as u64)
            };
            return mix(pieces(bytes).iter().fold(before, mix), last);
        }
        if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            return mix(before, u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        }
        if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            return mix(before, u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into());
        }
        let Some((&last, rest)) = bytes.split_last() else { return mix(before, 0, 0) };
        let middle = bytes[bytes.len() / 2];
        mix(before, rest.first().map_or(0, |&first| first.into()), u64::from(middle) << 8 | u64::from(last))
    }
}

/// Of a text of 16 bytes or more: pieces from its beginning on that are, with its last 16 bytes, all of it.
#[inline]
pub(crate) fn pieces(bytes: &[u8]) -> &[[u8; 16]] {
    bytes.split_last().map_or(&[], |(_, all_but_one)| all_but_one.as_chunks().0)
}

/// The product's halves, one upon the other: every bit of either factor tells in bits at both ends.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests;
