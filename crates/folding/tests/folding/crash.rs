//! Killed at any moment, a fold neither loses nor doubles a count, and the next one goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use collector::Liveness;
use dialects::Dialect;
use folding::{Folder, Options};
use proptest::prelude::*;

use crate::scene::{Scene, counter_key, hold};

/// Files of all dialects and modes, some of a worker that lives.
fn scene() -> Scene {
    let scene = Scene::new();
    populate(&scene);
    scene
}

fn populate(scene: &Scene) {
    for (process, by) in [("11", 1.0), ("12", 2.0), ("13", 4.0), ("worker_1", 8.0)] {
        scene.counter(process, &[("common", by), (process, by)]);
        let gauge = [(r#"["g", "g", {}, "Help."]"#, by, by)];
        for mode in ["min", "max", "sum", "mostrecent", "all", "livesum"] {
            let key = gauge[0].0.replace("\"g\"", &format!("\"g_{mode}\""));
            scene.write(Dialect::PYTHON, &format!("gauge_{mode}_{process}.db"), &[(&key, by, by)]);
        }
        let old = r#"["old", "old_total", {}]"#;
        scene.write(Dialect::Python(dialects::Era::F1), &format!("summary_{process}.db"), &[(old, by, 0.0)]);
        let gitlab = r#"["h","h_sum",[],[]]"#;
        scene.write(Dialect::Gitlab, &format!("histogram_{process}-0.db"), &[(gitlab, by, 0.0)]);
        scene.write(Dialect::Ruby, &format!("metric_r_total___{process}.bin"), &[("a=1", by, 7.0)]);
    }
}

/// A fold that dies before its change number `at`; says whether it got that far.
fn fold_until(scene: &Scene, at: usize) -> bool {
    let mut changes = 0;
    let died = scene.folder().fold_in_steps(&mut || {
        changes += 1;
        changes <= at
    });
    died.is_err()
}

/// Lines of gauges that are for the living: the dead leave them when their files are folded.
fn but_of_the_living(page: Vec<(String, f64)>) -> Vec<(String, f64)> {
    page.into_iter().filter(|(series, _)| !series.starts_with("g_livesum")).collect()
}

#[test]
fn a_fold_that_is_killed_anywhere_leaves_the_page_as_it_is() {
    let expected = but_of_the_living(scene().page());
    let mut at = 0;
    loop {
        let scene = scene();
        let _living = hold(&scene.at("counter_13.db"));
        let died = fold_until(&scene, at);
        assert_eq!(but_of_the_living(scene.page()), expected, "killed before change {at}");
        // And killed again, while it takes up what was left.
        for again in 0..3 {
            fold_until(&scene, again);
            assert_eq!(but_of_the_living(scene.page()), expected, "killed before change {at}, then {again}");
        }
        scene.fold();
        assert_eq!(but_of_the_living(scene.page()), expected, "killed before change {at}, then folded");
        assert_eq!(scene.names(), AFTER, "killed before change {at}, then folded");
        if !died {
            break;
        }
        at += 1;
    }
    assert!(at > 40, "{at} changes");
}

const AFTER: [&str; 13] = [
    "counter_13.db",
    "counter_archive.db",
    "gauge_all_11.db",
    "gauge_all_12.db",
    "gauge_all_13.db",
    "gauge_all_worker_1.db",
    "gauge_max_archive.db",
    "gauge_min_archive.db",
    "gauge_mostrecent_archive.db",
    "gauge_sum_archive.db",
    "histogram_archive-0.db",
    "metric_r_total___archive.bin",
    "summary_archive-f1.db",
];

#[test]
fn a_page_that_is_read_at_any_moment_of_a_fold_is_whole() {
    let scene = scene();
    let expected = but_of_the_living(scene.page());
    let folded = scene.folder().fold_in_steps(&mut || {
        assert_eq!(but_of_the_living(scene.page()), expected);
        true
    });
    assert_eq!(folded.unwrap().files, 9 * 4 - 4);
}

#[test]
fn a_page_that_is_read_beside_a_first_fold_is_whole() {
    for _ in 0..60 {
        let scene = Scene::new();
        for worker in 0..30 {
            scene.counter(&worker.to_string(), &[("a", 1.0)]);
        }
        let expected = [("c_total{s=\"a\"}".to_owned(), 30.0)];
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(scene.fold().files, 30);
                done.store(true, Ordering::Relaxed);
            });
            while !done.load(Ordering::Relaxed) {
                assert_eq!(scene.page(), expected);
            }
        });
        assert_eq!(scene.page(), expected);
    }
}

