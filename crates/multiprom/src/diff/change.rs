//! A series of two pages that is not the same on both.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use metrics_core::{FamilySnapshot, Kind, Label, Series, Snapshot};

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) series: Arc<Series>,
    pub(super) kind: Kind,
    /// None where it is new.
    pub(super) old: Option<f64>,
    /// None where it is gone.
    pub(super) new: Option<f64>,
}

/// A counter that falls by less than this part of itself has only been added up in another order.
const LAST_BITS: f64 = 1e-9;

impl Change {
    /// `gone`, `new`, `fell` or `changed`.
    pub(super) fn word(&self) -> &'static str {
        match (self.old, self.new) {
            (_, None) => "gone",
            (None, _) => "new",
            _ if self.is_fall() => "fell",
            _ => "changed",
        }
    }

    pub(super) fn difference(&self) -> Option<f64> {
        Some(self.new? - self.old?)
    }

    /// Whether a number fell that only grows.
    pub(super) fn is_fall(&self) -> bool {
        let (Some(old), Some(new)) = (self.old, self.new) else { return false };
        only_grows(self.kind, &self.series.name) && old - new > LAST_BITS * old.abs()
    }
}

/// Whether the numbers of a sample only grow. Of a page without types the names tell.
fn only_grows(kind: Kind, name: &str) -> bool {
    match kind {
        Kind::Counter | Kind::Histogram | Kind::Summary => !name.ends_with("_created"),
        Kind::Unknown => ["_total", "_bucket", "_count"].iter().any(|suffix| name.ends_with(suffix)),
        _ => false,
    }
}

/// What is not the same on both pages: what is gone or changed in the order of the first, then what is new in the
/// order of the second. `NaN` is the same as `NaN`.
pub(super) fn changes(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let old: HashSet<Identity<'_>> = samples(before).map(|(_, id, _)| id).collect();
    let new: HashMap<Identity<'_>, f64> = samples(after).map(|(_, id, (_, value))| (id, value)).collect();
    let mut changes = Vec::new();
    for (family, id, (series, old)) in samples(before) {
        let new = new.get(&id).copied();
        let same = new.is_some_and(|new| new == old || (new.is_nan() && old.is_nan()));
        if !same {
            changes.push(Change { series: series.clone(), kind: family.kind, old: Some(old), new });
        }
    }
    for (family, id, (series, new)) in samples(after) {
        if !old.contains(&id) {
            changes.push(Change { series: series.clone(), kind: family.kind, old: None, new: Some(new) });
        }
    }
    changes
}

/// What tells a series from all others: labels may stand in any order.
type Identity<'a> = (&'a str, Vec<&'a Label>);

fn samples(page: &Snapshot) -> impl Iterator<Item = (&FamilySnapshot, Identity<'_>, (&Arc<Series>, f64))> {
    page.families.iter().flat_map(|family| {
        family.samples.iter().map(move |sample| {
            let mut labels: Vec<&Label> = sample.series.labels.iter().collect();
            labels.sort_unstable();
            (family, (&*sample.series.name, labels), (&sample.series, sample.value))
        })
    })
}
