//! Who still writes, or comes again, is not folded.

use std::fs;

use folding::{Folder, Options};
use liveness::Doubt;

use crate::scene::{Scene, hold};

#[test]
fn a_file_that_somebody_has_open_stays() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 1.0)]);
    scene.counter("2", &[("a", 2.0)]);
    let _writer = hold(&scene.at("counter_2.db"));
    let mut folder = Folder::new(scene.path(), Options::default());
    let folded = folder.fold().unwrap();
    assert_eq!((folded.files, folded.alive, folded.unknown), (1, 1, 0));
    assert_eq!(scene.names(), ["counter_2.db", "counter_archive.db"]);
}

#[test]
fn of_a_directory_whose_writers_nobody_has_seen_nothing_is_folded() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 1.0)]);
    let mut folder = Folder::new(scene.path(), Options::default());
    let folded = folder.fold().unwrap();
    assert_eq!((folded.files, folded.unknown, folded.doubt), (0, 1, Some(Doubt::NoWriterSeen)));
    assert_eq!(scene.names(), ["counter_1.db"]);
}

#[test]
fn where_all_writers_are_known_to_be_in_sight_one_that_was_never_seen_is_dead() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 1.0)]);
    scene.counter("2", &[("a", 2.0)]);
    let mut folder = Folder::new(scene.path(), Options { in_sight: true, ..Options::default() });
    let living = hold(&scene.at("counter_2.db"));
    let folded = folder.fold().unwrap();
    assert_eq!((folded.files, folded.alive, folded.doubt), (1, 1, None));
    drop(living);
    let folded = folder.fold().unwrap();
    assert_eq!((folded.files, folded.unknown, folded.doubt), (1, 0, None));
    assert_eq!(scene.names(), ["counter_archive.db"]);
}

#[test]
fn a_process_that_opens_a_file_while_it_is_retired_goes_on_in_it() {
    let expected = [("c_total{s=\"a\"}".to_owned(), 7.0)];
    let mut comes_before = 0;
    loop {
        let scene = Scene::new();
        scene.counter("1", &[("a", 3.0)]);
        scene.counter("2", &[("a", 4.0)]);
        let mut changes = 0;
        let mut writer = None;
        let folded = scene.folder().fold_in_steps(&mut || {
            if changes == comes_before {
                // Under the name that it knows, or not at all.
                writer = fs::File::options().append(true).open(scene.at("counter_1.db")).ok();
            }
            changes += 1;
            true
        });
        let folded = folded.unwrap();
        assert_eq!(scene.page(), expected, "opened before change {comes_before}");
        match writer {
            Some(_) => {
                assert_eq!((folded.files, folded.alive), (1, 1), "opened before change {comes_before}");
                assert_eq!(scene.names(), ["counter_1.db", "counter_archive.db"]);
            }
            None => assert_eq!((folded.files, folded.alive), (2, 0)),
        }
        if comes_before > changes {
            break;
        }
        comes_before += 1;
    }
    assert!(comes_before > 5);
}

#[test]
fn a_pid_that_comes_again_while_its_file_is_retired_makes_a_new_one() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 3.0)]);
    let opened = std::cell::Cell::new(false);
    let mut held = None;
    let folded = scene.folder().fold_in_steps(&mut || {
        if !scene.at("counter_1.db").exists() && !opened.replace(true) {
            scene.counter("1", &[("a", 10.0)]);
            held = Some(hold(&scene.at("counter_1.db")));
        }
        true
    });
    assert_eq!(folded.unwrap().files, 1);
    assert_eq!(scene.names(), ["counter_1.db", "counter_archive.db"]);
    assert_eq!(scene.page(), [("c_total{s=\"a\"}".to_owned(), 13.0)]);
}

#[test]
fn a_file_whose_name_was_taken_meanwhile_gets_another_one() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 3.0)]);
    let mut first = None;
    let mut second = None;
    let mut changes = 0;
    let folded = scene.folder().fold_in_steps(&mut || {
        changes += 1;
        if changes == 1 {
            first = Some(hold(&scene.at("counter_1.db")));
        } else if second.is_none() {
            scene.counter("1", &[("a", 10.0)]);
            second = Some(hold(&scene.at("counter_1.db")));
        }
        true
    });
    assert_eq!(folded.unwrap().files, 0);
    assert_eq!(scene.names(), ["counter_1-f1.db", "counter_1.db"]);
    assert_eq!(scene.page(), [("c_total{s=\"a\"}".to_owned(), 13.0)]);
}

#[test]
fn files_of_our_own_stores_go_with_their_dot_files() {
    let scene = Scene::new();
    let boot = fs::read_to_string(dialects::BOOT).unwrap();
    for writer in ["7-r0", "8-r0", "9-r0"] {
        fs::write(scene.at(&dialects::claim_file(writer)), format!("format 1\nboot {boot}")).unwrap();
        scene.counter(writer, &[("a", 1.0)]);
    }
    let lock = fs::File::open(scene.at(".multiprom-8-r0")).unwrap();
    lock.lock().unwrap();
    let folded = Folder::new(scene.path(), Options::default()).fold().unwrap();
    assert_eq!((folded.files, folded.alive, folded.doubt), (2, 1, None));
    assert_eq!(scene.names(), [".multiprom-8-r0", "counter_8-r0.db", "counter_archive.db"]);
    assert_eq!(scene.page(), [("c_total{s=\"a\"}".to_owned(), 3.0)]);
}
