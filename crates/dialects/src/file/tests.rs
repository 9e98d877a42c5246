//! Tests of headers and lengths.

use proptest::prelude::*;

use super::{grown_len, header, used};
use crate::{Dialect, Era};

#[test]
fn nothing_is_in_use_before_the_writer_says_so() {
    assert_eq!(used(b""), 0);
    assert_eq!(used(&[8, 0, 0]), 0);
    assert_eq!(used(&[0; 64]), 0);
    assert_eq!(used(&(-5_i32).to_le_bytes()), 0);
    assert_eq!(used(&[8, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), 8);
}

#[test]
fn a_header_holds_up_to_two_gibibytes() {
    assert_eq!(header(72), Some([72, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(header(i32::MAX as usize).map(|header| used(&header)), Some(i32::MAX as usize));
    assert_eq!(header(i32::MAX as usize + 1), None);
}

#[test]
fn files_grow_as_their_clients_grow_them() {
    for (dialect, len, used, expected) in [
        (Dialect::PYTHON, 0, 8, 65_536),
        (Dialect::Python(Era::F2), 0, 8, 65_536),
        (Dialect::Python(Era::F1), 0, 8, 1_048_576),
        (Dialect::PYTHON, 65_536, 65_536, 65_536),
        (Dialect::PYTHON, 65_536, 65_537, 131_072),
        (Dialect::PYTHON, 65_536, 262_145, 524_288),
        (Dialect::PYTHON, 349, 400, 698), // cut short once: its length is what counts
        (Dialect::Ruby, 0, 8, 1_048_576),
        (Dialect::Ruby, 1_048_576, 1_048_576, 1_048_576),
        (Dialect::Ruby, 1_048_576, 1_048_584, 2_097_152),
        (Dialect::Gitlab, 0, 8, 4_096),
        (Dialect::Gitlab, 4_096, 4_088, 4_096),
        (Dialect::Gitlab, 4_096, 4_096, 8_192),
    ] {
        assert_eq!(grown_len(dialect, len, used), expected, "{dialect:?} {len} {used}");
    }
}

proptest! {
    #[test]
    fn a_grown_file_holds_what_is_in_use(len: u64, used: u64) {
        for dialect in [Dialect::PYTHON, Dialect::Ruby, Dialect::Gitlab] {
            let grown = grown_len(dialect, len, used);
            prop_assert!(grown >= len && grown >= used);
        }
    }
}
