//! What becomes of which file.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use collector::Liveness;
use dialects::Dialect;
use folding::{AllGauges, Folder, Kept, Options};

use crate::scene::{Scene, hold};

const GAUGE: &str = r#"["g", "g", {}, "Help."]"#;

fn kept(file: &str, why: &str) -> Kept {
    Kept { file: file.to_owned(), why: why.to_owned() }
}

#[test]
fn gauges_become_one_by_their_mode() {
    let scene = Scene::new();
    for mode in ["min", "max", "sum", "mostrecent"] {
        let key = GAUGE.replace("\"g\"", &format!("\"g_{mode}\""));
        for (process, value, time) in [("1", 3.0, 30.0), ("2", -5.0, 50.0), ("3", 4.0, 40.0)] {
            scene.write(Dialect::PYTHON, &format!("gauge_{mode}_{process}.db"), &[(&key, value, time)]);
        }
    }
    let expected = [("g_max", 4.0), ("g_min", -5.0), ("g_mostrecent", -5.0), ("g_sum", 2.0)]
        .map(|(s, v)| (s.to_owned(), v));
    assert_eq!(scene.page(), expected);
    assert_eq!(scene.fold().files, 12);
    assert_eq!(scene.page(), expected);
    // A later process that sets it earlier or later than the dead did.
    scene.write(
        Dialect::PYTHON,
        "gauge_mostrecent_9.db",
        &[(&GAUGE.replace("\"g\"", "\"g_mostrecent\""), 1.0, 45.0)],
    );
    assert_eq!(scene.page(), expected);
}

#[test]
fn gauges_for_each_process_stay_go_or_age_as_one_says() {
    let names = |all: AllGauges| {
        let scene = Scene::new();
        scene.write(Dialect::PYTHON, "gauge_all_1.db", &[(GAUGE, 1.0, 0.0)]);
        scene.write(Dialect::PYTHON, "gauge_all_2.db", &[(GAUGE, 2.0, 0.0)]);
        let old = std::time::SystemTime::now() - Duration::from_secs(3_600);
        fs::File::options().append(true).open(scene.at("gauge_all_1.db")).unwrap().set_modified(old).unwrap();
        Folder::new(scene.path(), Options { stopped: true, all, ..Options::default() }).fold().unwrap();
        scene.names()
    };
    assert_eq!(names(AllGauges::Keep), ["gauge_all_1.db", "gauge_all_2.db"]);
    assert_eq!(names(AllGauges::Drop), [] as [&str; 0]);
    assert_eq!(names(AllGauges::Age(Duration::from_secs(600))), ["gauge_all_2.db"]);
}

#[test]
fn gauges_for_each_process_age_from_when_they_were_seen_to_be_dead() {
    let scene = Scene::new();
    scene.write(Dialect::PYTHON, "gauge_all_1.db", &[(GAUGE, 1.0, 0.0)]);
    let old = std::time::SystemTime::now() - Duration::from_secs(100);
    fs::File::options().append(true).open(scene.at("gauge_all_1.db")).unwrap().set_modified(old).unwrap();
    let age = AllGauges::Age(Duration::from_secs(200));
    let mut folder = Folder::new(scene.path(), Options { stopped: true, all: age, ..Options::default() });
    folder.fold().unwrap();
    let older = std::time::SystemTime::now() - Duration::from_secs(300);
    fs::File::options().append(true).open(scene.at("gauge_all_1.db")).unwrap().set_modified(older).unwrap();
    // Its process may have lived for long after the last change that shows.
    folder.fold().unwrap();
    assert_eq!(scene.names(), ["gauge_all_1.db"]);
}