#[test]
fn a_directory_is_folded_by_one_at_a_time() {
    let scene = scene();
    let mut others = 0;
    let mut folder = scene.folder();
    let folded = folder.fold_in_steps(&mut || {
        let error = scene.folder().fold().unwrap_err().to_string();
        assert_eq!(error, format!("fold {}: another fold is at work there", scene.path().display()));
        others += 1;
        true
    });
    assert!(folded.is_ok() && others > 40);
}

#[test]
fn a_second_fold_of_the_same_changes_nothing() {
    let scene = scene();
    scene.fold();
    let (names, page) = (scene.names(), scene.page());
    assert_eq!(scene.fold().files, 0);
    assert_eq!((scene.names(), scene.page()), (names, page));
}

#[test]
fn a_clock_that_is_set_back_loses_nothing() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 1.0)]);
    scene.fold();
    // The archive is of a round that the clock will reach in some ten thousand years.
    let path = scene.at("counter_archive.db");
    let mut archive = std::fs::read(&path).unwrap();
    let at = archive.len() - 8;
    archive[at..].copy_from_slice(&(1_u64 << 59).to_le_bytes());
    std::fs::write(&path, archive).unwrap();
    scene.counter("2", &[("a", 2.0)]);
    let expected = [("c_total{s=\"a\"}".to_owned(), 3.0)];
    let folded = scene.folder().fold_in_steps(&mut || {
        assert_eq!(scene.page(), expected);
        true
    });
    assert_eq!((folded.unwrap().files, scene.page()), (1, expected.to_vec()));
}

/// What happens to a directory.
#[derive(Clone, Debug)]
enum Event {
    /// A worker of this number counts, and ends.
    Work { worker: u8, series: u8, by: u32 },
    /// A fold, killed before this change.
    Fold { killed_before: usize },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..4_u8, 0..3_u8, 1..100_u32).prop_map(|(worker, series, by)| Event::Work { worker, series, by }),
        (0..30_usize).prop_map(|killed_before| Event::Fold { killed_before }),
    ]
}

proptest! {
    #[test]
    fn workers_whose_pids_come_again_and_folds_that_are_killed_lose_and_double_nothing(
        events in prop::collection::vec(event(), 1..25)
    ) {
        let scene = Scene::new();
        let mut model = std::collections::BTreeMap::new();
        let mut folder = Folder::new(scene.path(), Options { stopped: true, ..Options::default() });
        for event in events {
            match event {
                Event::Work { worker, series, by } => {
                    work(&scene, worker, &series.to_string(), f64::from(by));
                    *model.entry(format!("c_total{{s=\"{series}\"}}")).or_insert(0.0) += f64::from(by);
                }
                Event::Fold { killed_before } => {
                    let mut changes = 0;
                    let _ = folder.fold_in_steps(&mut || {
                        changes += 1;
                        changes <= killed_before
                    });
                }
            }
            let expected: Vec<_> = model.iter().map(|(series, value)| (series.clone(), *value)).collect();
            prop_assert_eq!(scene.page_as(Liveness::AsFiled), expected);
        }
    }
}

/// What Python's client does: goes on in the file of its pid, or makes it.
fn work(scene: &Scene, worker: u8, series: &str, by: f64) {
    let name = format!("counter_{worker}.db");
    let before = std::fs::read(scene.at(&name)).unwrap_or_default();
    let records =
        dialects::records(Dialect::PYTHON, &before[..dialects::used(&before)], dialects::HEADER_LEN);
    let mut numbers: Vec<(String, f64)> = if before.is_empty() {
        vec![]
    } else {
        records
            .map(|record| record.map(|it| (String::from_utf8(it.key.to_vec()).unwrap(), it.value)).unwrap())
            .collect()
    };
    let key = counter_key(series);
    match numbers.iter_mut().find(|(known, _)| *known == key) {
        Some((_, value)) => *value += by,
        None => numbers.push((key, by)),
    }
    let records: Vec<(&str, f64, f64)> = numbers.iter().map(|(key, value)| (&**key, *value, 0.0)).collect();
    scene.write(Dialect::PYTHON, &name, &records);
}
