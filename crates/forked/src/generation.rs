//! Which process this is, counted along the line of forks.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::{page, renewal};

/// Which process this is, counted along the line of forks: differs from that of every ancestor.
///
/// Two children of one parent may have the same generation: it tells a process from those that it inherits
/// memory from, and from nobody else. Plain, so that it can be stored in an atomic. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub NonZeroU64);

/// What [`WORD`] points to until the first call: always 0, so that the first call takes the slow path.
static UNARMED: AtomicU64 = AtomicU64::new(0);

/// The word that holds this process's generation, and 0 in a process that has just been forked off.
///
/// A pointer that is valid from the start: the hot path need not ask whether there is a word.
static WORD: AtomicPtr<AtomicU64> = AtomicPtr::new((&raw const UNARMED).cast_mut());

/// The highest generation that was given out in this process or an ancestor of it. Ordinary memory, so a
/// child inherits it.
static ORDINAL: AtomicU64 = AtomicU64::new(0);

/// The generation of this process. Costs two loads and a compare; the first call after a fork costs more.
///
/// ```
/// let here = forked::generation();
/// assert_eq!(here, forked::generation());
/// assert_eq!(std::thread::spawn(forked::generation).join().unwrap(), here);
/// ```
#[inline]
pub fn generation() -> Generation {
    match NonZeroU64::new(peek()) {
        Some(number) => Generation(number),
        None => begin(),
    }
}

/// The generation's number, or 0 when this process has not asked for it yet.
#[inline]
pub(crate) fn peek() -> u64 {
    // SAFETY: `WORD` holds the address of `UNARMED` or of a word that `page` made; both are `AtomicU64`s that
    // stay for the life of the process and are never written but atomically. `Acquire` orders the page's
    // making before this use of it.
    let word = unsafe { &*WORD.load(Ordering::Acquire) };
    // Relaxed: the number says who we are. What it guards is published by its own pointer.
    word.load(Ordering::Relaxed)
}

/// The first call in a process: finds a word if there is none, and puts this process's number there.
#[cold]
fn begin() -> Generation {
    let unarmed = (&raw const UNARMED).cast_mut();
    if WORD.load(Ordering::Acquire) == unarmed {
        // Two threads may both find a word; one of the two is never used (4 KiB, once in a process's life).
        let word: &'static AtomicU64 = page::word();
        let word = std::ptr::from_ref(word).cast_mut();
        // A lost race is fine: the winner's word is as good.
        let _ = WORD.compare_exchange(unarmed, word, Ordering::AcqRel, Ordering::Acquire);
    }
    // SAFETY: as in `peek`.
    let word = unsafe { &*WORD.load(Ordering::Acquire) };
    Generation(renewal::renew(word, &ORDINAL))
}

#[cfg(all(test, unix))]
mod tests;
