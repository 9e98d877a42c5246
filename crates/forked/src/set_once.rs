//! A value set once, which forked processes inherit.

use std::fmt;
use std::ptr;
use std::sync::atomic::AtomicPtr;

use crate::slot::Slot;

/// A value set once and never half set: what `OnceLock` is, without its waiting.
///
/// A thread that finds a `OnceLock` being set waits for the setter - in a forked child for ever, when the
/// setter stayed behind in the parent. Here two threads that set at once both make a value, and one is dropped.
/// A child inherits what the parent has set. Values live as long as the process.
///
/// ```
/// static ROOT: forked::SetOnce<Vec<u8>> = forked::SetOnce::new();
/// assert_eq!(ROOT.get(), None);
/// assert_eq!(ROOT.get_or_set(|| vec![1]), &[1]);
/// assert_eq!(ROOT.get_or_set(|| vec![2]), &[1]);
/// ```
pub struct SetOnce<T: 'static> {
    slot: Slot<T>,
}

impl<T: Send + Sync + 'static> SetOnce<T> {
    /// Not set yet.
    pub const fn new() -> SetOnce<T> {
        SetOnce { slot: Slot { pointer: AtomicPtr::new(ptr::null_mut()) } }
    }

    /// The value, if it is set. Costs one load.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        self.slot.load()
    }

    /// The value; set to what `make` makes if it is not, or to what another thread was quicker to make.
    pub fn get_or_set(&self, make: impl FnOnce() -> T) -> &'static T {
        if let Some(value) = self.get() {
            return value;
        }
        match self.slot.put(None, Box::new(make())) {
            Ok(value) => value,
            Err(_) => self.get().expect("only a slot that is set refuses a value, and it stays set"),
        }
    }
}

impl<T: Send + Sync + 'static> Default for SetOnce<T> {
    fn default() -> SetOnce<T> {
        SetOnce::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SetOnce").field(&self.slot.load()).finish()
    }
}
