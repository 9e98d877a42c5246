//! A reference that threads share and may exchange.

use std::fmt;
use std::ptr;

use crate::atomic::{AtomicPtr, Ordering};

/// A reference that threads share and may exchange, or none: what an `AtomicPtr` is, for what lives as long as the
/// process. A fork never finds it half set.
///
/// ```
/// static LATEST: forked::Reference<String> = forked::Reference::new();
/// assert_eq!(LATEST.get(), None);
/// LATEST.set(Box::leak(Box::new("a".to_owned())));
/// assert_eq!(LATEST.get().unwrap(), "a");
/// ```
pub struct Reference<T: 'static> {
    /// Null, or from a `&'static T`.
    pub(crate) pointer: AtomicPtr<T>,
}

impl<T: Send + Sync> Reference<T> {
    /// What it refers to. Costs one load.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        let pointer = self.pointer.load(Ordering::Acquire);
        // SAFETY: null, or it was put here from a `&'static T` by `set`, so it may be read by any thread for as long as
        // the process lives; `Acquire` pairs with the store there, so the thread sees what it refers to whole.
        unsafe { pointer.as_ref() }
    }

    /// Lets it refer to `to`, whatever it referred to before.
    #[inline]
    pub fn set(&self, to: &'static T) {
        self.pointer.store(ptr::from_ref(to).cast_mut(), Ordering::Release);
    }
}

impl<T> fmt::Debug for Reference<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").finish_non_exhaustive()
    }
}
