//! The store, and which child it makes.

use std::sync::Arc;

use metrics_core::{Child, Children, Desc, Store, StoreError};

use crate::atomic::AtomicChild;
use crate::mutex::MutexChild;
use crate::shape::Shape;
use crate::unsynchronised::UnsynchronisedChild;

/// Values in this process.
#[derive(Debug, Default)]
pub struct HashStore {
    discipline: Discipline,
    children: Children,
}

/// What keeps two threads that update one number apart.
#[derive(Clone, Copy, Debug, Default)]
enum Discipline {
    #[default]
    Atomic,
    Mutex,
    Unsynchronised,
}

impl HashStore {
    /// Each number is an atomic word: no update is lost, no thread waits. The default.
    pub fn atomic() -> HashStore {
        HashStore::default()
    }

    /// Each label set has a lock: no update is lost, and the count and sum of an observation change together.
    pub fn mutex() -> HashStore {
        HashStore { discipline: Discipline::Mutex, children: Children::new() }
    }

    /// Numbers are read, changed and written back: when two threads do that at once, one update is lost. As
    /// fast as memory, for programs that update from one thread.
    pub fn unsynchronised() -> HashStore {
        HashStore { discipline: Discipline::Unsynchronised, children: Children::new() }
    }
}

impl Store for HashStore {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        self.children.get_or_make(desc, labels, || {
            let shape = Shape::of(desc);
            match self.discipline {
                Discipline::Atomic => Box::new(AtomicChild::new(shape)),
                Discipline::Mutex => Box::new(MutexChild::new(shape)),
                Discipline::Unsynchronised => Box::new(UnsynchronisedChild::new(shape)),
            }
        })
    }
}

#[cfg(test)]
mod tests;
