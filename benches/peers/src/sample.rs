//! What was measured, and what can be said of it.

/// Measurements of one thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    sorted: Vec<f64>,
    /// Whether something else ran on the cores all the time.
    pub in_company: bool,
}

impl Sample {
    /// Sorts the measurements.
    pub fn new(mut measured: Vec<f64>) -> Sample {
        measured.sort_by(f64::total_cmp);
        Sample { sorted: measured, in_company: false }
    }

    /// The same, measured while something else ran on the cores.
    pub fn in_company(mut self) -> Sample {
        self.in_company = true;
        self
    }

    /// The measurement below which this share of all lies; `NaN` where nothing was measured.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// Between which two the middle 80 % lie.
    pub fn spread(&self) -> [f64; 2] {
        [self.quantile(0.1), self.quantile(0.9)]
    }

    /// All of them in another unit: multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Sample {
        Sample { sorted: self.sorted.iter().map(|value| value * factor).collect(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_measurements_in_any_order_is_the_one_in_the_middle() {
        let sample = Sample::new(vec![9.0, 1.0, 5.0]);
        assert_eq!(sample.median(), 5.0);
        assert_eq!(sample.scaled(2.0).median(), 10.0);
    }

    #[test]
    fn one_outlier_in_a_hundred_is_not_in_the_spread() {
        let mut measured = vec![2.0; 99];
        measured.push(1_000.0);
        assert_eq!(Sample::new(measured).spread(), [2.0, 2.0]);
    }

    #[test]
    fn nothing_measured_is_no_number() {
        assert!(Sample::default().median().is_nan());
    }
}
