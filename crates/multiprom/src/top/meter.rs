//! Meters: the numbers of a page that have a rate. A histogram or a summary is one meter for each label set.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics_core::{FamilySnapshot, Kind, Label, Series, Snapshot};

/// See the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    pub(super) series: Arc<Series>,
    pub(super) kind: Kind,
    /// The number; of histograms and summaries how many observations there were.
    pub(super) value: f64,
    /// Of histograms and summaries: the sum of all observations.
    sum: Option<f64>,
}

/// How a meter moves.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) meter: Meter,
    /// By how much it changes in a second; none where it was read but once.
    pub(super) rate: Option<f64>,
    /// Of histograms and summaries: the mean of the observations since the last reading, if there were any.
    pub(super) mean: Option<f64>,
}

impl Meter {
    /// The name for people: of histograms and summaries that of the family.
    pub(super) fn name(&self) -> &str {
        match self.sum {
            Some(_) => self.series.name.strip_suffix("_count").unwrap_or(&self.series.name),
            None => &self.series.name,
        }
    }

    /// Whether it counts: then what it moves is work that was done.
    pub(super) fn counts(&self) -> bool {
        matches!(self.kind, Kind::Counter | Kind::Histogram | Kind::Summary)
    }
}

/// The meters of a page, in its order.
pub(super) fn meters(page: &Snapshot) -> Vec<Meter> {
    let mut meters = Vec::new();
    for family in &page.families {
        match family.kind {
            Kind::Histogram | Kind::Summary => push_observed(family, &mut meters),
            kind => meters.extend(family.samples.iter().map(|sample| Meter {
                series: Arc::clone(&sample.series),
                kind,
                value: sample.value,
                sum: None,
            })),
        }
    }
    meters
}

/// One meter for each `_count`. The label sets of the sums have the same order.
fn push_observed(family: &FamilySnapshot, meters: &mut Vec<Meter>) {
    let ending_in = |suffix: &'static str| {
        let named = move |name: &str| name.strip_prefix(&*family.name) == Some(suffix);
        family.samples.iter().filter(move |sample| named(&sample.series.name))
    };
    let mut sums = ending_in("_sum").peekable();
    for count in ending_in("_count") {
        let sum = sums.next_if(|sum| sum.series.labels == count.series.labels);
        meters.push(Meter {
            series: Arc::clone(&count.series),
            kind: family.kind,
            value: count.value,
            sum: Some(sum.map_or(f64::NAN, |sum| sum.value)),
        });
    }
}

/// How meters have moved since they were read before, so long ago; not at all where that is not known.
pub(super) fn rows(before: Option<(&[Meter], Duration)>, now: &[Meter]) -> Vec<Row> {
    let Some((before, passed)) = before else {
        return now.iter().map(|meter| Row { meter: meter.clone(), rate: None, mean: None }).collect();
    };
    let seconds = passed.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut found = Found { before, places: None };
    let row = |(at, meter): (usize, &Meter)| {
        let old = found.find(at, meter);
        let moved = meter.moved_since(old);
        let sum = meter
            .sum
            .map(|sum| sum - old.and_then(|old| old.sum).filter(|_| moved < meter.value).unwrap_or(0.0));
        Row {
            meter: meter.clone(),
            rate: Some(moved / seconds),
            mean: sum.filter(|sum| moved > 0.0 && sum.is_finite()).map(|sum| sum / moved),
        }
    };
    now.iter().enumerate().map(row).collect()
}

impl Meter {
    /// By how much it has changed. What counts began at 0: when it was made, and after a fall.
    fn moved_since(&self, before: Option<&Meter>) -> f64 {
        match before {
            Some(before) if !self.counts() || before.value <= self.value => self.value - before.value,
            _ if self.counts() => self.value,
            _ => 0.0,
        }
    }
}

/// Meters of before, looked up. From page to page most stand in the same place.
struct Found<'a> {
    before: &'a [Meter],
    places: Option<HashMap<(&'a str, &'a [Label]), &'a Meter>>,
}

impl<'a> Found<'a> {
    fn find(&mut self, at: usize, meter: &Meter) -> Option<&'a Meter> {
        let before = self.before;
        let same = |other: &&Meter| Arc::ptr_eq(&other.series, &meter.series) || other.series == meter.series;
        before.get(at).filter(same).or_else(|| {
            let places = self.places.get_or_insert_with(|| {
                before.iter().map(|meter| ((&*meter.series.name, &*meter.series.labels), meter)).collect()
            });
            places.get(&(&*meter.series.name, &*meter.series.labels)).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use exposition::{Syntax, parse};

    use super::*;

    fn meters_of(page: &str) -> Vec<Meter> {
        meters(&parse(Syntax::Text1, page.as_bytes()).unwrap())
    }

    /// `name rate mean` for each meter, two seconds later.
    fn moved(before: &str, after: &str) -> Vec<String> {
        let (before, after) = (meters_of(before), meters_of(after));
        let rows = rows(Some((&before, Duration::from_secs(2))), &after);
        let text = |row: &Row| format!("{} {:?} {:?}", row.meter.name(), row.rate.unwrap(), row.mean);
        rows.iter().map(text).collect()
    }

    #[test]
    fn what_counts_moves_up_also_after_a_fall_and_what_does_not_moves_both_ways() {
        let before =
            "# TYPE a_total counter\na_total 10\n# TYPE b_total counter\nb_total 10\n# TYPE g gauge\ng 9\n";
        let after = "# TYPE b_total counter\nb_total 4\n# TYPE a_total counter\na_total 16\n# TYPE g gauge\ng 5\n\
                     # TYPE n_total counter\nn_total 2\n# TYPE m gauge\nm 7\n";
        assert_eq!(
            moved(before, after),
            ["b_total 2.0 None", "a_total 3.0 None", "g -2.0 None", "n_total 1.0 None", "m 0.0 None"]
        );
    }

    #[test]
    fn a_histogram_is_one_meter_with_the_mean_of_what_was_observed() {
        let page = |count: u32, sum: f64| {
            format!("# TYPE h histogram\nh_bucket{{le=\"+Inf\"}} {count}\nh_sum {sum}\nh_count {count}\n")
        };
        assert_eq!(moved(&page(2, 10.0), &page(6, 12.0)), ["h 2.0 Some(0.5)"]);
        assert_eq!(moved(&page(2, 10.0), &page(2, 10.0)), ["h 0.0 None"]);
        assert_eq!(moved(&page(6, 10.0), &page(2, 3.0)), ["h 1.0 Some(1.5)"]);
    }
}