#[test]
fn what_cannot_be_folded_stays_and_is_told() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 1.0)]);
    let mut cut = fs::read(scene.at("counter_1.db")).unwrap();
    cut[0] = cut[0].wrapping_add(16);
    fs::write(scene.at("counter_2.db"), &cut).unwrap();
    scene.write(Dialect::PYTHON, "gauge_max_3.db", &[(GAUGE, f64::NAN, 0.0)]);
    scene.write(Dialect::PYTHON, "gauge_average_4.db", &[(GAUGE, 1.0, 0.0)]);
    scene.write(Dialect::PYTHON, "strange_5.db", &[(GAUGE, 1.0, 0.0)]);
    scene.write(Dialect::Ruby, "metric_depth___6.bin", &[("a=1", 1.0, 0.0)]);
    fs::write(scene.at("counter_7.db"), []).unwrap();
    let before = scene.names();
    let folded = scene.fold();
    assert_eq!((folded.files, folded.dropped), (1, 1));
    let used = cut[0] - 16;
    assert_eq!(
        folded.kept,
        [
            kept("counter_2.db", &format!("damaged at {used}: no record starts here: the key's length is 0")),
            kept("gauge_average_4.db", "gauges merged by average cannot be folded"),
            kept("gauge_max_3.db", "it has a NaN, which is merged by the order of the files"),
            kept("metric_depth___6.bin", "how its numbers are merged is not known; a catalog would tell"),
            kept("strange_5.db", "its name tells no kind of metric"),
        ]
    );
    let mut after = scene.names();
    after.retain(|name| name != "counter_archive.db");
    let gone: Vec<_> = before.into_iter().filter(|name| !after.contains(name)).collect();
    assert_eq!(gone, ["counter_1.db", "counter_7.db"]);
}

