//! Tests of working in order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::in_order;
use crate::directory::content::{self, Content};

fn wanted(directory: &Path, files: usize) -> Vec<PathBuf> {
    (0..files).map(|at| directory.join(format!("counter_{at}.db"))).collect()
}

/// A file whose content is told by its number; every fifth one is not there.
fn write(directory: &Path, files: usize) {
    for (at, path) in wanted(directory, files).iter().enumerate() {
        if at % 5 != 4 {
            let used = 8 + at * 100;
            let mut bytes = vec![at as u8; used];
            bytes[..4].copy_from_slice(&(used as u32).to_le_bytes());
            fs::write(path, bytes).unwrap();
        }
    }
}

/// The bytes of a file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = Vec::new();
    let content = content::read(path, 0, &mut buffer)?;
    Ok(content.map(|Content { bytes, .. }| bytes.to_vec()))
}

#[test]
fn files_are_taken_whole_and_in_order_with_and_without_another_thread() {
    let directory = tempfile::tempdir().unwrap();
    for files in [0, 1, 2, 3, 64] {
        write(directory.path(), files);
        let wanted = wanted(directory.path(), files);
        for shared in [false, true] {
            let mut worked = [0, 0];
            for round in 1..=20 {
                let mut taken = 0;
                let work = |worked: &mut usize, at: usize| {
                    *worked += 1;
                    (*worked, read(&wanted[at]))
                };
                let done = in_order(files, shared, &mut worked, work, |worked, at, (number, read)| {
                    assert_eq!(at, taken);
                    assert!(number <= *worked, "the tools are those of whoever worked");
                    taken += 1;
                    match read.unwrap() {
                        None => assert_eq!(at % 5, 4),
                        Some(bytes) if at == 0 => assert!(bytes.is_empty()),
                        Some(bytes) => {
                            assert_eq!(bytes.len(), 8 + at * 100);
                            assert!(bytes[8..].iter().all(|&byte| byte == at as u8));
                        }
                    }
                    Ok::<(), ()>(())
                });
                assert_eq!((done, taken), (Ok(()), files));
                assert_eq!(worked[0] + worked[1], files * round);
            }
        }
    }
}

#[test]
fn the_first_error_ends_it() {
    for shared in [false, true] {
        let mut taken = 0;
        let done = in_order(
            64,
            shared,
            &mut [(), ()],
            |_, at| at,
            |_, at, done| {
                assert_eq!(at, done);
                taken += 1;
                if at == 7 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((done, taken), (Err("enough"), 8));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_in_its_turn() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), 3);
    fs::remove_file(directory.path().join("counter_1.db")).unwrap();
    fs::create_dir(directory.path().join("counter_1.db")).unwrap();
    let wanted = wanted(directory.path(), 3);
    for shared in [false, true] {
        let mut kinds = Vec::new();
        let done: io::Result<()> = in_order(
            3,
            shared,
            &mut [(), ()],
            |_, at| read(&wanted[at]),
            |_, at, read| {
                kinds.push((at, read.is_ok()));
                Ok(())
            },
        );
        done.unwrap();
        assert_eq!(kinds, [(0, true), (1, false), (2, true)]);
    }
}

#[test]
fn a_panic_of_whoever_takes_does_not_leave_the_other_thread_waiting() {
    let ended = std::panic::catch_unwind(|| {
        in_order(
            64,
            true,
            &mut [(), ()],
            |_, at| at,
            |_, at, _| -> Result<(), ()> {
                assert!(at < 5, "on purpose");
                Ok(())
            },
        )
    });
    assert!(ended.is_err());
}

#[test]
fn a_panic_of_the_other_thread_is_passed_on() {
    for panics in [0, 40, 63] {
        let ended = std::panic::catch_unwind(|| {
            let work = |_: &mut (), at: usize| assert!(at != panics, "on purpose");
            in_order(64, true, &mut [(), ()], work, |_, _, ()| Ok::<(), ()>(()))
        });
        assert!(ended.is_err());
    }
}
