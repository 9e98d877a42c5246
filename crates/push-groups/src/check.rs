//! Whether one page can show what one push says.

use hashbrown::HashSet;
use metrics_core::Kind;

use crate::family::series_labels;
use crate::{Family, GroupKey, Inconsistent, Metric, is_label_name, quoted};

/// Whether these families can stand on one page under the labels of their group, as far as they alone can tell: names
/// of labels, and no series twice. What other groups and other families say is the matter of
/// [`Claims`](crate::Claims). Values are never wrong: a counter may be negative, buckets may fall.
///
/// Costs some nanoseconds for each metric.
///
/// # Errors
/// At the first metric that cannot be shown, worded as the official push gateway words it.
///
/// Source: `checkMetricConsistency` of Prometheus' Go client (`prometheus/registry.go`).
pub fn check(key: &GroupKey, families: &[Family]) -> Result<(), Inconsistent> {
    let group_has_quantile = key.label(QUANTILE).is_some();
    for family in families {
        for metric in &family.metrics {
            if family.kind == Kind::Summary && (group_has_quantile || has(metric, QUANTILE)) {
                let why = format!("must not have an explicit {QUANTILE:?} label");
                return Err(inconsistent(key, &family.name, metric, &why));
            }
            check_names(key, &family.name, metric)?;
        }
        if let Some(metric) = twice(&family.metrics) {
            let why = "was collected before with the same name and label values";
            return Err(inconsistent(key, &family.name, metric, why));
        }
    }
    Ok(())
}

const QUANTILE: &str = "quantile";

/// Whether all labels of a metric have names, each one of its own.
pub(crate) fn check_names(key: &GroupKey, family: &str, metric: &Metric) -> Result<(), Inconsistent> {
    let mut before = None;
    for (name, _) in &metric.labels {
        if before == Some(name) {
            let why = format!("has two or more labels with the same name: {name}");
            return Err(inconsistent(key, family, metric, &why));
        }
        if !is_label_name(name) || name.starts_with("__") {
            let why = format!("has a label with an invalid name: {name}");
            return Err(inconsistent(key, family, metric, &why));
        }
        before = Some(name);
    }
    Ok(())
}

/// That a metric cannot be shown, and why.
pub(crate) fn inconsistent(key: &GroupKey, family: &str, metric: &Metric, why: &str) -> Inconsistent {
    const LONGEST: usize = 2000; // bytes
    let mut text = format!("collected metric {} {{ ", quoted(family.as_bytes()));
    for (name, value) in series_labels(key.labels(), &metric.labels) {
        if text.len() > LONGEST {
            text.push_str("... ");
            break;
        }
        let value = value.get(..value.floor_char_boundary(LONGEST)).unwrap_or_default();
        text.push_str(&format!(
            "label:<name:{} value:{} > ",
            quoted(name.as_bytes()),
            quoted(value.as_bytes())
        ));
    }
    Inconsistent(format!("{text}}} {why}"))
}

fn has(metric: &Metric, label: &str) -> bool {
    metric.labels.iter().any(|(name, _)| **name == *label)
}

/// The second of two metrics that are one series.
fn twice(metrics: &[Metric]) -> Option<&Metric> {
    const FEW: usize = 8; // metrics that are faster compared with each other than put into a set
    if metrics.len() <= FEW {
        let again = |(at, metric): &(usize, &Metric)| {
            metrics.iter().take(*at).any(|before| series(before).eq(series(metric)))
        };
        return metrics.iter().enumerate().find(again).map(|(_, metric)| metric);
    }
    let mut seen = HashSet::with_capacity_and_hasher(metrics.len(), foldhash::fast::RandomState::default());
    metrics.iter().find(|metric| !seen.insert(series(metric).collect::<Vec<_>>()))
}

/// What of a metric's labels tells it from others of its family and group.
fn series(metric: &Metric) -> impl Iterator<Item = (&str, &str)> {
    let labels = metric.labels.iter().map(|(name, value)| (&**name, &**value));
    labels.filter(|label| *label != ("instance", ""))
}

#[cfg(test)]
mod tests;
