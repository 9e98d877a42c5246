//! What the collector says of itself: the `multiprom_*` families.

use std::time::Duration;

use crate::collector::Stages;
use metrics_core::{FamilySnapshot, Kind, Label, Snapshot};

/// How the scrapes of a collector went.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    done: u64,
    failed: u64,
    took: Duration,
    stages: Stages,
    /// By source, of the last scrape.
    up: Vec<bool>,
    families: usize,
    series: usize,
    readings: usize,
    refused: usize,
}

impl Collections {
    pub(crate) fn done(
        &mut self,
        took: Duration,
        stages: Stages,
        page: &Snapshot,
        readings: usize,
        refused: usize,
    ) {
        self.done += 1;
        self.stages = stages;
        self.took = took;
        self.families = page.families.len();
        self.series = page.families.iter().map(|family| family.samples.len()).sum();
        self.readings = readings;
        self.refused = refused;
    }

    pub(crate) fn failed(&mut self) {
        self.failed += 1;
    }

    /// Takes note of which sources were read in the last scrape.
    pub(crate) fn sources_up(&mut self, up: impl Iterator<Item = bool>) {
        self.up.clear();
        self.up.extend(up);
    }

    pub(crate) fn snapshot(&self, sources: &[String]) -> Snapshot {
        let up = sources.iter().zip(&self.up);
        let up = up.map(|(name, &up)| (vec![Label::new("source", name)], f64::from(u8::from(up))));
        let stages = [("read", self.stages.read), ("merge", self.stages.merge)];
        let stages = stages.map(|(stage, took)| (vec![Label::new("stage", stage)], took.as_secs_f64()));
        let build = [(vec![Label::new("version", env!("CARGO_PKG_VERSION"))], 1.0)];
        let results = [("ok", self.done as f64), ("failed", self.failed as f64)];
        let results = results.map(|(result, count)| (vec![Label::new("result", result)], count));
        let gauge =
            |name, help, value| FamilySnapshot::of_numbers(Kind::Gauge, name, help, [(Vec::new(), value)]);
        Snapshot {
            families: vec![
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_build_info",
                    "Which version this is.",
                    build,
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_source_up",
                    "Whether the source was read by the last scrape.",
                    up,
                ),
                FamilySnapshot::of_numbers(
                    Kind::Counter,
                    "multiprom_collections",
                    "Scrapes, by result.",
                    results,
                ),
                FamilySnapshot::of_numbers(
                    Kind::Gauge,
                    "multiprom_last_collection_stage_seconds",
                    "Time that the stages of the last successful scrape took: reading the sources, and merging them.",
                    stages,
                ),
                gauge(
                    "multiprom_last_collection_seconds",
                    "Time that the last successful scrape took.",
                    self.took.as_secs_f64(),
                ),
                gauge("multiprom_page_families", "Families on the last page.", self.families as f64),
                gauge("multiprom_page_series", "Samples on the last page.", self.series as f64),
                gauge(
                    "multiprom_page_readings",
                    "Numbers of single processes that the last page was merged from.",
                    self.readings as f64,
                ),
                gauge(
                    "multiprom_page_conflicting_readings",
                    "Numbers left out of the last page because their family's name stands for another kind.",
                    self.refused as f64,
                ),
            ],
        }
    }
}

/// One snapshot of several: the samples of families of one name stand together.
pub(crate) fn join(snapshots: impl IntoIterator<Item = Snapshot>) -> Snapshot {
    let mut joined = Snapshot::default();
    for family in snapshots.into_iter().flat_map(|snapshot| snapshot.families) {
        match joined.families.iter_mut().find(|known| known.name == family.name) {
            Some(known) => known.samples.extend(family.samples),
            None => joined.families.push(family),
        }
    }
    joined
}
