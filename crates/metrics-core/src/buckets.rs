//! The upper bounds of a histogram's buckets.

use crate::DeclareError;

#[cfg(test)]
mod tests;

/// The upper bounds of a histogram's buckets: finite, strictly rising, without the `+Inf` that always follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets(Box<[f64]>);

impl Buckets {
    /// These bounds; a last `+Inf` may be given and is left out.
    ///
    /// # Errors
    /// [`DeclareError::Buckets`] when a bound is `NaN`, infinite, or not greater than the one before it.
    ///
    /// ```
    /// use metrics_core::Buckets;
    /// assert_eq!(Buckets::new([0.5, 1.0, f64::INFINITY])?.bounds(), [0.5, 1.0]);
    /// assert!(Buckets::new([1.0, 1.0]).is_err());
    /// # Ok::<(), metrics_core::DeclareError>(())
    /// ```
    pub fn new(bounds: impl IntoIterator<Item = f64>) -> Result<Buckets, DeclareError> {
        // Looked at one by one: who gives a million that do not rise gets the error before the memory is full.
        let mut kept: Vec<f64> = Vec::new();
        let mut bounds = bounds.into_iter().peekable();
        while let Some(bound) = bounds.next() {
            if bound == f64::INFINITY && bounds.peek().is_none() {
                break;
            }
            let rises = kept.last().is_none_or(|&last| last < bound);
            if !bound.is_finite() || !rises {
                return Err(DeclareError::Buckets { at: kept.len(), bound });
            }
            kept.push(bound);
        }
        Ok(Buckets(kept.into()))
    }

    /// `count` bounds, the first `start`, each `width` above the one before.
    ///
    /// # Errors
    /// As [`Buckets::new`]: when `width` is not above 0.
    ///
    /// ```
    /// assert_eq!(metrics_core::Buckets::linear(1.0, 2.0, 3)?.bounds(), [1.0, 3.0, 5.0]);
    /// # Ok::<(), metrics_core::DeclareError>(())
    /// ```
    pub fn linear(start: f64, width: f64, count: usize) -> Result<Buckets, DeclareError> {
        Buckets::new((0..count).map(|i| start + i as f64 * width))
    }

    /// `count` bounds, the first `start`, each `factor` times the one before.
    ///
    /// # Errors
    /// As [`Buckets::new`]: when `start` is not above 0 or `factor` not above 1.
    ///
    /// ```
    /// assert_eq!(metrics_core::Buckets::exponential(1.0, 10.0, 3)?.bounds(), [1.0, 10.0, 100.0]);
    /// # Ok::<(), metrics_core::DeclareError>(())
    /// ```
    pub fn exponential(start: f64, factor: f64, count: usize) -> Result<Buckets, DeclareError> {
        Buckets::new((0..count).map(|i| start * factor.powi(i as i32)))
    }

    /// No bounds, as every kind but a histogram has.
    pub(crate) fn none() -> Buckets {
        Buckets(Box::default())
    }

    /// The bounds, without `+Inf`.
    pub fn bounds(&self) -> &[f64] {
        &self.0
    }

    /// The bucket that `value` falls into: that of the first bound not below it, else that of `+Inf`, which is
    /// `bounds().len()`. `NaN` falls there too, as in the Go and Ruby clients.
    pub fn find(&self, value: f64) -> usize {
        // As many as are counted in the time of a search, whose steps wait for each other.
        const FEW: usize = 32;

        // `NaN` is at most nothing, and so above all bounds.
        #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "what a `NaN` is not")]
        let is_below = |&bound: &f64| !(value <= bound);
        if self.0.len() <= FEW {
            self.0.iter().filter(|&bound| is_below(bound)).count()
        } else {
            self.0.partition_point(is_below)
        }
    }
}

impl Default for Buckets {
    /// The bounds that the Go and Ruby clients use where none are given, for seconds of a network service.
    fn default() -> Buckets {
        Buckets([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0].into())
    }
}
