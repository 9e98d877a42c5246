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
#[repr(transparent)]
pub struct Reference<T: 'static> {
    /// Null, or from a `&'static T`.
    pub(crate) pointer: AtomicPtr<T>,
}

impl<T: Send + Sync> Reference<T> {
    /// What it refers to. Costs one load.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: see `reference`.
        unsafe { reference(self.pointer.load(Ordering::Acquire)) }
    }

    /// Lets it refer to `to`, whatever it referred to before.
    #[inline]
    pub fn set(&self, to: &'static T) {
        self.pointer.store(pointer(Some(to)), Ordering::Release);
    }

    /// Lets it refer to nothing; to what it referred before.
    pub fn take(&self) -> Option<&'static T> {
        // SAFETY: see `reference`.
        unsafe { reference(self.pointer.swap(ptr::null_mut(), Ordering::AcqRel)) }
    }

    /// Lets it refer to `to` if it refers to `from`; whether it did.
    pub fn exchange(&self, from: Option<&'static T>, to: Option<&'static T>) -> bool {
        let (from, to) = (pointer(from), pointer(to));
        self.pointer.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

fn pointer<T>(to: Option<&'static T>) -> *mut T {
    to.map_or(ptr::null_mut(), |to| ptr::from_ref(to).cast_mut())
}

/// # Safety
/// `pointer` was loaded from a [`Reference`] with `Acquire`. Then it is null, or was put there from a `&'static T`, so
/// that any thread may read what it points to for as long as the process lives; and it was put there with `Release`, so
/// that the thread sees it whole.
#[inline]
unsafe fn reference<T>(pointer: *mut T) -> Option<&'static T> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }
}

impl<T> fmt::Debug for Reference<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").finish_non_exhaustive()
    }
}
