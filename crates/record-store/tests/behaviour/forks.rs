//! Forked processes: whose file is written, and whose lock is held.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use metrics_core::Part;

use crate::stores::{each, files, records, total};
use forked::testing::{WAYS, Way, alone, fork};

#[test]
fn a_child_writes_to_its_own_file_and_only_what_it_touches() {
    alone("forks::a_child_writes_to_its_own_file_and_only_what_it_touches", || {
        each(|directory, open| {
            let store = open(directory);
            let (touched, untouched) = (store.counter("touched"), store.counter("untouched"));
            touched.add(1.0);
            untouched.add(10.0);
            for way in WAYS {
                fork(way, || {
                    assert_eq!((touched.get(Part::Value), untouched.get(Part::Value)), (0.0, 0.0));
                    touched.add(2.0);
                    assert_eq!((touched.get(Part::Value), untouched.get(Part::Value)), (2.0, 0.0));
                    let same = store.counter("touched");
                    same.add(1.0);
                    assert_eq!(touched.get(Part::Value), 3.0);
                })
                .wait();
            }
            touched.add(4.0);

            let files = files(directory);
            let of = |file: &PathBuf| -> Vec<f64> {
                records(store.dialect, file).iter().map(|record| record.1).collect()
            };
            let mut all: Vec<_> = files.iter().map(of).collect();
            all.sort_by(|a, b| a.partial_cmp(b).unwrap());
            assert_eq!(all, [vec![3.0], vec![3.0], vec![5.0, 10.0]]);
        });
    });
}

/// Threads count in the parent, which forks again and again; children and grandchildren count too.
#[test]
fn forks_in_the_midst_of_traffic_keep_totals_exact() {
    const FORKS: usize = 12;
    const EACH: u32 = 500;

    alone("forks::forks_in_the_midst_of_traffic_keep_totals_exact", || {
        each(|directory, open| {
            let store = open(directory);
            let child = store.counter("a");
            let done = AtomicBool::new(false);
            let counted = std::thread::scope(|scope| {
                let traffic = || {
                    let mut counted = 0_u64;
                    while !done.load(Ordering::Relaxed) {
                        child.add(1.0);
                        counted += 1;
                    }
                    counted
                };
                let threads = [scope.spawn(traffic), scope.spawn(traffic)];
                for round in 0..FORKS {
                    let way = WAYS[round % 2];
                    fork(way, || {
                        let count = || (0..EACH).for_each(|_| child.add(1.0));
                        count();
                        if matches!(way, Way::Libc) {
                            // Threads of a child are at it from the first update on.
                            std::thread::scope(|scope| {
                                scope.spawn(count);
                                scope.spawn(count);
                            });
                        } else {
                            count();
                            count();
                        }
                        fork(way, count).wait();
                    })
                    .wait();
                }
                done.store(true, Ordering::Relaxed);
                threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>()
            });
            let expected = counted + FORKS as u64 * 4 * u64::from(EACH);
            assert_eq!(total(store.dialect, directory, "a"), Some(expected as f64));
            assert_eq!(files(directory).len(), 1 + 2 * FORKS);
        });
    });
}

/// The first update of a child comes from several threads at once.
#[test]
fn threads_of_a_child_make_one_file_together() {
    alone("forks::threads_of_a_child_make_one_file_together", || {
        each(|directory, open| {
            let store = open(directory);
            let children = ["a", "b", "c"].map(|label| store.counter(label));
            fork(Way::Libc, || {
                std::thread::scope(|scope| {
                    for _ in 0..8 {
                        scope.spawn(|| children.iter().for_each(|child| child.add(1.0)));
                    }
                });
            })
            .wait();
            assert_eq!(files(directory).len(), 2);
            for label in ["a", "b", "c"] {
                assert_eq!(total(store.dialect, directory, label), Some(8.0));
            }
        });
    });
}

/// The parent's lock of its tables is held by a thread that the child does not have.
#[test]
fn a_fork_in_the_midst_of_new_label_sets_does_not_hang_the_child() {
    alone("forks::a_fork_in_the_midst_of_new_label_sets_does_not_hang_the_child", || {
        each(|directory, open| {
            let store = open(directory);
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for i in 0.. {
                        if done.load(Ordering::Relaxed) {
                            break;
                        }
                        store.counter(&format!("parent's {}", i % 20_000)).add(1.0);
                    }
                });
                for _ in 0..20 {
                    fork(Way::Libc, || {
                        for i in 0..20 {
                            store.counter(&format!("child's {i}")).add(1.0);
                            store.counter(&format!("parent's {i}")).add(1.0);
                        }
                    })
                    .wait();
                }
                done.store(true, Ordering::Relaxed);
            });
            for i in 0..20 {
                assert_eq!(total(store.dialect, directory, &format!("child's {i}")), Some(20.0));
            }
        });
    });
}

/// Whether some process holds the lock of the file.
fn is_locked(path: &Path) -> bool {
    File::open(path).unwrap().try_lock().is_err()
}

/// All files of the process `pid` that are locked while it lives: its dot-file, and Python's record files.
fn lockable(directory: &Path, pid: &str) -> Vec<PathBuf> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    names
        .filter(|path| path.to_string_lossy().contains(pid) && path.extension().is_none_or(|it| it != "bin"))
        .collect()
}

#[test]
fn a_childs_use_does_not_end_the_parents_lock_nor_outlive_it() {
    alone("forks::a_childs_use_does_not_end_the_parents_lock_nor_outlive_it", || {
        each(|directory, open| {
            for way in WAYS {
                let (mut told, mut tell) = std::io::pipe().unwrap();
                let (mut released, mut release) = std::io::pipe().unwrap();
                let parent = fork(Way::Libc, || {
                    let store = open(directory);
                    let child = store.counter("a");
                    child.add(1.0);
                    // Never waited for: it outlives its parent, which is killed.
                    let _orphan = fork(way, || {
                        child.add(1.0);
                        tell.write_all(&std::process::id().to_le_bytes()).unwrap();
                        let _ = released.read(&mut [0]); // until the test is done
                    });
                    tell.write_all(&std::process::id().to_le_bytes()).unwrap();
                    std::thread::sleep(std::time::Duration::from_secs(60));
                });
                let mut pids = [0_u32; 2];
                for pid in &mut pids {
                    let mut bytes = [0; 4];
                    told.read_exact(&mut bytes).unwrap();
                    *pid = u32::from_le_bytes(bytes);
                }
                let [ours, orphans] = if pids[0] == parent.pid() { pids } else { [pids[1], pids[0]] };
                let ours = lockable(directory, &format!("{ours}-r0"));
                let orphans = lockable(directory, &format!("{orphans}-r0"));
                assert!(!ours.is_empty() && ours.len() == orphans.len());

                // Both have counted, both live.
                assert!(ours.iter().chain(&orphans).all(|path| is_locked(path)));
                parent.kill();
                assert!(ours.iter().all(|path| !is_locked(path)), "the child holds the dead parent's lock");
                assert!(orphans.iter().all(|path| is_locked(path)));
                release.write_all(b".").unwrap();
            }
        });
    });
}
