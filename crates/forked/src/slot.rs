//! One published pointer to something that is never freed.

use std::ptr;

use crate::atomic::{AtomicPtr, Ordering};

/// A place for a reference that is published with one atomic store: empty, or what was put there last.
///
/// What is put there lives as long as the process, so that a reader needs no lock and no count.
pub(crate) struct Slot<T: 'static> {
    /// Null, or from `Box::into_raw`.
    pub(crate) pointer: AtomicPtr<T>,
}

impl<T> Slot<T> {
    /// What stands here.
    #[inline]
    pub(crate) fn load(&self) -> Option<&'static T> {
        // SAFETY: see `reference`; `Acquire` pairs with the store that published the value.
        unsafe { reference(self.pointer.load(Ordering::Acquire)) }
    }

    /// Puts `value` here if `expected` still stands here; else gives `value` back. Values are never freed, so
    /// an address is never another value's.
    pub(crate) fn put(&self, expected: Option<&'static T>, value: Box<T>) -> Result<&'static T, Box<T>> {
        let expected = expected.map_or(ptr::null_mut(), |value| ptr::from_ref(value).cast_mut());
        let new = Box::into_raw(value);
        match self.pointer.compare_exchange(expected, new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: `new` comes from a box, is not freed from here on, and has been written whole.
            Ok(_) => Ok(unsafe { &*new }),
            // SAFETY: `new` comes from the box above and nobody has seen it.
            Err(_) => Err(unsafe { Box::from_raw(new) }),
        }
    }

    /// Puts `value` here, whatever stood here.
    pub(crate) fn replace(&self, value: Box<T>) -> &'static T {
        let new = Box::into_raw(value);
        self.pointer.store(new, Ordering::Release);
        // SAFETY: `new` comes from a box, is not freed from here on, and has been written whole.
        unsafe { &*new }
    }
}

/// # Safety
/// `pointer` is null or comes from a box that is never freed, and was loaded with `Acquire` from where it was
/// published with `Release`.
#[inline]
unsafe fn reference<T>(pointer: *mut T) -> Option<&'static T> {
    // SAFETY: the caller's promise; only shared references are ever made of it.
    unsafe { pointer.as_ref() }
}

/// A value and the generation of the process that made it.
///
/// In this order, from the start of a cache line: who asks for the one goes on to the beginning of the other.
#[repr(C, align(64))]
pub(crate) struct Made<T> {
    pub(crate) generation: u64,
    pub(crate) value: T,
}

impl<T> Slot<Made<T>> {
    /// The value that `generation` made; where there is none, `make`'s, or another thread's that was quicker.
    pub(crate) fn made_in(&self, generation: u64, make: impl FnOnce() -> T) -> &'static T {
        let mut here = self.load();
        if let Some(made) = here.filter(|made| made.generation == generation) {
            return &made.value;
        }
        let mut made = Box::new(Made { generation, value: make() });
        loop {
            match self.put(here, made) {
                Ok(made) => return &made.value,
                Err(refused) => made = refused,
            }
            here = self.load();
            if let Some(other) = here.filter(|other| other.generation == generation) {
                return &other.value;
            }
        }
    }
}
