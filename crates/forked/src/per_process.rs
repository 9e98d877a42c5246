//! A value that each process makes for itself.

use std::fmt;
use std::ptr;
use std::sync::atomic::AtomicPtr;

use crate::generation::{generation, peek};
use crate::slot::{Made, Slot};

/// A value that each process makes for itself: after a fork the child starts without one and leaves the
/// parent's alone (it is neither dropped nor changed, so no lock inside it matters any more).
///
/// Lock-free: a fork at any moment leaves nothing half done. Values live as long as the process, also those
/// that are replaced, and those of a `PerProcess` that is dropped.
pub struct PerProcess<T: 'static> {
    slot: Slot<Made<T>>,
}

impl<T: Send + Sync + 'static> PerProcess<T> {
    /// No value yet.
    pub const fn new() -> PerProcess<T> {
        PerProcess { slot: Slot { pointer: AtomicPtr::new(ptr::null_mut()) } }
    }

    /// This process's value, if it has made one. Costs a few loads and a compare; none of them waits for
    /// what was written just before, so in a loop of updates they cost nothing that can be measured.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        // `peek` is 0 in a process that has not asked for its generation: no value of ours has generation 0.
        let made = self.slot.load()?;
        if made.generation == peek() { Some(&made.value) } else { None }
    }

    /// This process's value, made by `make` if there is none. When two threads make one, one of the two
    /// values is dropped and both get the other.
    ///
    /// ```
    /// static NAME: forked::PerProcess<String> = forked::PerProcess::new();
    /// assert_eq!(NAME.get_or_init(|| "a".to_owned()), "a");
    /// assert_eq!(NAME.get_or_init(|| "b".to_owned()), "a");
    /// ```
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &'static T {
        self.slot.made_in(generation().0.get(), make)
    }

    /// Puts another value in the place of this process's; the old one stays valid for who holds it.
    ///
    /// Never frees the old one: made for events, not for updates.
    pub fn replace(&self, value: T) -> &'static T {
        &self.slot.replace(Box::new(Made { generation: generation().0.get(), value })).value
    }

    /// The value that an ancestor made, if this process was forked off and has made none of its own.
    ///
    /// It is as it was at the moment of the fork: what another thread was changing is half changed, and a
    /// lock that another thread held is never released.
    pub fn inherited(&self) -> Option<&'static T> {
        let made = self.slot.load()?;
        if made.generation == generation().0.get() { None } else { Some(&made.value) }
    }
}

impl<T: Send + Sync + 'static> Default for PerProcess<T> {
    fn default() -> PerProcess<T> {
        PerProcess::new()
    }
}

impl<T> fmt::Debug for PerProcess<T> {
    /// Without the value: a lock in it may be held by nobody who is left.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerProcess").finish_non_exhaustive()
    }
}
