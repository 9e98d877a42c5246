//! What a forked process finds: libc's `fork` and the raw system call, grandchildren, and threads at work.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use forked::testing::{WAYS, alone, fork};
use forked::{Descriptors, Gate, PerProcess, Reference, SetOnce, generation};

#[test]
fn a_process_has_a_generation_that_no_ancestor_has() {
    alone("a_process_has_a_generation_that_no_ancestor_has", || {
        let mine = generation();
        for way in WAYS {
            fork(way, || {
                let childs = generation();
                assert_ne!(childs, mine);
                assert_eq!(generation(), childs);
                for way in WAYS {
                    fork(way, || {
                        let grandchilds = generation();
                        assert!(grandchilds != childs && grandchilds != mine, "{grandchilds:?}");
                    })
                    .wait();
                }
                assert_eq!(generation(), childs);
            })
            .wait();
        }
        assert_eq!(generation(), mine);
    });
}

#[test]
fn a_child_that_never_asked_does_not_give_its_number_to_a_grandchild_of_another() {
    alone("a_child_that_never_asked_does_not_give_its_number_to_a_grandchild_of_another", || {
        static VALUE: PerProcess<u32> = PerProcess::new();
        VALUE.get_or_init(|| 1);
        for way in WAYS {
            // The child touches nothing; what the grandchild inherits comes from here.
            fork(way, || {
                fork(way, || {
                    assert_eq!((VALUE.get(), VALUE.inherited()), (None, Some(&1)));
                    assert_eq!(VALUE.get_or_init(|| 3), &3);
                })
                .wait();
                assert_eq!(VALUE.get(), None);
            })
            .wait();
        }
        assert_eq!(VALUE.get(), Some(&1));
    });
}

#[test]
fn a_child_starts_without_the_parents_value() {
    alone("a_child_starts_without_the_parents_value", || {
        static VALUE: PerProcess<String> = PerProcess::new();
        assert_eq!((VALUE.get(), VALUE.inherited()), (None, None));
        let old = VALUE.get_or_init(|| "parent's".to_owned());
        assert_eq!(VALUE.replace("parent's second".to_owned()), "parent's second");
        assert_eq!(old, "parent's");
        for way in WAYS {
            fork(way, || {
                assert_eq!(VALUE.get(), None);
                assert_eq!(VALUE.inherited().unwrap(), "parent's second");
                assert_eq!(VALUE.get_or_init(|| "child's".to_owned()), "child's");
                assert_eq!(VALUE.inherited(), None);
                fork(way, || assert_eq!(VALUE.inherited().unwrap(), "child's")).wait();
            })
            .wait();
        }
        assert_eq!(VALUE.get().unwrap(), "parent's second");
    });
}

/// Forks again and again while threads are in the midst of changing everything.
#[test]
fn forks_in_the_midst_of_changes_leave_nothing_half_done() {
    alone("forks_in_the_midst_of_changes_leave_nothing_half_done", || {
        static VALUE: PerProcess<AtomicU64> = PerProcess::new();
        static LIST: [SetOnce<u64>; 4096] = [const { SetOnce::new() }; 4096];
        static GATE: Gate = Gate::new();
        static DONE: AtomicBool = AtomicBool::new(false);
        let workers: Vec<_> = (0..2)
            .map(|_| {
                std::thread::spawn(|| {
                    let mut at = 0;
                    while !DONE.load(Ordering::Relaxed) {
                        VALUE.get_or_init(|| AtomicU64::new(0)).fetch_add(1, Ordering::Relaxed);
                        let (inside, taken_over) = GATE.enter();
                        assert!(!taken_over, "nobody of another process was inside");
                        if let Some(slot) = LIST.get(at) {
                            assert_eq!(*slot.get_or_set(|| 7), 7);
                        }
                        at += 1;
                        drop(inside);
                    }
                })
            })
            .collect();
        let mut taken_over_once = false;
        for round in 0..200 {
            let way = WAYS[round % 2];
            let (mut told, mut tell) = std::io::pipe().unwrap();
            let child = fork(way, || {
                assert!(VALUE.get().is_none());
                assert_eq!(VALUE.get_or_init(|| AtomicU64::new(5)).load(Ordering::Relaxed), 5);
                // Would wait for ever if a thread that stayed behind could keep the gate.
                let (inside, taken_over) = GATE.enter();
                drop(inside);
                assert!(!GATE.enter().1);
                for slot in &LIST {
                    assert_eq!(*slot.get_or_set(|| 7), 7);
                }
                tell.write_all(&[u8::from(taken_over)]).unwrap();
            });
            child.wait();
            let mut byte = [0];
            told.read_exact(&mut byte).unwrap();
            taken_over_once |= byte == [1];
        }
        DONE.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(taken_over_once, "no fork found a thread inside the gate: the test shows nothing");
    });
}

#[test]
fn the_gate_lets_one_thread_in_at_a_time() {
    static GATE: Gate = Gate::new();
    static INSIDE: AtomicBool = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    let (inside, taken_over) = GATE.enter();
                    assert!(!taken_over);
                    assert!(!INSIDE.swap(true, Ordering::Relaxed));
                    INSIDE.store(false, Ordering::Relaxed);
                    drop(inside);
                }
            });
        }
    });
}

