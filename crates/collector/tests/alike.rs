//! Files that are alike, as those of prefork workers are, tell what each of them tells alone.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use collector::{Ask, Catalog, Collector};
use dialects::{Dialect, HEADER_LEN, push_record};
use proptest::prelude::*;

/// In what a file differs from the one that it is like.
#[derive(Clone, Debug)]
enum Twist {
    /// In one byte of its records, wherever that is: a key, a length, padding, a number.
    Byte(usize, u8),
    /// A record lacks, stands twice, or is another one.
    Lacks(usize),
    Twice(usize),
    Other(usize, String),
    /// It begins elsewhere in the order.
    Turned(usize),
    /// It ends earlier.
    Ends(usize),
}

fn twist() -> impl Strategy<Value = Twist> {
    let at = 0..4096_usize;
    prop_oneof![
        4 => (at.clone(), any::<u8>()).prop_map(|(at, byte)| Twist::Byte(at, byte)),
        1 => at.clone().prop_map(Twist::Lacks),
        1 => at.clone().prop_map(Twist::Twice),
        2 => (at.clone(), "[a-c]{0,12}").prop_map(|(at, path)| Twist::Other(at, path)),
        1 => at.clone().prop_map(Twist::Turned),
        1 => at.prop_map(Twist::Ends),
    ]
}

/// The bytes of a file of these label values that differs from what they make.
fn file(paths: &[String], process: usize, dialect: Dialect, twists: &[Twist]) -> Vec<u8> {
    let mut paths = paths.to_vec();
    for twist in twists {
        let len = paths.len();
        match twist {
            Twist::Lacks(at) if len > 1 => drop(paths.remove(at % len)),
            Twist::Twice(at) => paths.push(paths[at % len].clone()),
            Twist::Other(at, path) => paths[at % len] = path.clone(),
            Twist::Turned(at) => paths.rotate_left(at % len),
            Twist::Ends(at) => paths.truncate(1 + at % len),
            _ => {}
        }
    }
    let mut bytes = vec![0; HEADER_LEN];
    for (at, path) in paths.iter().enumerate() {
        let key = match dialect {
            Dialect::Gitlab => format!(r#"["c_total","c_total",["path"],["{path}"]]"#),
            _ => format!(r#"["c", "c_total", {{"path": "{path}"}}, "Help."]"#),
        };
        push_record(dialect, key.as_bytes(), (process * 1000 + at) as f64, 1.0, &mut bytes);
    }
    let used = bytes.len();
    bytes[..4].copy_from_slice(&(used as u32).to_ne_bytes());
    for twist in twists {
        if let Twist::Byte(at, byte) = twist {
            bytes[HEADER_LEN + at % (used - HEADER_LEN)] = *byte;
        }
    }
    bytes
}

/// By name and labels the numbers of a page.
type Lines = BTreeMap<(String, Vec<(String, Vec<u8>)>), f64>;

fn add_lines(collector: &Collector, lines: &mut Lines) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let page = runtime.block_on(collector.collect(&Ask::default())).unwrap();
    for sample in page.families.iter().flat_map(|family| &family.samples) {
        let labels = sample.series.labels.iter();
        let labels = labels.map(|label| (label.name.to_string(), label.value.to_vec())).collect();
        *lines.entry((sample.series.name.to_string(), labels)).or_default() += sample.value;
    }
}

fn collector(directory: &Path) -> Collector {
    support::collector(directory, Catalog::default())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_that_are_alike_tell_together_what_each_tells_alone(
        paths in prop::collection::vec("[a-c/]{0,20}", 1..24),
        dialect in prop::sample::select(vec![Dialect::PYTHON, Dialect::Gitlab]),
        rounds in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(twist(), 0..3), 1..7),
            1..3,
        ),
    ) {
        let (together, alone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let kept = collector(together.path());
        for (round, files) in rounds.iter().enumerate() {
            let mut expected = Lines::new();
            for (process, twists) in files.iter().enumerate() {
                let name = match dialect {
                    Dialect::Gitlab => format!("counter_{process}-0.db"),
                    _ => format!("counter_{process}.db"),
                };
                let bytes = file(&paths, process, dialect, twists);
                // Another file of its name: what is in use of one never changes but in its numbers.
                let new = together.path().join(".new");
                fs::write(&new, &bytes).unwrap();
                fs::rename(new, together.path().join(&name)).unwrap();
                let directory = alone.path().join(format!("{round} {process}"));
                fs::create_dir(&directory).unwrap();
                fs::write(directory.join(name), &bytes).unwrap();
            }
            // Files of the round before that none of this one has overwritten are still there.
            for process in 0..files.len().max(rounds[..round].iter().map(Vec::len).max().unwrap_or(0)) {
                let last = (0..=round).rev().find(|&round| process < rounds[round].len()).unwrap();
                add_lines(&collector(&alone.path().join(format!("{last} {process}"))), &mut expected);
            }
            // A byte may have made any number of any number: sums in another order differ in the last bits, and what
            // has fallen by no more than a billionth is shown as it was.
            let close = |a: f64, b: f64| {
                a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-8 * a.abs()
            };
            for (what, collector) in [("fresh", &collector(together.path())), ("kept", &kept)] {
                let mut found = Lines::new();
                add_lines(collector, &mut found);
                prop_assert!(
                    found.keys().eq(expected.keys())
                        && found.values().zip(expected.values()).all(|(&a, &b)| close(a, b)),
                    "{}: {:?} instead of {:?}", what, found, expected
                );
            }
        }
    }
}
