//! Disks that are full, and directories that are not there.

use std::fs;

use folding::{Folder, Options};

use crate::scene::Scene;

#[test]
fn a_missing_directory_is_an_error_that_names_it() {
    let scene = Scene::new();
    let gone = scene.at("gone");
    let error = Folder::new(&gone, Options::default()).fold().unwrap_err().to_string();
    assert_eq!(error, format!("list {}: No such file or directory (os error 2)", gone.display()));
}

#[test]
fn an_archive_that_cannot_be_written_leaves_everything_where_it_was() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 1.0)]);
    scene.counter("2", &[("a", 2.0)]);
    // What is in the way of the new archive cannot be written over.
    let in_the_way = scene.at(".multiprom-fold-new~counter_archive.db");
    let mut changes = 0;
    let error = scene.folder().fold_in_steps(&mut || {
        changes += 1;
        if changes == 3 {
            fs::write(&in_the_way, "").unwrap();
        }
        true
    });
    let error = error.unwrap_err().to_string();
    assert_eq!(error, format!("write {}: File exists (os error 17)", in_the_way.display()));
    assert_eq!(scene.names(), ["counter_1.db", "counter_2.db"]);
    assert_eq!(scene.fold().files, 2);
    assert_eq!(scene.page(), [("c_total{s=\"a\"}".to_owned(), 3.0)]);
}
