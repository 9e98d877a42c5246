//! Whatever happens to a directory, a limited page is the unlimited one with the label sets beyond the limit added up.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use collector::{Ask, Catalog, Collector, Limits};
use dialects::Dialect;
use metrics_core::{Kind, Snapshot};
use proptest::prelude::*;

use crate::model::{self, BOUNDS, File};
use crate::support::{self, block_on};

/// What happens between two scrapes.
#[derive(Clone, Debug)]
enum Event {
    Appears(File),
    /// A process makes more series.
    Appends(usize, File),
    Vanishes(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let file = || model::nature().prop_flat_map(|nature| model::file(vec![nature], 12));
    prop_oneof![
        4 => file().prop_map(Event::Appears),
        2 => (0..64_usize, file()).prop_map(|(at, more)| Event::Appends(at, more)),
        2 => (0..64_usize).prop_map(Event::Vanishes),
    ]
}

/// Files of few natures, so that processes share families.
fn story() -> impl Strategy<Value = (Vec<File>, Vec<Vec<Event>>)> {
    prop::collection::vec(model::nature(), 1..3).prop_flat_map(|natures| {
        let files = prop::collection::vec(model::file(natures, 12), 1..8);
        (files, prop::collection::vec(prop::collection::vec(event(), 0..3), 1..5))
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = || prop::option::weighted(0.7, 0..5_usize);
    (limit(), prop::option::weighted(0.5, 0..8_usize))
        .prop_map(|(series_per_family, series)| Limits { series_per_family, series })
}

fn happen(event: Event, files: &mut Vec<File>, directory: &Path) {
    match event {
        Event::Appears(file) => {
            files.retain(|known| known.name() != file.name());
            file.write(directory, true);
            files.push(file);
            files.sort_by_key(File::name);
        }
        Event::Appends(number, more) if !files.is_empty() => {
            let number = number % files.len();
            let file = &mut files[number];
            let nature = |file: &File| (file.dialect, file.kind, file.aggregation);
            if nature(file) == nature(&more) {
                let key = |it: &model::Record| (it.family.clone(), it.suffix, it.labels.clone(), it.le);
                let known: BTreeSet<_> = file.records.iter().map(key).collect();
                file.records.extend(more.records.into_iter().filter(|it| !known.contains(&key(it))));
                file.write(directory, false);
            }
        }
        Event::Vanishes(number) if !files.is_empty() => {
            let number = number % files.len();
            fs::remove_file(directory.join(files.remove(number).name())).unwrap();
        }
        Event::Appends(..) | Event::Vanishes(_) => {}
    }
}

type Labels = BTreeMap<String, String>;

/// By family and label set: sample name, `le` and `pid`, and the bits of the number.
type Page = BTreeMap<(String, Labels), BTreeMap<(String, Option<String>, Option<String>), u64>>;

fn page_of(collector: &Collector) -> Page {
    let page: std::sync::Arc<Snapshot> = block_on(collector.collect(&Ask::default())).unwrap();
    let mut sets = Page::new();
    for family in &page.families {
        for sample in &family.samples {
            let labels = sample.series.labels.iter();
            let mut labels: Labels =
                labels.map(|label| (label.name.to_string(), label.value_text().into_owned())).collect();
            let rest = (sample.series.name.to_string(), labels.remove("le"), labels.remove("pid"));
            let set = sets.entry((family.name.to_string(), labels)).or_default();
            assert!(set.insert(rest, support::bits(sample.value)).is_none(), "a series stands twice");
        }
    }
    sets
}

fn is_overflow(labels: &Labels) -> bool {
    labels.contains_key("overflow")
}

/// The label sets that get series of their own from nothing: file by file, record by record.
fn admitted(files: &[File], limits: Limits) -> BTreeSet<(String, Labels)> {
    let mut admitted: BTreeSet<(String, Labels)> = BTreeSet::new();
    let mut closed: BTreeSet<&str> = BTreeSet::new();
    for record in files.iter().flat_map(|file| &file.records) {
        let set = (record.family.clone(), record.labels.iter().cloned().collect());
        let of_family = admitted.iter().filter(|(family, _)| *family == record.family).count();
        if admitted.contains(&set) {
            continue;
        }
        let has_room = limits.series_per_family.is_none_or(|limit| of_family < limit)
            && limits.series.is_none_or(|limit| admitted.len() < limit);
        if has_room && !closed.contains(&*record.family) {
            admitted.insert(set);
        } else {
            closed.insert(&record.family);
        }
    }
    admitted
}

/// Of families whose numbers add up: the sum over their label sets, by sample name and, in a histogram, bound. A label
/// set without a bound has counted there what it has counted below.
fn sums(page: &Page, files: &[File]) -> BTreeMap<(String, Option<String>), f64> {
    let mut sums = BTreeMap::new();
    let adds_up = |family: &str| {
        let of = files.iter().filter(|file| file.records.iter().any(|record| record.family == family));
        let mut of = of.map(|file| {
            let sum = file.aggregation.mode == metrics_core::Mode::Sum;
            // Their buckets come in no order here, and their numbers do not rise.
            sum && !(file.dialect == Dialect::Gitlab && file.kind == Kind::Histogram)
        });
        of.all(|adds_up| adds_up)
    };
    for ((family, _), numbers) in page.iter().filter(|((family, _), _)| adds_up(family)) {
        let mut buckets: BTreeMap<usize, f64> = BTreeMap::new();
        for ((sample, le, _), bits) in numbers {
            match le {
                Some(le) => {
                    let at = BOUNDS.iter().position(|bound| bound == le).unwrap();
                    buckets.insert(at, f64::from_bits(*bits));
                }
                None => *sums.entry((sample.clone(), None)).or_insert(0.0) += f64::from_bits(*bits),
            }
        }
        for (at, le) in BOUNDS.iter().enumerate() {
            let below = buckets.range(..=at).next_back().map_or(0.0, |(_, count)| *count);
            *sums.entry((format!("{family}_bucket"), Some((*le).to_owned()))).or_insert(0.0) += below;
        }
        let counts: Vec<f64> = buckets.into_values().collect();
        assert!(counts.is_sorted(), "{family} is not cumulative: {counts:?}");
    }
    // What is not finite adds up to something else in another order.
    sums.retain(|_, sum| sum.is_finite());
    sums
}

fn check(page: &Page, unlimited: &Page, files: &[File], limits: Limits) {
    let own: Vec<_> = page.iter().filter(|((_, labels), _)| !is_overflow(labels)).collect();
    for (set, numbers) in &own {
        assert_eq!(Some(*numbers), unlimited.get(set), "{set:?}");
    }
    assert!(limits.series.is_none_or(|limit| own.len() <= limit));
    let families: BTreeSet<&String> = page.keys().map(|(family, _)| family).collect();
    let unlimited_families: BTreeSet<&String> = unlimited.keys().map(|(family, _)| family).collect();
    assert_eq!(families, unlimited_families);
    for family in families {
        let sets = own.iter().filter(|((of, _), _)| of == family).count();
        assert!(limits.series_per_family.is_none_or(|limit| sets <= limit));
    }
    let (ours, theirs) = (sums(page, files), sums(unlimited, files));
    for (of, sum) in ours.iter().filter(|(of, _)| theirs.contains_key(of)) {
        assert_eq!(*sum, theirs[of], "{of:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_limited_page_is_the_unlimited_one_with_the_rest_added_up((files, rounds) in story(), limits in limits()) {
        let directory = tempfile::tempdir().unwrap();
        let catalog = || Catalog::parse(model::ruby_catalog().as_bytes()).unwrap();
        let mut known = Vec::new();
        files.into_iter().for_each(|file| happen(Event::Appears(file), &mut known, directory.path()));
        let kept = crate::limited(directory.path(), catalog(), limits);
        let mut before: Option<(Page, Vec<String>)> = None;
        for round in std::iter::once(Vec::new()).chain(rounds) {
            let replaced: Vec<String> = round.iter().filter_map(|event| match event {
                Event::Appears(file) => Some(file.name()),
                _ => None,
            }).collect();
            round.into_iter().for_each(|event| happen(event, &mut known, directory.path()));
            let unlimited = page_of(&support::collector(directory.path(), catalog()));
            let page = page_of(&kept);
            check(&page, &unlimited, &known, limits);

            let names: Vec<String> = known.iter().map(File::name).collect();
            if let Some((before, files)) = before.replace((page.clone(), names.clone())) {
                let survives = |name: &String| names.contains(name) && !replaced.contains(name);
                // Where nothing is left of a directory, it is another one.
                if files.iter().any(survives) {
                    for set in before.keys().filter(|set| unlimited.contains_key(set)) {
                        prop_assert!(page.contains_key(set), "{:?} has lost its series", set);
                    }
                }
            }

            let fresh = page_of(&crate::limited(directory.path(), catalog(), limits));
            check(&fresh, &unlimited, &known, limits);
            let admitted = admitted(&known, limits);
            for set in unlimited.keys() {
                prop_assert_eq!(fresh.contains_key(set), admitted.contains(set), "{:?}", set);
            }
        }
    }
}
