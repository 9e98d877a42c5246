//! Disks that are full, and directories that are not there.

use std::fs;

use dialects::Dialect;
use folding::{Folder, Options};
use forked::testing::{SmallDisk, on_small_disks};

use crate::scene::{Line, Scene, counter_key, hold};

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

/// What dead workers left, and one that lives: an archive of some pages, and some of one. The sums depend on their order.
fn populate(scene: &Scene) {
    populate_with(scene, [0.1, 0.2, 4.0]);
}

fn populate_with(scene: &Scene, numbers: [f64; 3]) {
    let keys: Vec<String> =
        (0..30).map(|series| counter_key(&format!("{series} {}", "x".repeat(400)))).collect();
    for (process, by) in ["11", "12", "13"].into_iter().zip(numbers) {
        let records: Vec<(&str, f64, f64)> = keys.iter().map(|key| (&**key, by, 0.0)).collect();
        scene.write(Dialect::PYTHON, &format!("counter_{process}.db"), &records);
        for mode in ["max", "mostrecent", "sum"] {
            let key = format!(r#"["g_{mode}", "g_{mode}", {{}}, "Help."]"#);
            scene.write(Dialect::PYTHON, &format!("gauge_{mode}_{process}.db"), &[(&key, by, by)]);
        }
        scene.write(Dialect::Ruby, &format!("metric_r_total___{process}.bin"), &[("a=1", by, 7.0)]);
    }
}

/// Runs `body` with scenes on a disk that is full but for no page, one page and so on, until it says that there was room
/// enough; it also gets what makes room.
fn with_ever_more_room(test: &str, body: impl Fn(&Scene, &SmallDisk, u64) -> bool) {
    on_small_disks(test, || {
        let directory = tempfile::tempdir().unwrap();
        let disk = SmallDisk::make(directory.path(), 512);
        let mut pages = 0;
        loop {
            let scene = Scene::within(disk.path().join("metrics"));
            populate(&scene);
            let enough = body(&scene, &disk, pages);
            fs::remove_dir_all(scene.path()).unwrap();
            if enough {
                break;
            }
            pages += 1;
        }
        assert!((1..12).contains(&pages), "{pages} pages were enough");
    });
}

/// Whether no line is missing, and none is less than it was; nor more, but by what rounding may have taken from it.
fn has_kept(before: &[Line], after: &[Line]) -> bool {
    let pairs = || before.iter().zip(after);
    before.len() == after.len()
        && pairs().all(|(old, new)| old.0 == new.0 && new.1 >= old.1 && new.1 <= old.1 * (1.0 + 1e-12))
}

#[test]
fn a_fold_that_a_disk_has_no_room_for_ends_with_an_error_and_the_next_one_finishes() {
    let test = "trouble::a_fold_that_a_disk_has_no_room_for_ends_with_an_error_and_the_next_one_finishes";
    with_ever_more_room(test, |scene, disk, pages| {
        let _living = hold(&scene.at("counter_13.db"));
        let before = scene.page();
        let full = disk.fill_but(pages);
        let folded = scene.folder().fold();
        let enough = folded.is_ok();
        if let Err(error) = folded {
            let at = scene.at(".multiprom-fold-new~");
            let (error, at) = (error.to_string(), format!("write {}", at.display()));
            assert!(error.starts_with(&at) && error.contains(disk.error()), "{error}");
            // All that counts is there under its own name, and nothing else.
            assert!(scene.names().iter().all(|name| !name.starts_with('.')), "{:?}", scene.names());
        }
        assert!(has_kept(&before, &scene.page()), "with {pages} pages");
        full.make_room();
        let before = scene.page();
        scene.fold();
        assert!(has_kept(&before, &scene.page()), "with {pages} pages, then room");
        let names = [
            "counter_13.db",
            "counter_archive.db",
            "gauge_max_archive.db",
            "gauge_mostrecent_archive.db",
            "gauge_sum_archive.db",
            "metric_r_total___archive.bin",
        ];
        assert_eq!(scene.names(), names);
        enough
    });
}

#[test]
fn a_fold_that_is_killed_on_a_full_disk_loses_and_doubles_nothing() {
    let test = "trouble::a_fold_that_is_killed_on_a_full_disk_loses_and_doubles_nothing";
    on_small_disks(test, || {
        let directory = tempfile::tempdir().unwrap();
        let disk = SmallDisk::make(directory.path(), 512);
        for at in 0..50 {
            let pages = at % 2;
            let scene = Scene::within(disk.path().join("metrics"));
            populate(&scene);
            let before = scene.page();
            let full = disk.fill_but(pages);
            let mut changes = 0;
            let _ = scene.folder().fold_in_steps(&mut || {
                changes += 1;
                changes <= at
            });
            let between = scene.page();
            assert!(has_kept(&before, &between), "killed before change {at} with {pages} pages");
            // Another one, while it is full.
            let _ = scene.folder().fold();
            assert!(
                has_kept(&between, &scene.page()),
                "killed before change {at} with {pages} pages, then folded"
            );
            full.make_room();
            scene.fold();
            assert!(
                has_kept(&between, &scene.page()),
                "killed before change {at} with {pages} pages, then room"
            );
            assert_eq!(scene.names().len(), 5, "{:?}", scene.names());
            fs::remove_dir_all(scene.path()).unwrap();
        }
    });
}

/// What is deleted makes room, and each archive for the next, until the greatest has some. Where the length of files is
/// limited it never has.
#[test]
fn a_full_disk_makes_its_own_room() {
    let test = "trouble::a_full_disk_makes_its_own_room";
    on_small_disks(test, || {
        let fill = |scene: &Scene, numbers| {
            populate_with(scene, numbers);
            scene.write(Dialect::PYTHON, "gauge_livesum_11.db", &[(r#"["l", "l", {}, "Help."]"#, 1.0, 1.0)]);
        };
        let fold = |scene: &Scene, disk: &SmallDisk| {
            let before: Vec<Line> = scene.page().into_iter().filter(|line| line.0 != "l").collect();
            let full = disk.fill();
            let folded = scene.folder().fold();
            assert!(has_kept(&before, &scene.page()));
            full.make_room();
            if let Err(error) = &folded {
                let error = error.to_string();
                assert!(error.contains("counter_archive.db: ") && error.contains(disk.error()), "{error}");
            }
            folded.is_ok()
        };
        let is_there = |scene: &Scene, name: &str| scene.names().iter().any(|other| other == name);
        let is_tmpfs = |disk: &SmallDisk| disk.error() == "No space left on device";

        let directory = tempfile::tempdir().unwrap();
        let disk = SmallDisk::make(directory.path(), 512);
        let scene = Scene::within(disk.path().join("metrics"));
        fill(&scene, [1.0, 2.0, 4.0]);
        assert_eq!(fold(&scene, &disk), is_tmpfs(&disk));
        assert!(is_there(&scene, "gauge_max_archive.db") && !is_there(&scene, "gauge_max_11.db"));

        // With the first archive a directory is added up exactly. These counters, which other orders of adding make
        // greater, would be less by a bit, and no archive would make up for it.
        let directory = tempfile::tempdir().unwrap();
        let disk = SmallDisk::make(directory.path(), 512);
        let scene = Scene::within(disk.path().join("metrics"));
        fill(&scene, [0.1, 0.2, 4.0]);
        let names = scene.names();
        assert!(!fold(&scene, &disk));
        let stay: Vec<_> = names.into_iter().filter(|name| !name.contains("livesum")).collect();
        assert_eq!(scene.names(), stay);
        // But where there is an archive already it is as above.
        scene.write(Dialect::PYTHON, "summary_1.db", &[(r#"["s", "s_count", {}, "Help."]"#, 1.0, 0.0)]);
        scene.fold();
        fill(&scene, [0.1, 0.2, 4.0]);
        assert_eq!(fold(&scene, &disk), is_tmpfs(&disk));
        assert!(!is_there(&scene, "gauge_max_11.db"));
    });
}
