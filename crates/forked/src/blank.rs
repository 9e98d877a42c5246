//! Gates and references as they begin: constants, which nothing made of loom's atomics can be.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64};

use crate::{Gate, Reference};

impl Gate {
    /// An open gate.
    pub const fn new() -> Gate {
        Gate { owner: AtomicU64::new(0) }
    }
}

impl<T> Reference<T> {
    /// To nothing.
    pub const fn new() -> Reference<T> {
        Reference { pointer: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl<T> Default for Reference<T> {
    fn default() -> Reference<T> {
        Reference::new()
    }
}
