//! The numbers of a label set that stand in a file, one record each, and whose they are.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use forked::Sole;

use crate::Medium;

/// A number of each [`index`](crate::child::index) that stands in a file, once it does; and which thread has them to
/// itself.
///
/// That is so of numbers that add up, once all of them are words: the first thread that adds to them adds without
/// a compare-and-swap, until another one comes.
///
/// In this order, and with the first number beside the owner: of a counter all that an addition looks at is then in
/// one cache line.
#[repr(C)]
pub(crate) struct Placed<M: Medium> {
    /// Whose they are. Only its thread changes a number while there is one.
    pub(crate) sole: Sole,
    first: OnceLock<M::Number>,
    rest: Box<[OnceLock<M::Number>]>,
}

impl<M: Medium> Placed<M> {
    /// `len` numbers, none of them anywhere yet.
    pub(crate) fn new(len: usize, sole: Sole) -> Placed<M> {
        Placed { sole, first: OnceLock::new(), rest: (1..len).map(|_| OnceLock::new()).collect() }
    }

    /// These, which add up.
    pub(crate) fn made(numbers: impl Iterator<Item = M::Number>) -> Placed<M> {
        let mut numbers = numbers.map(OnceLock::from);
        Placed { sole: Sole::new(), first: numbers.next().unwrap_or_default(), rest: numbers.collect() }
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.rest.len()
    }

    /// The number at `index`, to read.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&M::Number> {
        self.place(index)?.get()
    }

    /// Makes `number` the one at `index`, if there is none.
    pub(crate) fn put(&self, index: usize, number: M::Number) -> Option<&M::Number> {
        Some(self.place(index)?.get_or_init(|| number))
    }

    /// Adds 1 to the number at `counted`, if one is to be, then `by` to the first; if this thread has them to itself.
    #[inline]
    pub(crate) fn add_alone(&self, counted: Option<usize>, by: f64) -> bool {
        let add = |number: Option<&M::Number>, by: f64| {
            // All of them are words: they would not have been claimed otherwise.
            if let Some(word) = number.and_then(M::word) {
                let sum = f64::from_bits(word.load(Ordering::Relaxed)) + by;
                word.store(sum.to_bits(), Ordering::Relaxed);
            }
        };
        let section = || {
            if let Some(counted) = counted {
                add(self.get(counted), 1.0);
            }
            add(self.first.get(), by);
        };
        self.sole.run(section).is_some()
    }

    /// The number at `index`, to be changed in a way that many threads may change it in at one time.
    #[inline]
    pub(crate) fn to_change(&self, index: usize) -> Option<&M::Number> {
        let number = self.get(index)?;
        if !self.sole.is_shared() {
            self.join();
        }
        Some(number)
    }

    #[inline]
    fn place(&self, index: usize) -> Option<&OnceLock<M::Number>> {
        match index.checked_sub(1) {
            None => Some(&self.first),
            Some(index) => self.rest.get(index),
        }
    }

    /// Sees to it that the numbers are this thread's, or everybody's.
    #[cold]
    fn join(&self) {
        if (0..self.len()).all(|index| self.get(index).and_then(M::word).is_some()) {
            self.sole.claim_or_share();
        } else {
            self.sole.share();
        }
    }
}
