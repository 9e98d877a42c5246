use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use super::*;

/// 64 KiB of zeros with blocks behind them.
fn file() -> File {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&[0; 65_536], 0).unwrap();
    file
}

#[test]
fn a_word_is_the_bytes_of_the_file() {
    let file = file();
    file.write_all_at(&7_u64.to_ne_bytes(), 4096).unwrap();
    let word = Windows::default().word(&file, 65_536, 4096).unwrap();
    assert_eq!(word.load(Ordering::Relaxed), 7);
    // The windows are dropped; the word stays.
    word.store(8, Ordering::Relaxed);
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, 4096).unwrap();
    assert_eq!(u64::from_ne_bytes(bytes), 8);
}

#[test]
fn words_stay_where_they_are_while_the_file_grows() {
    let file = file();
    let mut windows = Windows::default();
    let first = windows.word(&file, 65_536, 8).unwrap();
    first.store(1, Ordering::Relaxed);
    for doubled in [131_072, 262_144, 524_288] {
        file.write_all_at(&[0; 8], doubled - 8).unwrap();
        windows.word(&file, doubled, doubled - 8).unwrap().store(doubled, Ordering::Relaxed);
        assert!(std::ptr::eq(first, windows.word(&file, doubled, 8).unwrap()));
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, doubled - 8).unwrap();
        assert_eq!(u64::from_ne_bytes(bytes), doubled);
    }
    // The last word of one window and the first of the next are neighbours in the file.
    file.write_all_at(&[0; 16], 65_536 - 8).unwrap();
    windows.word(&file, 524_288, 65_536 - 8).unwrap().store(2, Ordering::Relaxed);
    windows.word(&file, 524_288, 65_536).unwrap().store(3, Ordering::Relaxed);
    let mut bytes = [0; 16];
    file.read_exact_at(&mut bytes, 65_536 - 8).unwrap();
    assert_eq!(bytes, *[2_u64.to_ne_bytes(), 3_u64.to_ne_bytes()].concat());
}

#[test]
fn what_is_no_word_of_the_file_is_refused() {
    let file = file();
    let mut windows = Windows::default();
    for at in [1, 4, 65_533, 65_536, u64::MAX, u64::MAX - 7] {
        assert!(windows.word(&file, 65_536, at).is_err(), "{at}");
    }
    // What is mapped does not shrink with what the caller says.
    windows.word(&file, 65_536, 0).unwrap();
    assert!(windows.word(&file, 8, 8).is_err());
}
