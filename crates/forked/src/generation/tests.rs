use std::sync::atomic::Ordering;

use crate::page;
use crate::testing::{WAYS, Way, fork};

#[test]
fn a_wiped_word_is_zero_in_a_child_however_it_is_forked_off() {
    let word = &page::wiped().expect("this kernel is younger than Linux 4.14")[0];
    word.store(7, Ordering::Relaxed);
    for way in WAYS {
        fork(way, || assert_eq!(word.load(Ordering::Relaxed), 0)).wait();
    }
    assert_eq!(word.load(Ordering::Relaxed), 7);
}

#[test]
fn a_hooked_word_is_zero_in_a_child_of_libc() {
    let word = page::hooked();
    word.store(7, Ordering::Relaxed);
    fork(Way::Libc, || assert_eq!(word.load(Ordering::Relaxed), 0)).wait();
    assert_eq!(word.load(Ordering::Relaxed), 7);
}
