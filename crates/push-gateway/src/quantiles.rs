//! A summary with quantiles of what was lately observed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use push_groups::Value;

/// How many, how much, and how the last ones were spread.
///
/// The quantiles are those of the last [`KEPT`] numbers that are not older than [`WINDOW`], as they are: the rank
/// counts, nothing is put between two of them. Costs a lock and a push for each number, and a sort for each page.
#[derive(Debug, Default)]
pub(crate) struct Quantiles(Mutex<Observed>);

#[derive(Debug, Default)]
struct Observed {
    count: u64,
    sum: f64,
    latest: VecDeque<(Instant, f64)>,
}

/// What the quantiles are of at most.
const KEPT: usize = 2048;

/// As the summaries of Prometheus' Go client (`DefMaxAge`).
const WINDOW: Duration = Duration::from_secs(600);

/// Those of the official gateway.
const QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

impl Quantiles {
    /// One more number.
    pub(crate) fn observe(&self, value: f64) {
        let mut observed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        observed.count += 1;
        observed.sum += value;
        if observed.latest.len() == KEPT {
            observed.latest.pop_front();
        }
        observed.latest.push_back((Instant::now(), value));
    }

    /// As it stands on a page; `NaN` where nothing was observed lately.
    pub(crate) fn value(&self) -> Value {
        let observed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, sum) = (observed.count, observed.sum);
        let recent = observed.latest.iter().filter(|(at, _)| at.elapsed() <= WINDOW);
        let mut recent: Vec<f64> = recent.map(|(_, value)| *value).collect();
        drop(observed);
        recent.sort_unstable_by(f64::total_cmp);
        let of_rank = |quantile: f64| {
            let rank = (quantile * recent.len() as f64).ceil() as usize;
            recent.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
        };
        Value::Summary {
            count,
            sum,
            quantiles: QUANTILES.map(|quantile| (quantile, of_rank(quantile))).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use push_groups::Value;

    use super::{KEPT, Quantiles};

    #[test]
    fn quantiles_are_of_the_latest_numbers_and_the_sum_is_of_all() {
        let quantiles = Quantiles::default();
        for number in (1..=1000).rev() {
            quantiles.observe(f64::from(number));
        }
        let expected = Value::Summary {
            count: 1000,
            sum: 500_500.0,
            quantiles: vec![(0.1, 100.0), (0.5, 500.0), (0.9, 900.0)],
        };
        assert_eq!(quantiles.value(), expected);
        (0..KEPT).for_each(|_| quantiles.observe(7.0));
        let Value::Summary { count, quantiles, .. } = quantiles.value() else { panic!("no summary") };
        assert_eq!((count, quantiles), (1000 + KEPT as u64, vec![(0.1, 7.0), (0.5, 7.0), (0.9, 7.0)]));
    }

    #[test]
    fn of_nothing_there_are_no_quantiles() {
        let Value::Summary { count: 0, quantiles, .. } = Quantiles::default().value() else {
            panic!("something")
        };
        assert!(quantiles.iter().all(|(_, value)| value.is_nan()));
    }
}
