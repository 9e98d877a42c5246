//! Two stores that should show the same.

use std::fmt::Write;

use metrics_core::{
    Counter, Declare, DeclareError, Gauge, Histogram, Kind, Metric, Registry, Sample, Snapshot, Store,
    Summary,
};
use proptest::test_runner::TestCaseError;

use crate::families::Series;
use crate::run::{report, runner};
use crate::steps::{Change, Step, sequences};

/// Checks that two stores give equal [snapshots](Registry::snapshot) for equal sequences: applications that
/// count through a registry cannot tell which one is behind it.
///
/// # Panics
/// When the snapshots differ, with the shortest sequence found that shows it.
pub fn equal(one: impl Fn() -> Box<dyn Store>, other: impl Fn() -> Box<dyn Store>) {
    let outcome = runner().run(&sequences(48), |sequence| {
        // Steps that a handle refuses are part of the sequence, and no news.
        let open = |store| Registry::with_warnings(store, |_| {});
        let (registries, mut story) = ([open(one()), open(other())], String::new());
        for step in &sequence.steps {
            let (series, change) = match *step {
                Step::Ask { series, .. } => (series, None),
                Step::Change { series, change, .. } => (series, Some(change)),
                Step::Open | Step::Reopen { .. } | Step::Read => continue,
            };
            let series = sequence.series(series);
            let _ = writeln!(story, "  {series}: {change:?}");
            for registry in registries {
                if let Err(error) = update(registry, series, change) {
                    return Err(TestCaseError::fail(format!("after\n{story}a store refuses it: {error}")));
                }
            }
        }
        let [ours, theirs] = registries.map(|registry| registry.snapshot());
        if ours != theirs {
            let (ours, theirs) = (lines(&ours), lines(&theirs));
            let differ = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
            let why =
                differ.map_or("one has more lines".to_owned(), |(ours, theirs)| format!("{ours}\n{theirs}"));
            return Err(TestCaseError::fail(format!("the stores' snapshots differ after\n{story}{why}")));
        }
        let rejected = registries.map(|registry| registry.rejected());
        if rejected[0] != rejected[1] {
            return Err(TestCaseError::fail(format!("one store refused more: {rejected:?} after\n{story}")));
        }
        Ok(())
    });
    report(outcome);
}

fn lines(page: &Snapshot) -> Vec<String> {
    let samples = page.families.iter().flat_map(|family| &family.samples);
    let line =
        |sample: &Sample| format!("{} {:?} {:?}", sample.series.name, sample.series.labels, sample.value);
    samples.map(line).collect()
}

/// Counts through the handles that an application has.
fn update(registry: Registry, series: &Series, change: Option<Change>) -> Result<(), DeclareError> {
    let (name, help) = (series.desc.name(), series.desc.help());
    match series.desc.kind() {
        Kind::Counter => {
            let counter: Counter = handle(registry.counter(name, help), series)?;
            if let Some(change) = change {
                counter.inc_by(change.by);
            }
        }
        Kind::Gauge => {
            let declare = registry.gauge(name, help).aggregation(series.desc.aggregation());
            let gauge: Gauge = handle(declare, series)?;
            match change {
                Some(Change { by, set: true }) => gauge.set(by),
                Some(Change { by, set: false }) => gauge.add(by),
                None => {}
            }
        }
        Kind::Histogram => {
            let declare = registry.histogram(name, help).buckets(series.desc.buckets().clone());
            let histogram: Histogram = handle(declare, series)?;
            if let Some(change) = change {
                histogram.observe(change.by);
            }
        }
        _ => {
            let summary: Summary = handle(registry.summary(name, help), series)?;
            if let Some(change) = change {
                summary.observe(change.by);
            }
        }
    }
    Ok(())
}

fn handle<M: Metric>(declare: Declare<'_, M>, series: &Series) -> Result<M, DeclareError> {
    match (series.desc.labels(), &*series.labels()) {
        ([a], &[x]) => Ok(declare.labels([&**a])?.try_with([x])?),
        ([a, b], &[x, y]) => Ok(declare.labels([&**a, &**b])?.try_with([x, y])?),
        _ => declare.register(),
    }
}
