//! Adding up: what a group holds, and what is pushed on top.

use std::collections::HashMap;
use std::fmt;

use metrics_core::{Kind, Mode as Rule};

use crate::{Bucket, Family, Held, Label, Metric, Value};

/// Why a push cannot be added to what a group holds. Nothing of it is.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateError {
    /// The family.
    pub family: Box<str>,
    /// What does not fit.
    pub why: Misfit,
}

/// What does not add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Misfit {
    /// The group holds it with another type.
    Kind {
        /// The type of what is held.
        held: Kind,
        /// The type of what is pushed.
        pushed: Kind,
    },
    /// A counter can grow by no such number: one that is not a number, or below 0.
    Counter(f64),
    /// A histogram with other bounds is held.
    Bounds,
}

/// What a group holds once `pushed` is added to what it `held`, series by series.
///
/// Counters and untyped families are replaced or added to as their kind says: counters add up, and so do the buckets,
/// sums and counts of histograms, and the sums and counts of summaries, whose quantiles no addition gives and so go.
/// Gauges follow `gauges`: [`Rule::Sum`], [`Rule::Min`], [`Rule::Max`], [`Rule::First`], and the last one pushed for
/// all else. Infos and states are replaced as families, untyped numbers one by one. What is not pushed stays.
///
/// Families that stay keep their times; those that are pushed have time 0, that of this push.
///
/// # Errors
/// Where one family does not fit what is held under its name; then none is added.
pub fn aggregate(held: &[Held], pushed: &[Family], gauges: Rule) -> Result<Vec<Held>, AggregateError> {
    let of_name: HashMap<&str, &Family> = pushed.iter().map(|family| (&*family.name, family)).collect();
    let mut all = Vec::with_capacity(held.len() + pushed.len());
    let mut known: HashMap<&str, ()> = HashMap::with_capacity(held.len());
    for held in held {
        known.insert(&held.family.name, ());
        match of_name.get(&*held.family.name) {
            Some(pushed) => all.push(Held { family: added(&held.family, pushed, gauges)?, time: 0 }),
            None => all.push(held.clone()),
        }
    }
    for family in pushed.iter().filter(|family| !known.contains_key(&*family.name)) {
        let nothing = Family { metrics: Vec::new(), ..family.clone() };
        all.push(Held { family: added(&nothing, family, gauges)?, time: 0 });
    }
    Ok(all)
}

fn added(held: &Family, pushed: &Family, gauges: Rule) -> Result<Family, AggregateError> {
    let misfit = |why| AggregateError { family: pushed.name.clone(), why };
    if held.kind != pushed.kind {
        return Err(misfit(Misfit::Kind { held: held.kind, pushed: pushed.kind }));
    }
    if matches!(pushed.kind, Kind::Info | Kind::StateSet) {
        return Ok(pushed.clone());
    }
    let first_help = if held.help.is_empty() { &pushed.help } else { &held.help };
    let mut family = Family { help: first_help.clone(), ..held.clone() };
    let places: HashMap<&[Label], usize> =
        held.metrics.iter().enumerate().map(|(place, metric)| (&metric.labels[..], place)).collect();
    for metric in &pushed.metrics {
        let place = places.get(&metric.labels[..]).copied();
        let before = place.and_then(|place| held.metrics.get(place));
        let value =
            sum(pushed.kind, before.map(|metric| &metric.value), &metric.value, gauges).map_err(misfit)?;
        // Counting began when the first of the jobs began.
        let earlier = [before.and_then(|metric| metric.created), metric.created].into_iter().flatten();
        let created = earlier.min_by(f64::total_cmp);
        let sum = Metric { labels: metric.labels.clone(), value, created };
        match place.and_then(|place| family.metrics.get_mut(place)) {
            Some(held) => *held = sum,
            None => family.metrics.push(sum),
        }
    }
    Ok(family)
}

fn sum(kind: Kind, held: Option<&Value>, pushed: &Value, gauges: Rule) -> Result<Value, Misfit> {
    match (held, pushed) {
        (_, Value::Number { value, .. }) if kind == Kind::Counter && (value.is_nan() || *value < 0.0) => {
            Err(Misfit::Counter(*value))
        }
        (Some(Value::Number { value: held, exemplar: old }), Value::Number { value, exemplar }) => {
            let value = match (kind, gauges) {
                (Kind::Counter, _) | (Kind::Gauge, Rule::Sum) => held + value,
                (Kind::Gauge, Rule::Min) => held.min(*value),
                (Kind::Gauge, Rule::Max) => held.max(*value),
                (Kind::Gauge, Rule::First) => *held,
                _ => *value,
            };
            Ok(Value::Number { value, exemplar: exemplar.clone().or_else(|| old.clone()) })
        }
        (
            Some(Value::Histogram { count: held_count, sum: held_sum, buckets: held }),
            Value::Histogram { count, sum, buckets },
        ) => {
            let same =
                held.len() == buckets.len() && held.iter().zip(buckets).all(|(held, new)| held.le == new.le);
            if !same {
                return Err(Misfit::Bounds);
            }
            let both = held.iter().zip(buckets).map(|(held, new)| Bucket {
                le: held.le,
                count: held.count.saturating_add(new.count),
                exemplar: new.exemplar.clone().or_else(|| held.exemplar.clone()),
            });
            Ok(Value::Histogram {
                count: held_count.saturating_add(*count),
                sum: held_sum + sum,
                buckets: both.collect(),
            })
        }
        (held, Value::Summary { count, sum, .. }) => {
            let (held_count, held_sum) = match held {
                Some(Value::Summary { count, sum, .. }) => (*count, *sum),
                _ => (0, 0.0),
            };
            Ok(Value::Summary {
                count: held_count.saturating_add(*count),
                sum: held_sum + sum,
                quantiles: Vec::new(),
            })
        }
        _ => Ok(pushed.clone()),
    }
}

impl fmt::Display for AggregateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be added up: ", self.family)?;
        match &self.why {
            Misfit::Kind { held, pushed } => write!(f, "the group holds a {held}, and a {pushed} was pushed"),
            Misfit::Counter(value) => write!(f, "a counter cannot grow by {value}"),
            Misfit::Bounds => f.write_str("the group holds a histogram with other buckets"),
        }
    }
}

impl std::error::Error for AggregateError {}

#[cfg(test)]
mod tests;
