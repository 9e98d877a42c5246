//! What threads have to themselves, with real threads, real fences and real forks.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::*;
use crate::testing::{WAYS, Way, alone, fork};

/// A number that is added to as if by one thread, where that may be.
struct Number {
    sole: Sole,
    value: AtomicU64,
}

impl Number {
    const fn new() -> Number {
        Number { sole: Sole::new(), value: AtomicU64::new(0) }
    }

    fn add(&self) {
        let add = || self.value.store(self.value.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if self.sole.run(add).is_none() {
            self.sole.claim_or_share();
            self.value.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

#[test]
fn what_one_thread_wants_is_its_own_until_another_comes() {
    alone("mark::tests::what_one_thread_wants_is_its_own_until_another_comes", || {
        let number = Number::new();
        assert_eq!(number.sole.run(|| ()), None);
        number.add();
        assert_eq!(number.sole.run(|| ()).is_some(), barrier::is_available());
        thread::scope(|scope| scope.spawn(|| number.add()).join()).unwrap();
        assert_eq!((number.sole.run(|| ()), number.sole.is_shared()), (None, true));
        number.add();
        assert_eq!(number.get(), 3);
    });
}

#[test]
fn a_thread_takes_over_what_an_ended_one_had() {
    alone("mark::tests::a_thread_takes_over_what_an_ended_one_had", || {
        let number = Number::new();
        let numbers: Vec<_> = (0..10)
            .map(|_| {
                let count = || {
                    number.add();
                    assert_eq!(number.sole.is_shared(), !barrier::is_available());
                    thread_number()
                };
                thread::scope(|scope| scope.spawn(count).join().unwrap())
            })
            .collect();
        assert_eq!(numbers, [barrier::is_available().then_some(1); 10]);
        assert_eq!(number.get(), 10);
    });
}

#[test]
fn a_thread_that_is_about_to_end_has_nothing_to_itself() {
    static LAST: Number = Number::new();

    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            LAST.add();
        }
    }
    thread_local!(static LATE: Late = const { Late });

    for _ in 0..3 {
        // Dropped after the mark has been given back, or before: in the order of registration, or against it.
        thread::spawn(|| LATE.with(|_| LAST.add())).join().unwrap();
        thread::spawn(|| {
            LAST.add();
            LATE.with(|_| ());
        })
        .join()
        .unwrap();
    }
    assert_eq!(LAST.get(), 12);
}

#[test]
fn a_panic_in_a_section_ends_it() {
    let sole = Sole::new();
    sole.claim();
    let panicked = std::panic::catch_unwind(|| sole.run(|| panic!("in a section")));
    assert_eq!(panicked.is_err(), barrier::is_available());
    sole.share(); // waits for no section
}

#[test]
fn what_is_left_may_be_claimed_again() {
    let sole = Sole::new();
    let claimed = sole.claim();
    sole.leave();
    let other = thread::scope(|scope| scope.spawn(|| sole.claim()).join()).unwrap();
    assert_eq!((other, sole.run(|| ())), (claimed, None));
}

/// Of many threads, each begins with numbers of its own and then visits those of all others.
#[test]
fn nothing_is_lost_when_threads_come_to_each_others_numbers() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 60;
    const EACH: usize = 2_000;

    alone("mark::tests::nothing_is_lost_when_threads_come_to_each_others_numbers", || {
        for _ in 0..ROUNDS {
            let numbers = [const { Number::new() }; THREADS];
            thread::scope(|scope| {
                for thread in 0..THREADS {
                    let numbers = &numbers;
                    scope.spawn(move || {
                        (0..EACH).for_each(|_| numbers[thread].add());
                        (0..EACH).for_each(|turn| numbers[(thread + turn) % THREADS].add());
                    });
                }
            });
            let all: u64 = numbers.iter().map(Number::get).sum();
            assert_eq!(all, (2 * THREADS * EACH) as u64);
        }
    });
}

#[test]
fn after_many_meetings_nothing_is_claimed_any_more() {
    alone("mark::tests::after_many_meetings_nothing_is_claimed_any_more", || {
        let numbers: Vec<_> = (0..2 * MEETINGS).map(|_| Number::new()).collect();
        for number in &numbers {
            number.add();
            thread::scope(|scope| scope.spawn(|| number.add()).join()).unwrap();
        }
        assert!(numbers.iter().all(|number| number.get() == 2 && number.sole.is_shared()));
        assert!(!Sole::new().claim());
    });
}

/// What an ended thread of the parent had may be half copied: the copy of its mark may be in a section for ever.
#[test]
fn a_forked_process_takes_over_from_its_own_threads_alone() {
    alone("mark::tests::a_forked_process_takes_over_from_its_own_threads_alone", || {
        let number_of_a_thread = || thread::scope(|scope| scope.spawn(thread_number).join().unwrap());
        let [mine, ended] = [thread_number(), number_of_a_thread()];
        assert_eq!(number_of_a_thread(), ended);
        for way in WAYS {
            fork(way, || {
                assert_eq!(thread_number(), mine);
                let childs = number_of_a_thread();
                assert!(childs.is_none() || childs > ended, "{childs:?}");
                assert_eq!(number_of_a_thread(), childs);
            })
            .wait();
        }
    });
}

/// A child has threads and numbers of its own, whatever the parent's threads are at. (They do not begin or end
/// meanwhile: the standard library holds a lock then, without which no thread of the child begins.)
#[test]
fn threads_of_a_forked_process_meet_for_themselves() {
    alone("mark::tests::threads_of_a_forked_process_meet_for_themselves", || {
        let done = AtomicBool::new(false);
        let counting = std::sync::Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let own = Number::new();
                    own.add();
                    counting.wait();
                    while !done.load(Ordering::Relaxed) {
                        own.add();
                    }
                });
            }
            counting.wait();
            for _ in 0..30 {
                // A raw clone does not mend the allocator, and threads are made with it.
                fork(Way::Libc, || {
                    let number = Number::new();
                    number.add();
                    thread::scope(|scope| scope.spawn(|| number.add()).join()).unwrap();
                    assert!(number.sole.is_shared());
                    number.add();
                    assert_eq!(number.get(), 3);
                })
                .wait();
            }
            done.store(true, Ordering::Relaxed);
        });
    });
}
