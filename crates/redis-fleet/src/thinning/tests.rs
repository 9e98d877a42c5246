use std::collections::BTreeMap;
use std::sync::Arc;

use metrics_core::{Declaration, Desc, Kind};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MODES: [&str; 5] = ["sum", "min", "max", "mostrecent", "all"];

fn gauge(mode: &str) -> Arc<Desc> {
    let aggregation = Some(mode.parse().unwrap());
    let name = format!("g_{mode}");
    let declared = Declaration { labels: &["l"], aggregation, ..Declaration::new(Kind::Gauge, &name, "") };
    Arc::new(Desc::new(&declared).unwrap())
}

/// A number of a dead process: its mode, which process, which label value, the number, when it was set or the process
/// died.
type Number = (usize, u8, u8, f64, f64);

fn number() -> impl Strategy<Value = Number> {
    (0..MODES.len(), 0_u8..12, 0_u8..2, -9..9_i8, 0_u8..100)
        .prop_map(|(mode, process, label, value, time)| (mode, process, label, value.into(), f64::from(time)))
}

/// What is kept of these dead, each label set once.
fn kept(numbers: &[Number]) -> Kept {
    let mut kept = Kept::default();
    let mut there = HashSet::default();
    for &(mode, process, label, value, time) in numbers {
        let whose = if mode == 0 { String::new() } else { format!("p{process}") };
        if there.insert((mode, whose.clone(), label)) {
            kept.schema.push(&gauge(MODES[mode]), &whose, &[&label.to_string()]);
            kept.values.push(value);
            kept.beside.push(match MODES[mode] {
                "sum" => 0.0,
                // Which of two that were set at once is later, nobody says.
                "mostrecent" => time + kept.values.len() as f64 / 1e3,
                _ => time,
            });
        }
    }
    kept
}

/// What a page of prometheus_client's has of it: by family, label and, of mode `all`, process.
fn page(schema: &Schema, values: &[f64], beside: &[f64]) -> BTreeMap<(String, String, String), f64> {
    let mut page: BTreeMap<_, (f64, f64)> = BTreeMap::new();
    for set in schema.sets() {
        let (value, time) = (values[set.numbers.start], beside[set.numbers.start]);
        let mode = set.desc.aggregation().mode;
        let process = if mode == Mode::All { set.process.to_string() } else { String::new() };
        let shown = page.entry((set.desc.name().to_owned(), set.values[0].to_string(), process));
        shown
            .and_modify(|(shown, latest)| match mode {
                Mode::Min => *shown = shown.min(value),
                Mode::Max => *shown = shown.max(value),
                Mode::MostRecent if time > *latest => (*shown, *latest) = (value, time),
                Mode::MostRecent => {}
                _ => *shown += value,
            })
            .or_insert((value, time));
    }
    page.into_iter().map(|(place, (value, _))| (place, value)).collect()
}

proptest! {
    #[test]
    fn what_is_merged_stays_as_it_is_on_a_page_and_of_all_the_last_to_die_stay(
        numbers in vec(number(), 0..60),
        back in vec(0_u8..12, 0..6),
        most in 0_usize..6,
        age in proptest::option::of(0_u64..100),
    ) {
        let before = kept(&numbers);
        let back = |process: &str| back.iter().any(|it| format!("p{it}") == process);
        let keeping = Keeping { most, age: age.map(Duration::from_secs) };
        let shown = page(&before.schema, &before.values, &before.beside);
        let Some(thinned) = thinned(&before, 100.0, keeping, back) else {
            // There was nothing to do.
            prop_assert!(before.schema.sets().iter().all(|set| !is_merged(set) || back(&set.process)));
            return Ok(());
        };
        let left = page(&thinned.schema, &thinned.values, &thinned.beside);
        let is_all = |place: &(String, String, String)| place.0 == "g_all";
        let (all, other): (BTreeMap<_, _>, BTreeMap<_, _>) =
            left.clone().into_iter().partition(|(place, _)| is_all(place));
        let (all_before, other_before): (BTreeMap<_, _>, BTreeMap<_, _>) =
            shown.into_iter().partition(|(place, _)| is_all(place));
        prop_assert_eq!(other, other_before);

        // Of mode `all`: a process as a whole stays or goes; who stays died after who goes.
        let mut died: BTreeMap<&str, f64> = BTreeMap::new();
        for set in before.schema.sets().iter().filter(|set| set.desc.name() == "g_all") {
            let at = before.beside[set.numbers.start];
            died.entry(&set.process).and_modify(|known| *known = known.max(at)).or_insert(at);
        }
        let mut order: Vec<(&str, f64)> = died.into_iter().collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        let stays: Vec<&str> = order
            .iter()
            .take(most)
            .filter(|(_, died)| age.is_none_or(|age| 100.0 - died <= age as f64))
            .map(|(process, _)| *process)
            .collect();
        let expected: BTreeMap<_, _> =
            all_before.iter().filter(|(place, _)| stays.contains(&&*place.2)).map(|(place, value)| (place.clone(), *value)).collect();
        prop_assert_eq!(&all, &expected);
        prop_assert_eq!(thinned.dropped as usize, all_before.len() - expected.len());

        // Who may come back keeps what it may lower; nothing is left to do the next time.
        for set in thinned.schema.sets().iter().filter(|set| is_merged(set)) {
            prop_assert_eq!(!set.process.is_empty(), back(&set.process));
        }
        let again = kept_of(&thinned);
        prop_assert!(super::thinned(&again, 100.0, keeping, back).is_none());
    }
}

fn kept_of(thinned: &Content) -> Kept {
    let Content { schema, values, beside, .. } = thinned;
    Kept { schema: schema.clone(), values: values.clone(), beside: beside.clone(), ..Kept::default() }
}

#[test]
fn gauges_that_have_gone_win_against_none_and_take_no_place() {
    let number = |mode, process, value| (mode, process, 0, value, 1.0);
    let kept =
        kept(&[number(2, 1, page::GONE), number(2, 2, 5.0), number(4, 1, page::GONE), number(0, 1, 7.0)]);
    let thinned = thinned(&kept, 1.0, Keeping::default(), |_| false).unwrap();
    let shown = self::page(&thinned.schema, &thinned.values, &thinned.beside);
    let of = |mode: &str, value| ((format!("g_{mode}"), "0".to_owned(), String::new()), value);
    assert_eq!(shown, BTreeMap::from([of("max", 5.0), of("sum", 7.0)]));
    assert_eq!(thinned.dropped, 0);
}
