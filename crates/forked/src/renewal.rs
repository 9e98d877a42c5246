//! How a process gets its number: the part of [`generation`](crate::generation()) that loom models.

use std::num::NonZeroU64;

use crate::atomic::{AtomicU64, Ordering};

/// The number in `word`; where that is 0, one that no ancestor has had, put there first.
///
/// `ordinal` is advanced *before* the number is published. So whatever a process has marked with its number,
/// a child forked off at any later moment inherits an `ordinal` that is at least as high, and cannot be given
/// the same number again. A number that loses the race is never used by anyone.
pub(crate) fn renew(word: &AtomicU64, ordinal: &AtomicU64) -> NonZeroU64 {
    loop {
        if let Some(number) = NonZeroU64::new(word.load(Ordering::Acquire)) {
            return number;
        }
        let next = ordinal.fetch_add(1, Ordering::AcqRel) + 1;
        // The loop ends here or with what another thread has put; 2^64 forks do not happen.
        let _ = word.compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire);
    }
}
