//! Sums without rounding: a few numbers of which each begins where the one before ends.

/// The exact sum of what was added, as a sum of numbers that do not overlap.
///
/// Source: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997, section 2.4; Python's `math.fsum`
/// is made the same way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exact {
    /// By rising magnitude.
    parts: Vec<f64>,
    /// The sum as it comes by adding one after the other; what counts once a number or a sum is not finite.
    rounded: f64,
    broken: bool,
}

impl Exact {
    pub(crate) fn add(&mut self, number: f64) {
        self.rounded += number;
        self.broken |= !self.rounded.is_finite();
        if self.broken {
            return;
        }
        let mut carried = number;
        let mut kept = 0;
        for at in 0..self.parts.len() {
            let (sum, rest) = two_sum(carried, self.parts[at]);
            if rest != 0.0 {
                self.parts[kept] = rest;
                kept += 1;
            }
            carried = sum;
        }
        self.parts.truncate(kept);
        if carried != 0.0 {
            self.parts.push(carried);
        }
        self.broken |= !carried.is_finite();
    }

    /// The sum, rounded to the nearest number, and what that leaves, the greatest first: exactly the sum together.
    pub(crate) fn parts(&self) -> Vec<f64> {
        if self.broken {
            return vec![self.rounded];
        }
        let mut left = self.clone();
        let mut parts = Vec::new();
        loop {
            // Numbers that do not overlap, added from the least on, are rounded but once for all that matters here:
            // what is left is taken in the next turn.
            let next: f64 = left.parts.iter().sum();
            if next == 0.0 {
                break;
            }
            parts.push(next);
            left.add(-next);
        }
        if parts.is_empty() {
            parts.push(0.0);
        }
        parts
    }
}

/// The sum of two numbers, and what rounding it left.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// Whether numbers come out the same in whatever order they are added: all are multiples of one power of two, and
/// their sum has no more than 53 bits of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addends {
    pub(crate) count: u32,
    /// The sum of what they are without their sign.
    pub(crate) magnitude: f64,
    least_bit: Option<i32>,
}

impl Addends {
    pub(crate) fn add(&mut self, number: f64) {
        if number == 0.0 {
            return;
        }
        self.count += 1;
        self.magnitude += number.abs();
        let bit = least_bit(number);
        self.least_bit = Some(self.least_bit.map_or(bit, |least| least.min(bit)));
    }

    /// What sums of them, added in two orders, may differ by.
    pub(crate) fn doubt(&self) -> f64 {
        let Some(least_bit) = self.least_bit else { return 0.0 };
        if !self.magnitude.is_finite() || self.magnitude < 2_f64.powi(least_bit.saturating_add(53)) {
            return 0.0;
        }
        2.0 * f64::from(self.count) * (f64::EPSILON / 2.0) * self.magnitude
    }
}

/// The exponent of the last bit that is set in a number.
fn least_bit(number: f64) -> i32 {
    let bits = number.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let (fraction, exponent) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), exponent - 1075) };
    exponent + fraction.trailing_zeros() as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(numbers: &[f64]) -> Exact {
        let mut sum = Exact::default();
        numbers.iter().for_each(|&number| sum.add(number));
        sum
    }

    #[test]
    fn the_rest_of_a_sum_is_kept() {
        assert_eq!(exact(&[]).parts(), [0.0]);
        assert_eq!(exact(&[1.0, 2.0]).parts(), [3.0]);
        assert_eq!(exact(&[1e16, 1.0, 1.0]).parts(), [1e16 + 2.0]);
        assert_eq!(exact(&[0.1; 10]).parts(), [1.0, 5.551_115_123_125_783e-17]);
        assert_eq!(exact(&[1e300, 1.0, -1e300]).parts(), [1.0]);
    }

    #[test]
    fn what_is_not_finite_is_added_as_ever() {
        assert_eq!(exact(&[1.0, f64::INFINITY, 2.0]).parts(), [f64::INFINITY]);
        assert!(exact(&[f64::INFINITY, f64::NEG_INFINITY]).parts()[0].is_nan());
        assert_eq!(exact(&[f64::MAX, f64::MAX]).parts(), [f64::INFINITY]);
    }

    #[test]
    fn whole_numbers_leave_no_doubt() {
        let doubt = |numbers: &[f64]| {
            let mut addends = Addends::default();
            numbers.iter().for_each(|&number| addends.add(number));
            addends.doubt()
        };
        assert_eq!(doubt(&[]), 0.0);
        assert_eq!(doubt(&[1.0, 3.0, 9_007_199_254_740_987.0]), 0.0);
        assert_eq!(doubt(&[0.25, 0.5, 1e6]), 0.0);
        assert!(doubt(&[0.1, 0.2]) > 0.0);
        assert!(doubt(&[1.0, 9_007_199_254_740_992.0]) > 0.0);
    }

    proptest! {
        #[test]
        fn a_sum_is_the_same_in_any_order(
            numbers in prop::collection::vec(-1e12..1e12_f64, 0..40), turn in 0..40_usize,
        ) {
            let mut turned = numbers.clone();
            let len = turned.len();
            if len > 0 {
                turned.rotate_left(turn % len);
            }
            turned.reverse();
            prop_assert_eq!(exact(&numbers).parts(), exact(&turned).parts());
        }

        #[test]
        fn doubt_covers_what_orders_differ_by(
            numbers in prop::collection::vec(0.0..1e9_f64, 0..60), turn in 0..60_usize,
        ) {
            let mut addends = Addends::default();
            numbers.iter().for_each(|&number| addends.add(number));
            let mut turned = numbers.clone();
            let len = turned.len();
            if len > 0 {
                turned.rotate_left(turn % len);
            }
            let (one, other): (f64, f64) = (numbers.iter().sum(), turned.iter().sum());
            prop_assert!((one - other).abs() <= addends.doubt());
        }
    }
}
