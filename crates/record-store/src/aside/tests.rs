use std::time::SystemTime;

use forked::Descriptors;
use forked::testing::{WAYS, alone, fork};

use super::*;
use crate::claim::Claim;

/// The files of a directory: those that have their names, and those in the making.
fn files_in(directory: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.partition(|path| !dialects::is_unfinished(path.file_name().unwrap().to_str().unwrap()))
}

fn make_old(file: &Path) {
    let file = File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - 2 * MADE_WITHIN).unwrap();
}

#[test]
fn a_file_is_whole_when_it_gets_its_name_and_leaves_no_other() {
    for manner in [Manner::Nameless, Manner::Hidden] {
        let directory = tempfile::tempdir().unwrap();
        let (aside, mut file) = Aside::create(directory.path(), ".counter_1-r0.db.new", manner).unwrap();
        io::Write::write_all(&mut file, b"whole").unwrap();
        let (_, unfinished) = files_in(directory.path());
        assert_eq!(unfinished.len(), usize::from(manner == Manner::Hidden), "{manner:?}");
        let taken = directory.path().join("taken");
        fs::write(&taken, "another's").unwrap();
        assert_eq!(aside.publish(&taken).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        aside.publish(&directory.path().join("counter_1-r0.db")).unwrap();
        drop(aside);
        assert_eq!(fs::read(directory.path().join("counter_1-r0.db")).unwrap(), b"whole");
        assert_eq!(fs::read(&taken).unwrap(), b"another's");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "{manner:?}");
    }
}

#[test]
fn the_worse_manner_is_for_where_the_better_does_not_work_and_its_error_is_told() {
    let tried = std::cell::RefCell::new(Vec::new());
    let made = in_some_manner(|manner| {
        tried.borrow_mut().push(manner);
        match manner {
            Manner::Nameless => Err(StoreError::new("nameless", "no")),
            Manner::Hidden => Err::<(), _>(StoreError::new("hidden", "no room")),
        }
    });
    assert_eq!(made.unwrap_err().to_string(), "hidden: no room");
    assert_eq!(tried.into_inner(), [Manner::Nameless, Manner::Hidden]);
}

#[test]
fn what_is_young_or_locked_or_of_another_name_stays() {
    let directory = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let path = directory.path().join(name);
        fs::write(&path, "").unwrap();
        path
    };
    let names = [
        ".multiprom-new-7-1",
        ".counter_7-r0.db.new",
        ".multiprom-new-7-2",
        ".multiprom-new-7-3",
        ".multiprom-7-r0",
    ];
    let [old, old_file, locked, young, finished] = names.map(make);
    for path in [&old, &old_file, &locked, &finished] {
        make_old(path);
    }
    let lock = File::open(&locked).unwrap();
    lock.lock().unwrap();
    let pipe = directory.path().join(".multiprom-new-7-4");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());

    remove_left_over(directory.path());

    let left = [&old, &old_file, &locked, &young, &finished, &pipe].map(|path| path.exists());
    assert_eq!(left, [false, false, true, true, true, true]);
}

#[test]
fn a_maker_that_is_killed_leaves_nothing_or_what_a_later_one_removes() {
    const KILLED: u64 = 100;
    alone("aside::tests::a_maker_that_is_killed_leaves_nothing_or_what_a_later_one_removes", || {
        for manner in [Manner::Nameless, Manner::Hidden] {
            let directory = tempfile::tempdir().unwrap();
            for round in 0..KILLED {
                let maker = fork(WAYS[0], || {
                    let descriptors = Descriptors::new();
                    for ordinal in 0.. {
                        drop(Claim::make(directory.path(), ordinal, &descriptors, manner).unwrap());
                    }
                });
                while files_in(directory.path()).0.is_empty() {
                    std::thread::yield_now();
                }
                std::thread::sleep(Duration::from_micros(7 * round));
                maker.kill();
                for claim in files_in(directory.path()).0 {
                    assert!(
                        fs::read_to_string(&claim).unwrap().contains("\ncreated "),
                        "{claim:?} is not whole"
                    );
                    fs::remove_file(claim).unwrap();
                }
            }
            let (_, left) = files_in(directory.path());
            if manner == Manner::Nameless {
                assert_eq!(left, [] as [PathBuf; 0]);
                continue;
            }
            assert!(!left.is_empty(), "none of {KILLED} was killed in the midst of it");
            left.iter().for_each(|path| make_old(path));
            let descriptors = Descriptors::new();
            let _claim = Claim::make(directory.path(), 0, &descriptors, manner).unwrap();
            assert_eq!(files_in(directory.path()).1, [] as [PathBuf; 0]);
        }
    });
}
