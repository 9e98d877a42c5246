//! No counter falls by folding, not by its last bit.

use collector::{Catalog, Collector, DirSource, Directory, Liveness};
use dialects::Dialect;
use proptest::prelude::*;

use crate::scene::{Scene, hold, page_of};

/// Numbers that rounding does not leave alone.
fn awkward() -> impl Strategy<Value = f64> {
    prop_oneof![
        (1..1_000_000_u32).prop_map(|number| f64::from(number) / 10.0),
        (1..1_000_000_u32).prop_map(|number| f64::from(number) * 1e-9),
        0.0..1e15_f64,
        Just(0.1),
        Just(1.0 / 3.0),
        Just(9_007_199_254_740_993.0),
    ]
}

fn falls(before: &[(String, f64)], after: &[(String, f64)]) -> Vec<String> {
    assert_eq!(before.len(), after.len());
    let pairs = before.iter().zip(after);
    pairs
        .filter(|(old, new)| old.0 != new.0 || new.1 < old.1)
        .map(|(old, new)| format!("{old:?} {new:?}"))
        .collect()
}

proptest! {
    #[test]
    fn no_sum_is_less_after_a_fold_however_the_dead_come(
        waves in prop::collection::vec(prop::collection::vec(awkward(), 1..6), 1..5),
        living in prop::collection::vec(awkward(), 0..4),
        dialect in prop_oneof![
            Just(Dialect::PYTHON), Just(Dialect::Python(dialects::Era::F0)), Just(Dialect::Gitlab), Just(Dialect::Ruby),
        ],
    ) {
        let scene = Scene::new();
        let (key, name): (&str, fn(usize) -> String) = match dialect {
            Dialect::Gitlab => (r#"["h","h_sum",[],[]]"#, |at| format!("histogram_{at}-0.db")),
            Dialect::Ruby => ("le=sum", |at| format!("metric_h___{at}.bin")),
            Dialect::Python(dialects::Era::F0) => (r#"["c", "c_total", [], []]"#, |at| format!("counter_{at}.db")),
            _ => (r#"["c", "c_total", {}, "Help."]"#, |at| format!("counter_{at}.db")),
        };
        let mut held = Vec::new();
        for (at, number) in living.iter().enumerate() {
            let name = name(5_000 + at);
            scene.write(dialect, &name, &[(key, *number, 0.0)]);
            held.push(hold(&scene.at(&name)));
        }
        let directory = Directory { path: scene.path().to_owned(), labels: vec![] };
        let source = DirSource::new(vec![directory], Catalog::default()).unwrap();
        let lasting = Collector::new(vec![Box::new(source)]);
        let mut worker = 1_000;
        for wave in waves {
            for number in wave {
                worker += 1;
                scene.write(dialect, &name(worker), &[(key, number, 0.0)]);
            }
            let before = (scene.page(), page_of(&lasting, Liveness::Observed));
            prop_assert!(scene.fold().files > 0);
            let after = (scene.page(), page_of(&lasting, Liveness::Observed));
            prop_assert_eq!(falls(&before.0, &after.0), Vec::<String>::new());
            prop_assert_eq!(falls(&before.1, &after.1), Vec::<String>::new());
            // Whoever starts now shows no less than who has been there all the time.
            prop_assert_eq!(falls(&before.1, &after.0), Vec::<String>::new());
            prop_assert_eq!(falls(&after.1, &after.0), Vec::<String>::new());
        }
    }

    #[test]
    fn whole_numbers_are_exact(
        numbers in prop::collection::vec(0..1_000_000_000_u32, 1..20), turns in 1..4_usize,
    ) {
        let scene = Scene::new();
        let mut sum = 0.0;
        for turn in 0..turns {
            for (at, number) in numbers.iter().enumerate() {
                scene.counter(&format!("{turn}{at:03}"), &[("a", f64::from(*number))]);
                sum += f64::from(*number);
            }
            scene.fold();
            prop_assert_eq!(scene.page(), [("c_total{s=\"a\"}".to_owned(), sum)]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whoever starts in the midst of it shows no less than who has been there before: with the first archive the
    /// directory is added up in another way, in all its families at once.
    #[test]
    fn no_sum_is_less_at_any_moment_of_a_first_fold(
        numbers in prop::collection::vec(awkward(), 2..6), living in prop::collection::vec(awkward(), 0..6),
    ) {
        let scene = Scene::new();
        let mut held = Vec::new();
        for kind in ["counter", "histogram", "summary"] {
            let key = |whose: &str| {
                let key = format!(r#"["{kind}", "{kind}_sum", {{"of": "{whose}"}}, "Help."]"#);
                key.replace("counter_sum", "counter_total")
            };
            for (at, number) in numbers.iter().enumerate() {
                scene.write(Dialect::PYTHON, &format!("{kind}_{at}.db"), &[(&key("the dead"), *number, 0.0)]);
            }
            // A label set that no dead process had.
            for (at, number) in living.iter().enumerate() {
                let name = format!("{kind}_5{at}.db");
                scene.write(Dialect::PYTHON, &name, &[(&key("the living"), *number, 0.0)]);
                held.push(hold(&scene.at(&name)));
            }
        }
        let before = scene.page();
        let mut fell = Vec::new();
        let mut read = 0;
        let folded = scene.folder().fold_in_steps(&mut || {
            // Names change under this lock, and nobody reads meanwhile.
            let window = std::fs::File::open(scene.at(dialects::FOLD_WINDOW));
            if window.is_ok_and(|window| window.try_lock_shared().is_ok()) {
                fell.extend(falls(&before, &scene.page()));
                read += 1;
            }
            true
        });
        prop_assert_eq!(folded.unwrap().archives.len(), 3);
        prop_assert_eq!((fell, read > 3), (Vec::<String>::new(), true));
        prop_assert_eq!(falls(&before, &scene.page()), Vec::<String>::new());
    }
}
