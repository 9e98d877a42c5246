//! A page as one gzip member, made of pieces that were compressed each for itself.

use std::io::Write;

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use push_groups::Piece;

/// A gzip member of these pieces.
///
/// A piece of some length is compressed once and remembers it, so that a page of which little has changed costs
/// little. Each ends at a byte (an empty stored block, `Z_SYNC_FLUSH`), as the pieces of pigz do, and refers to no
/// other. What is short is compressed together with what is short beside it, each time.
pub(crate) fn pack(pieces: &[Piece]) -> Vec<Bytes> {
    let mut packed = vec![Bytes::from_static(&HEAD)];
    let mut page = Sum::default();
    let mut short: Vec<u8> = Vec::new();
    for piece in pieces {
        if piece.bytes.len() < SHORT {
            short.extend_from_slice(&piece.bytes);
            continue;
        }
        page.take(&mut packed, &deflate(&std::mem::take(&mut short)));
        page.take(&mut packed, piece.packed.get_or_init(|| deflate(&piece.bytes)));
    }
    page.take(&mut packed, &deflate(&short));
    let mut end = END.to_vec();
    end.extend_from_slice(&page.crc.finalize().to_le_bytes());
    // The length as far as there is room for it.
    end.extend_from_slice(&(page.length as u32).to_le_bytes());
    packed.push(end.into());
    packed
}

/// What is shorter does not remember.
const SHORT: usize = 4096; // bytes

/// Source: RFC 1952: no name, no time, fastest algorithm, Unix.
const HEAD: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 3];

/// The last block, empty, of fixed codes. Source: RFC 1951.
const END: [u8; 2] = [3, 0];

/// What stands in front of a compressed piece: the checksum (4 bytes) and the length (8) of what it was.
const NOTE: usize = 12; // bytes

/// A piece, compressed behind its note; nothing for nothing.
fn deflate(plain: &[u8]) -> Bytes {
    if plain.is_empty() {
        return Bytes::new();
    }
    let mut out = Vec::with_capacity(plain.len() / 8 + 64);
    out.extend_from_slice(&crc32fast::hash(plain).to_le_bytes());
    out.extend_from_slice(&(plain.len() as u64).to_le_bytes());
    // Level 1: on a page of 2 MB, level 6 takes six times as long for a body of little more than half the size.
    let mut encoder = DeflateEncoder::new(out, Compression::fast());
    encoder.write_all(plain).expect("a Vec takes every byte");
    encoder.flush().expect("a Vec takes every byte");
    // What finishing would add is the end of a stream, which is not here.
    let mut out = std::mem::take(encoder.get_mut());
    out.shrink_to_fit();
    out.into()
}

/// Checksum and length of what came so far.
#[derive(Default)]
struct Sum {
    crc: Hasher,
    length: u64,
}

impl Sum {
    fn take(&mut self, packed: &mut Vec<Bytes>, piece: &Bytes) {
        let Some((&[a, b, c, d, e, f, g, h, i, j, k, l], _)) = piece.split_first_chunk::<NOTE>() else {
            return;
        };
        let length = u64::from_le_bytes([e, f, g, h, i, j, k, l]);
        self.crc.combine(&Hasher::new_with_initial_len(u32::from_le_bytes([a, b, c, d]), length));
        self.length += length;
        packed.push(piece.slice(NOTE..));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use bytes::Bytes;
    use flate2::read::MultiGzDecoder;
    use proptest::prelude::*;
    use push_groups::Piece;

    use super::{SHORT, pack};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_is_packed_can_be_unpacked_by_others_again_and_again(
            lengths in proptest::collection::vec(0..3 * SHORT, 0..8), seed in any::<u8>(),
        ) {
            let bytes = |length: &usize| (0..*length).map(|at| (at % 251) as u8 ^ seed).collect::<Vec<u8>>();
            let pieces: Vec<Piece> = lengths
                .iter()
                .map(|length| Piece { bytes: Bytes::from(bytes(length)), packed: Arc::default() })
                .collect();
            let plain = pieces.iter().map(|piece| &piece.bytes[..]).collect::<Vec<_>>().concat();
            let first = pack(&pieces).concat();
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(&first[..]).read_to_end(&mut unpacked)?;
            prop_assert_eq!(unpacked, plain);
            prop_assert_eq!(pack(&pieces).concat(), first);
            let remembered = pieces.iter().filter(|piece| piece.packed.get().is_some()).count();
            prop_assert_eq!(remembered, lengths.iter().filter(|length| **length >= SHORT).count());
        }
    }
}
