//! Tests of reading ahead.

use std::fs;
use std::io;
use std::path::Path;

use super::{Wanted, read_in_order};

fn wanted(directory: &Path, files: usize) -> Vec<Wanted> {
    let path = |at: usize| directory.join(format!("counter_{at}.db")).into();
    (0..files).map(|at| Wanted { path: path(at), reach: 0 }).collect()
}

/// A file whose content is told by its number; every fifth one is not there.
fn write(directory: &Path, files: usize) {
    for (at, file) in wanted(directory, files).iter().enumerate() {
        if at % 5 != 4 {
            let used = 8 + at * 100;
            let mut bytes = vec![at as u8; used];
            bytes[..4].copy_from_slice(&(used as u32).to_le_bytes());
            fs::write(&file.path, bytes).unwrap();
        }
    }
}

#[test]
fn files_are_taken_whole_and_in_order_with_and_without_another_thread() {
    let directory = tempfile::tempdir().unwrap();
    for files in [0, 1, 2, 3, 64] {
        write(directory.path(), files);
        for shared in [false, true] {
            let mut spare = Vec::new();
            for _ in 0..20 {
                let mut taken = 0;
                let done = read_in_order(&wanted(directory.path(), files), shared, &mut spare, |at, read| {
                    assert_eq!(at, taken);
                    taken += 1;
                    match read.unwrap() {
                        None => assert_eq!(at % 5, 4),
                        Some(content) if at == 0 => assert_eq!(content.bytes, []),
                        Some(content) => {
                            assert_eq!(content.bytes.len(), 8 + at * 100);
                            assert!(content.bytes[8..].iter().all(|&byte| byte == at as u8));
                        }
                    }
                    Ok::<(), ()>(())
                });
                assert_eq!((done, taken), (Ok(()), files));
            }
            assert!(spare.len() <= 4, "{} buffers are kept", spare.len());
        }
    }
}

#[test]
fn the_first_error_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), 64);
    for shared in [false, true] {
        let mut taken = 0;
        let done = read_in_order(&wanted(directory.path(), 64), shared, &mut Vec::new(), |at, _| {
            taken += 1;
            if at == 7 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((done, taken), (Err("enough"), 8));
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told_in_its_turn() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), 3);
    fs::remove_file(directory.path().join("counter_1.db")).unwrap();
    fs::create_dir(directory.path().join("counter_1.db")).unwrap();
    for shared in [false, true] {
        let mut kinds = Vec::new();
        let done: io::Result<()> =
            read_in_order(&wanted(directory.path(), 3), shared, &mut Vec::new(), |at, read| {
                kinds.push((at, read.is_ok()));
                Ok(())
            });
        done.unwrap();
        assert_eq!(kinds, [(0, true), (1, false), (2, true)]);
    }
}

#[test]
fn a_panic_of_whoever_takes_does_not_leave_the_other_thread_waiting() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), 64);
    let wanted = wanted(directory.path(), 64);
    let ended = std::panic::catch_unwind(|| {
        read_in_order(&wanted, true, &mut Vec::new(), |at, _| -> Result<(), ()> {
            assert!(at < 5, "on purpose");
            Ok(())
        })
    });
    assert!(ended.is_err());
}
