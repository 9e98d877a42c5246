//! Every interleaving of getting a number, publishing a value, and forking, as far as memory is concerned.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p forked --release loom`
//!
//! The modules under test are the crate's own files, built with loom's atomics. A fork is modelled as a thread
//! that copies all memory, in the order in which a page-by-page copy would be at its worst: what is published
//! first, what it was published with last.
#![cfg(loom)]
#![allow(dead_code, unreachable_pub)]

mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
}
#[path = "../src/renewal.rs"]
mod renewal;
#[path = "../src/slot.rs"]
mod slot;

mod loom_models {
    use loom::sync::Arc;
    use loom::thread;

    use crate::atomic::{AtomicPtr, AtomicU64, Ordering};
    use crate::renewal::renew;
    use crate::slot::{Made, Slot};

    /// The memory of one process.
    struct Memory {
        word: AtomicU64,
        ordinal: AtomicU64,
        slot: Slot<Made<u64>>,
    }

    impl Memory {
        fn new() -> Memory {
            Memory {
                word: AtomicU64::new(0),
                ordinal: AtomicU64::new(0),
                slot: Slot { pointer: AtomicPtr::new(std::ptr::null_mut()) },
            }
        }

        /// A child's memory: all copied, the word wiped.
        fn fork(&self) -> Memory {
            // Read by changing nothing: of a plain load loom 0.7 misses the orders in which another thread
            // loads and then changes.
            let null = std::ptr::null_mut();
            let (Ok(pointer) | Err(pointer)) =
                self.slot.pointer.compare_exchange(null, null, Ordering::AcqRel, Ordering::Acquire);
            let ordinal = self.ordinal.fetch_add(0, Ordering::AcqRel);
            Memory {
                word: AtomicU64::new(0),
                ordinal: AtomicU64::new(ordinal),
                slot: Slot { pointer: AtomicPtr::new(pointer) },
            }
        }
    }

    #[test]
    fn threads_of_a_process_agree_on_its_number() {
        loom::model(|| {
            let memory = Arc::new(Memory::new());
            let other = {
                let memory = memory.clone();
                thread::spawn(move || renew(&memory.word, &memory.ordinal))
            };
            let mine = renew(&memory.word, &memory.ordinal);
            assert_eq!(other.join().unwrap(), mine);
        });
    }

    #[test]
    fn a_child_never_takes_an_ancestors_value_for_its_own() {
        loom::model(|| {
            let parent = Arc::new(Memory::new());
            // Two: one may publish a value under the number that the other is about to be given.
            let workers = [(); 2].map(|()| {
                let parent = parent.clone();
                thread::spawn(move || {
                    let number = renew(&parent.word, &parent.ordinal).get();
                    assert_eq!(*parent.slot.made_in(number, || number), number);
                })
            });
            // At any moment of theirs.
            let child = parent.fork();
            let number = renew(&child.word, &child.ordinal).get();
            if let Some(inherited) = child.slot.load() {
                assert_ne!(inherited.generation, number);
            }
            assert_eq!(*child.slot.made_in(number, || 100), 100);
            for worker in workers {
                worker.join().unwrap();
            }
        });
    }

    #[test]
    fn racing_threads_get_one_value_and_see_it_whole() {
        loom::model(|| {
            let slot = Arc::new(Slot { pointer: AtomicPtr::new(std::ptr::null_mut()) });
            let other = {
                let slot = slot.clone();
                thread::spawn(move || *slot.made_in(1, || 10_u64))
            };
            let mine = *slot.made_in(1, || 20_u64);
            assert_eq!(other.join().unwrap(), mine);
            assert!(mine == 10 || mine == 20);
        });
    }

    #[test]
    fn a_replaced_value_is_seen_whole() {
        loom::model(|| {
            let slot = Arc::new(Slot { pointer: AtomicPtr::new(std::ptr::null_mut()) });
            let other = {
                let slot = slot.clone();
                thread::spawn(move || {
                    slot.replace(Box::new(Made { generation: 1, value: 1_u64 }));
                    slot.replace(Box::new(Made { generation: 1, value: 2_u64 }));
                })
            };
            let seen = slot.load().map_or(0, |made| made.value);
            let later = slot.load().map_or(0, |made| made.value);
            assert!(seen <= later);
            other.join().unwrap();
        });
    }
}