#[test]
fn what_only_seems_empty_is_not_deleted() {
    let scene = Scene::new();
    for (process, used) in [("1", 0_i32), ("2", 8), ("3", -1)] {
        scene.counter(process, &[("a", 1.0)]);
        let path = scene.at(&format!("counter_{process}.db"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[..4].copy_from_slice(&used.to_le_bytes());
        fs::write(&path, bytes).unwrap();
    }
    fs::write(scene.at("counter_4.db"), [0; 4096]).unwrap();
    let folded = scene.fold();
    let why = "its header says that nothing is in use, and there is something";
    assert_eq!(folded.kept, ["1", "2", "3"].map(|process| kept(&format!("counter_{process}.db"), why)));
    assert_eq!((folded.dropped, scene.names().len()), (1, 3));
}

#[test]
fn pipes_and_links_under_our_names_keep_nobody_waiting() {
    let scene = Scene::new();
    scene.counter("1", &[("a", 1.0)]);
    for name in ["counter_archive.db", "counter_2.db"] {
        assert!(std::process::Command::new("mkfifo").arg(scene.at(name)).status().unwrap().success());
    }
    let why = "counter_archive.db is there and not of our making";
    assert_eq!(scene.fold().kept, [kept("counter_1.db", why)]);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_file(scene.at(dialects::FOLD_LOCK)).unwrap();
    symlink(elsewhere.path().join("made"), scene.at(dialects::FOLD_LOCK)).unwrap();
    assert!(scene.folder().fold().is_err());
    assert!(!elsewhere.path().join("made").exists());
}

#[test]
fn links_are_not_followed_and_what_they_lead_to_stays() {
    let (scene, elsewhere) = (Scene::new(), Scene::new());
    elsewhere.counter("1", &[("a", 100.0)]);
    for (process, number) in [("1", 1.0), ("2", 10.0)] {
        scene.counter(process, &[("a", number)]);
    }
    symlink(elsewhere.at("counter_1.db"), scene.at("counter_out.db")).unwrap();
    symlink("counter_2.db", scene.at("counter_in.db")).unwrap();
    // What it leads to counts under both names.
    let page = [(r#"c_total{s="a"}"#.to_owned(), 21.0)];
    assert_eq!(scene.page(), page);
    let (link, target) = ("it is a symbolic link", "a symbolic link leads to it");
    let stay = [kept("counter_2.db", target), kept("counter_in.db", link), kept("counter_out.db", link)];
    // A file of this name stays as well, though it is another one.
    let stay = [vec![kept("counter_1.db", target)], stay.to_vec()].concat();
    assert_eq!(scene.fold().kept, stay);
    fs::remove_file(scene.at("counter_out.db")).unwrap();
    let folded = scene.fold();
    assert_eq!((folded.files, folded.kept.len()), (1, 2));
    assert_eq!(scene.page(), page);
}

#[test]
fn a_link_that_is_named_as_an_archive_is_left_alone() {
    let (scene, elsewhere) = (Scene::new(), Scene::new());
    elsewhere.counter("1", &[("a", 100.0)]);
    elsewhere.fold();
    scene.counter("1", &[("a", 1.0)]);
    symlink(elsewhere.at("counter_archive.db"), scene.at("counter_archive.db")).unwrap();
    let why = "counter_archive.db is there and not of our making";
    let stay = [kept("counter_1.db", why), kept("counter_archive.db", "it is a symbolic link")];
    assert_eq!(scene.fold().kept, stay);
    assert_eq!(scene.page(), [(r#"c_total{s="a"}"#.to_owned(), 1.0)]);
}

#[test]
fn ruby_metrics_are_folded_as_they_are_merged() {
    let scene = Scene::new();
    for (process, value) in [("1", 3.0), ("2", 9.0), ("3", 5.0)] {
        scene.write(Dialect::Ruby, &format!("metric_depth___{process}.bin"), &[("a=1", value, value)]);
        scene.write(
            Dialect::Ruby,
            &format!("metric_h___{process}.bin"),
            &[("le=1", 1.0, 0.0), ("le=sum", value, 0.0)],
        );
    }
    let max = "max".parse().unwrap();
    let aggregations = [("depth".to_owned(), max)].into();
    let folded = Folder::new(scene.path(), Options { stopped: true, aggregations, ..Options::default() })
        .fold()
        .unwrap();
    assert_eq!(folded.archives, ["metric_depth___archive.bin", "metric_h___archive.bin"]);
    let numbers = |name: &str| {
        let bytes = fs::read(scene.at(name)).unwrap();
        let used = &bytes[..dialects::used(&bytes)];
        let records = dialects::records(Dialect::Ruby, used, dialects::HEADER_LEN);
        records
            .map(|it| it.map(|it| (String::from_utf8_lossy(it.key).into_owned(), it.value)).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers("metric_depth___archive.bin"), [("a=1".to_owned(), 9.0)]);
    assert_eq!(numbers("metric_h___archive.bin"), [("le=1".to_owned(), 3.0), ("le=sum".to_owned(), 17.0)]);
}

#[test]
fn a_file_of_somebody_elses_that_is_named_as_an_archive_is_left_alone() {
    let scene = Scene::new();
    scene.counter("archive", &[("a", 1.0)]);
    scene.counter("1", &[("a", 2.0)]);
    let folded = scene.fold();
    let why = "counter_archive.db is there and not of our making";
    assert_eq!(folded.kept, [kept("counter_1.db", why), kept("counter_archive.db", why)]);
    assert_eq!(scene.names(), ["counter_1.db", "counter_archive.db"]);
}

#[test]
fn gauges_of_the_living_go_with_their_processes() {
    let scene = Scene::new();
    scene.write(Dialect::PYTHON, "gauge_livesum_1.db", &[(GAUGE, 1.0, 0.0)]);
    scene.write(Dialect::PYTHON, "gauge_livesum_2.db", &[(GAUGE, 2.0, 0.0)]);
    let _living = hold(&scene.at("gauge_livesum_2.db"));
    assert_eq!(scene.page_as(Liveness::AsFiled), [("g".to_owned(), 3.0)]);
    assert_eq!(scene.page_as(Liveness::Observed), [("g".to_owned(), 2.0)]);
    assert_eq!(scene.fold().dropped, 1);
    assert_eq!(scene.names(), ["gauge_livesum_2.db"]);
    assert_eq!(scene.page_as(Liveness::AsFiled), [("g".to_owned(), 2.0)]);
}

#[test]
fn an_archive_is_of_the_user_and_mode_of_the_files_in_it() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let scene = Scene::new();
    scene.counter("1", &[("a", 1.0)]);
    fs::set_permissions(scene.at("counter_1.db"), fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(scene.at("counter_1.db")).unwrap();
    scene.fold();
    let after = fs::metadata(scene.at("counter_archive.db")).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
}
