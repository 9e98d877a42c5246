//! Whatever happens to a directory between scrapes, the page is what a naive merge makes of its files.
#![allow(clippy::unwrap_used)]

mod model;
mod naive;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use collector::{Ask, By, Catalog, Collector, DirSource, Source};
use metrics_core::Snapshot;
use model::{File, Nature};
use proptest::prelude::*;
use support::bits;

/// What happens between two scrapes.
#[derive(Clone, Debug)]
enum Event {
    /// A file of this name appears, or another one takes its place.
    Appears(File),
    /// A process writes into one of its files.
    Writes(usize, Vec<f64>),
    /// Another process makes the series that one has made, in the same order, but for the last ones. The other
    /// arguments are its name, a share of the series, and its numbers, which come round.
    Follows(usize, &'static str, f64, Vec<f64>),
    /// A process makes more series.
    Appends(usize, File),
    Vanishes(usize),
    /// Somebody cuts a file short; the argument is a share of its length.
    Cut(usize, f64),
}

fn event(natures: Vec<Nature>) -> impl Strategy<Value = Event> {
    let process = prop::sample::select(vec!["7", "8", "9", "w_1"]);
    let values = || prop::collection::vec((0..4000_i32).prop_map(|it| f64::from(it) / 8.0), 1..8);
    prop_oneof![
        4 => model::file(natures.clone(), 10).prop_map(Event::Appears),
        3 => (0..64_usize, values()).prop_map(|(at, values)| Event::Writes(at, values)),
        4 => (0..64_usize, process, prop_oneof![2 => Just(1.0), 1 => 0.0..1.0], values())
            .prop_map(|(at, process, share, values)| Event::Follows(at, process, share, values)),
        3 => (0..64_usize, model::file(natures, 8)).prop_map(|(at, more)| Event::Appends(at, more)),
        1 => (0..64_usize).prop_map(Event::Vanishes),
        1 => (0..64_usize, 0.0..1.0).prop_map(|(at, share)| Event::Cut(at, share)),
    ]
}

/// Files that are there at first, and what happens between scrapes. Few natures, so that processes share
/// families.
fn story() -> impl Strategy<Value = (Vec<File>, Vec<Vec<Event>>)> {
    prop::collection::vec(model::nature(), 1..4).prop_flat_map(|natures| {
        let files = prop::collection::vec(model::file(natures.clone(), 10), 0..8);
        (files, prop::collection::vec(prop::collection::vec(event(natures), 0..4), 1..5))
    })
}

/// Does to the files and to the directory what happens.
fn happen(event: Event, files: &mut Vec<File>, directory: &Path) {
    let at = |number: usize, files: &[File]| (!files.is_empty()).then(|| number % files.len());
    match event {
        Event::Appears(file) => {
            files.retain(|known| known.name() != file.name());
            file.write(directory, true);
            files.push(file);
            files.sort_by_key(File::name);
        }
        Event::Writes(number, values) => {
            let Some(at) = at(number, files) else { return };
            for (record, value) in files[at].records.iter_mut().zip(values) {
                record.value = value;
            }
            files[at].write(directory, false);
        }
        Event::Follows(number, process, share, values) => {
            let Some(at) = at(number, files) else { return };
            let mut file = File { process: process.to_owned(), cut: None, ..files[at].clone() };
            file.records.truncate((file.records.len() as f64 * share).round() as usize);
            for (record, value) in file.records.iter_mut().zip(values.iter().cycle()) {
                record.value = *value;
            }
            happen(Event::Appears(file), files, directory);
        }
        Event::Appends(number, more) => {
            let Some(at) = at(number, files) else { return };
            let file = &mut files[at];
            let same =
                (file.dialect, file.kind, file.aggregation) == (more.dialect, more.kind, more.aggregation);
            if same && file.cut.is_none() {
                let news = more.records.into_iter().filter(|new| {
                    !file.records.iter().any(|old| {
                        (&old.family, old.suffix, &old.labels, old.le)
                            == (&new.family, new.suffix, &new.labels, new.le)
                    })
                });
                let news: Vec<_> = news.collect();
                file.records.extend(news);
                file.write(directory, false);
            }
        }
        Event::Vanishes(number) => {
            let Some(at) = at(number, files) else { return };
            fs::remove_file(directory.join(files.remove(at).name())).unwrap();
        }
        Event::Cut(number, share) => {
            let Some(at) = at(number, files) else { return };
            files[at].cut = None;
            let (bytes, ends) = files[at].bytes();
            let cut = (bytes.len() as f64 * share) as usize;
            files[at].cut = Some(cut);
            // A number that is whole counts, but when it was set is not known any more.
            for (record, end) in files[at].records.iter_mut().zip(ends) {
                if (end..end + 8).contains(&cut) {
                    record.time = 0.0;
                }
            }
            files[at].write(directory, false);
        }
    }
}

/// Compares a page with the naive one, order and bits included.
fn assert_page(page: &Snapshot, naive: &[naive::Family], what: &str) {
    let ours: Vec<_> = page
        .families
        .iter()
        .map(|family| {
            let lines: Vec<_> = family
                .samples
                .iter()
                .map(|sample| {
                    let labels = sample.series.labels.iter();
                    let labels =
                        labels.map(|label| (label.name.to_string(), label.value_text().into_owned()));
                    (sample.series.name.to_string(), labels.collect::<Vec<_>>(), bits(sample.value))
                })
                .collect();
            (family.name.to_string(), family.kind, lines)
        })
        .collect();
    let naive: Vec<_> = naive
        .iter()
        .map(|(name, kind, lines)| {
            let lines: Vec<_> = lines
                .iter()
                .map(|(name, labels, value)| (name.clone(), labels.clone(), bits(*value)))
                .collect();
            (name.clone(), *kind, lines)
        })
        .collect();
    assert_eq!(ours, naive, "{what}");
}

fn asks() -> Vec<(&'static str, Ask)> {
    let mut by_process = Ask::default();
    by_process.by = By::Process;
    let mut filtered = Ask::default();
    let names =
        ["p_counter_0_total", "p_histogram_0_count", "r_histogram_sum_bucket", "r_histogram_all_count"];
    filtered.names = Some(names.map(str::to_owned).into());
    vec![("merged", Ask::default()), ("by process", by_process), ("filtered", filtered)]
}

fn collector_of(directory: &Path) -> Collector {
    support::collector(directory, Catalog::parse(model::ruby_catalog().as_bytes()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_scrape_equals_the_naive_merge((files, rounds) in story()) {
        let directory = tempfile::tempdir().unwrap();
        let mut known = Vec::new();
        files.into_iter().for_each(|file| happen(Event::Appears(file), &mut known, directory.path()));
        let kept = collector_of(directory.path());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for round in rounds {
            for (what, ask) in asks() {
                let naive = naive::page(&known, ask.by, ask.names.as_deref());
                let page = runtime.block_on(kept.collect(&ask)).unwrap();
                assert_page(&page, &naive, what);
                let fresh = runtime.block_on(collector_of(directory.path()).collect(&ask)).unwrap();
                prop_assert_eq!(
                    support::encoded(exposition::Format::TEXT, &page),
                    support::encoded(exposition::Format::TEXT, &fresh)
                );
            }
            round.into_iter().for_each(|event| happen(event, &mut known, directory.path()));
        }
    }

    /// Sources are merged number by number, not page by page: a mean, a time, a cumulated bucket come out right.
    #[test]
    fn several_sources_equal_the_naive_merge_of_all_files(
        (mut files, rounds) in story(),
    ) {
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let catalog = || Catalog::parse(model::ruby_catalog().as_bytes()).unwrap();
        let sources = directories.iter().map(|directory| {
            let directory = support::directory(directory.path());
            Box::new(DirSource::new(vec![directory], catalog()).unwrap()) as Box<dyn Source>
        });
        let collector = Collector::new(sources.collect());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut known = [Vec::new(), Vec::new()];
        for round in std::iter::once(Vec::new()).chain(rounds) {
            files.extend(round.into_iter().filter_map(|event| match event {
                Event::Appears(file) => Some(file),
                _ => None,
            }));
            for file in files.drain(..) {
                let at = usize::from(file.process == "7");
                happen(Event::Appears(file), &mut known[at], directories[at].path());
            }
            for (what, ask) in asks() {
                let page = runtime.block_on(collector.collect(&ask)).unwrap();
                let all: Vec<File> = known.iter().flatten().cloned().collect();
                assert_page(&page, &naive::page(&all, ask.by, ask.names.as_deref()), what);
            }
        }
    }
}
