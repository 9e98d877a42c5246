//! Who keeps a series from scrape to scrape, and when one is given to another.

use std::fs;

use collector::{Ask, Catalog, DirSource, Source, Tally};

use crate::pages::counters;
use crate::support::{self, block_on};
use crate::{limited, lines, of_directory, of_family};

#[test]
fn who_was_there_first_keeps_its_series() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    counters(path, 5, &[("c", "/a", 1.0), ("c", "/b", 2.0)]);
    let collector = limited(path, Catalog::default(), of_family(2));
    lines(&collector);
    // A file that is listed before it, with others; and the first one grows.
    counters(path, 1, &[("c", "/x", 4.0), ("c", "/b", 8.0)]);
    counters(path, 5, &[("c", "/a", 1.0), ("c", "/b", 2.0), ("c", "/y", 16.0)]);
    let expected =
        [r#"c_total{overflow="true"} 20.0"#, r#"c_total{path="/b"} 10.0"#, r#"c_total{path="/a"} 1.0"#];
    assert_eq!(lines(&collector), expected);
    // Who starts anew goes by the order of the files.
    assert_eq!(
        lines(&limited(path, Catalog::default(), of_family(2))),
        [r#"c_total{path="/x"} 4.0"#, r#"c_total{path="/b"} 10.0"#, r#"c_total{overflow="true"} 17.0"#,]
    );
    assert_eq!(lines(&collector), expected);
}

#[test]
fn a_series_whose_files_have_gone_makes_room_for_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    counters(path, 1, &[("c", "/a", 1.0)]);
    counters(path, 2, &[("c", "/b", 2.0)]);
    let collector = limited(path, Catalog::default(), of_family(2));
    lines(&collector);
    fs::remove_file(path.join("counter_1.db")).unwrap();
    assert_eq!(lines(&collector), [r#"c_total{path="/b"} 2.0"#]);
    counters(path, 3, &[("c", "/x", 4.0), ("c", "/a", 8.0)]);
    assert_eq!(
        lines(&collector),
        [r#"c_total{path="/b"} 2.0"#, r#"c_total{path="/x"} 4.0"#, r#"c_total{overflow="true"} 8.0"#,]
    );
}

/// Else the overflow, a counter, would fall when a file is read anew of which a part has gone there.
#[test]
fn what_was_refused_stays_in_the_overflow_as_long_as_it_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    counters(path, 1, &[("c", "/a", 1.0), ("d", "/a", 1.0)]);
    counters(path, 2, &[("c", "/b", 2.0)]);
    let collector = limited(path, Catalog::default(), of_directory(2));
    lines(&collector);
    fs::remove_file(path.join("counter_1.db")).unwrap();
    assert_eq!(lines(&collector), [r#"c_total{overflow="true"} 2.0"#]);
    counters(path, 3, &[("c", "/b", 4.0), ("d", "/b", 8.0)]);
    assert_eq!(lines(&collector), [r#"c_total{overflow="true"} 6.0"#, r#"d_total{path="/b"} 8.0"#]);
    // When nothing of it is left, there is room again.
    fs::remove_file(path.join("counter_2.db")).unwrap();
    counters(path, 3, &[("d", "/b", 8.0)]);
    assert_eq!(lines(&collector), [r#"d_total{path="/b"} 8.0"#]);
    fs::remove_file(path.join("counter_3.db")).unwrap();
    counters(path, 4, &[("c", "/b", 4.0), ("d", "/b", 8.0)]);
    assert_eq!(lines(&collector), [r#"c_total{path="/b"} 4.0"#, r#"d_total{path="/b"} 8.0"#]);
}

#[test]
fn after_a_directory_was_wiped_the_new_label_sets_have_its_series() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let collector = limited(path, Catalog::default(), of_family(1));
    for (process, version) in [(1, "1"), (2, "2"), (3, "3")] {
        counters(path, process, &[("c", version, 1.0), ("c", "more", 2.0)]);
        assert_eq!(
            lines(&collector),
            [format!(r#"c_total{{path="{version}"}} 1.0"#), r#"c_total{overflow="true"} 2.0"#.to_owned()]
        );
        fs::remove_file(path.join(format!("counter_{process}.db"))).unwrap();
    }
}

/// A collector forgets everything when most of what it knows has gone; which series there are must not be decided anew.
#[test]
fn series_stay_when_a_tally_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    counters(path, 5, &[("c", "/a", 1.0), ("c", "/b", 2.0)]);
    let source = DirSource::new(vec![support::directory(path)], Catalog::default()).unwrap();
    let source = source.limited(of_family(1));
    let ask = Ask::default();
    block_on(source.read(&ask, &mut Tally::default())).unwrap();
    counters(path, 1, &[("c", "/x", 4.0)]);
    let mut tally = Tally::default();
    for _ in 0..2 {
        tally.restart();
        block_on(source.read(&ask, &mut tally)).unwrap();
        let page = support::encoded(exposition::Format::TEXT, &tally.finish(&ask));
        assert!(page.ends_with("c_total{overflow=\"true\"} 6.0\nc_total{path=\"/a\"} 1.0\n"), "{page}");
    }
}

/// A fold moves the numbers of the dead into another file, in an order of its own.
#[test]
fn whoever_is_folded_keeps_its_series() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    counters(path, 1, &[("c", "/a", 1.0), ("c", "/b", 2.0)]);
    let collector = limited(path, Catalog::default(), of_family(1));
    lines(&collector);
    counters(path, 2, &[("c", "/b", 2.0), ("c", "/a", 1.0)]);
    fs::remove_file(path.join("counter_1.db")).unwrap();
    fs::rename(path.join("counter_2.db"), path.join("counter_archive.db")).unwrap();
    for _ in 0..2 {
        assert_eq!(lines(&collector), [r#"c_total{overflow="true"} 2.0"#, r#"c_total{path="/a"} 1.0"#]);
    }
}
