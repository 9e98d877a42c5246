//! What the collector says of itself: the `multiprom_*` families.

use std::sync::Arc;
use std::time::Duration;

use metrics_core::{FamilySnapshot, Kind, Label, Sample, Series, Snapshot};

/// How the scrapes of a collector went.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    done: u64,
    failed: u64,
    took: Duration,
    families: usize,
    series: usize,
    readings: usize,
    refused: usize,
}

impl Collections {
    pub(crate) fn done(&mut self, took: Duration, page: &Snapshot, readings: usize, refused: usize) {
        self.done += 1;
        self.took = took;
        self.families = page.families.len();
        self.series = page.families.iter().map(|family| family.samples.len()).sum();
        self.readings = readings;
        self.refused = refused;
    }

    pub(crate) fn failed(&mut self) {
        self.failed += 1;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let results = [("ok", self.done as f64), ("failed", self.failed as f64)];
        let results = results.map(|(result, count)| (vec![Label::new("result", result)], count));
        let gauge = |name, help, value| family(Kind::Gauge, name, help, [(Vec::new(), value)]);
        Snapshot {
            families: vec![
                family(Kind::Counter, "multiprom_collections", "Scrapes, by result.", results),
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

/// A family of numbers with labels.
pub(crate) fn family(
    kind: Kind,
    name: &str,
    help: &str,
    numbers: impl IntoIterator<Item = (Vec<Label>, f64)>,
) -> FamilySnapshot {
    let sample = if kind == Kind::Counter { format!("{name}_total") } else { name.to_owned() };
    let sample = |(labels, value)| Sample::new(Arc::new(Series::new(&*sample, labels)), value);
    FamilySnapshot {
        name: name.into(),
        help: help.into(),
        unit: None,
        kind,
        bare: false,
        samples: numbers.into_iter().map(sample).collect(),
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