#[test]
fn a_fork_inside_the_gate_does_not_let_two_in() {
    alone("a_fork_inside_the_gate_does_not_let_two_in", || {
        static GATE: Gate = Gate::new();
        let (inside, _) = GATE.enter();
        fork(WAYS[0], || {
            let (mine, taken_over) = GATE.enter();
            assert!(taken_over);
            // The copy of the parent's stay ends here; the gate is the child's.
            drop(inside);
            let waiter = std::thread::spawn(|| GATE.enter().1);
            std::thread::yield_now();
            assert!(!waiter.is_finished());
            drop(mine);
            assert!(!waiter.join().unwrap());
        })
        .wait();
    });
}

#[test]
fn racing_threads_get_one_value() {
    for _ in 0..200 {
        let value: &'static PerProcess<usize> = Box::leak(Box::new(PerProcess::new()));
        let once: &'static SetOnce<usize> = Box::leak(Box::new(SetOnce::new()));
        let threads: Vec<_> = (0..4)
            .map(|i| std::thread::spawn(move || (value.get_or_init(|| i), once.get_or_set(|| i))))
            .collect();
        let got: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(got.iter().all(|&pair| pair == got[0]), "{got:?}");
    }
}

#[test]
fn an_abandoned_lock_stays_with_the_parent_and_ends_with_it() {
    alone("an_abandoned_lock_stays_with_the_parent_and_ends_with_it", || {
        for way in WAYS {
            let directory = std::env::temp_dir().join(format!("forked-{}", std::process::id()));
            std::fs::create_dir_all(&directory).unwrap();
            let path = directory.join("locked");
            let list: &'static Descriptors = Box::leak(Box::new(Descriptors::new()));
            let locked = list.hold(File::create(&path).unwrap());
            locked.lock().unwrap();
            let (mut told, mut tell) = std::io::pipe().unwrap();
            let (mut released, mut release) = std::io::pipe().unwrap();
            let mut byte = [0];

            let child = fork(way, || {
                list.abandon().unwrap();
                list.abandon().unwrap();
                // Still the parent's: the child closed its copy and unlocked nothing.
                assert!(File::open(&path).unwrap().try_lock().is_err());
                // The number is no longer the file's.
                assert!(!locked.metadata().unwrap().is_file());
                tell.write_all(b"!").unwrap();
                released.read_exact(&mut [0]).unwrap();
            });
            told.read_exact(&mut byte).unwrap();
            // The child has abandoned, and lives. Closing the parent's descriptor is what its death would do.
            assert!(File::open(&path).unwrap().try_lock().is_err());
            drop(locked);
            assert!(File::open(&path).unwrap().try_lock().is_ok());
            release.write_all(b"!").unwrap();
            child.wait();
            std::fs::remove_dir_all(&directory).unwrap();
        }
    });
}

#[test]
fn a_dropped_file_is_off_the_list() {
    alone("a_dropped_file_is_off_the_list", || {
        let list: &'static Descriptors = Box::leak(Box::new(Descriptors::new()));
        let directory = std::env::temp_dir();
        drop(list.hold(File::open(&directory).unwrap()));
        // Takes the number that has become free; it is not the list's.
        let other = File::open(&directory).unwrap();
        fork(WAYS[0], || {
            list.abandon().unwrap();
            assert!(other.metadata().unwrap().is_dir());
        })
        .wait();
    });
}

/// What a program does that makes itself a daemon.
#[test]
fn a_number_that_the_child_has_used_for_another_file_is_left_alone() {
    alone("a_number_that_the_child_has_used_for_another_file_is_left_alone", || {
        let list: &'static Descriptors = Box::leak(Box::new(Descriptors::new()));
        let listed = list.hold(File::open("/proc/self/status").unwrap());
        fork(WAYS[0], || {
            // SAFETY: the number is reused at once, and `listed` is not used again in this child.
            unsafe { libc::close(listed.as_raw_fd()) };
            let log = File::open(std::env::temp_dir()).unwrap();
            assert_eq!(log.as_raw_fd(), listed.as_raw_fd());
            list.abandon().unwrap();
            assert!(log.metadata().unwrap().is_dir());
        })
        .wait();
    });
}

#[test]
fn wiped_references_are_to_nothing_in_a_child_and_no_two_are_one() {
    alone("wiped_references_are_to_nothing_in_a_child_and_no_two_are_one", || {
        // More than a page of them.
        let several = |numbers: std::ops::Range<u64>| -> Vec<_> {
            let new = || Reference::wiped().expect("this kernel is younger than Linux 4.14");
            let set = |number: u64| {
                let reference: &Reference<u64> = new();
                assert_eq!(reference.get(), None);
                reference.set(Box::leak(Box::new(number)));
                reference
            };
            numbers.map(set).collect()
        };
        let parents = several(0..700);
        for way in WAYS {
            fork(way, || {
                assert!(parents.iter().all(|reference| reference.get().is_none()));
                let childs = several(1000..1700);
                assert!(childs.iter().map(|reference| *reference.get().unwrap()).eq(1000..1700));
                assert!(parents.iter().all(|reference| reference.get().is_none()));
                fork(way, || assert!(childs.iter().all(|reference| reference.get().is_none()))).wait();
            })
            .wait();
        }
        assert!(parents.iter().map(|reference| *reference.get().unwrap()).eq(0..700));
        assert!(!parents[0].exchange(None, Some(&7)));
        assert!(parents[0].exchange(parents[0].get(), Some(&7)));
        assert_eq!((parents[0].take(), parents[0].take()), (Some(&7), None));
    });
}
