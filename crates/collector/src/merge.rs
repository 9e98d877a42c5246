//! How two numbers become one: the operations of a layout, and the loop that runs them.

use std::ops::Range;

use metrics_core::Mode;

use crate::Rules;
use crate::readings::Readings;

/// A merge function of the user's own: folds the numbers of the processes from the left, in the order in
/// which they were read.
///
/// ```
/// let last: collector::Fold = |_, next| next;
/// assert_eq!(last(1.0, 2.0), 2.0);
/// ```
pub type Fold = fn(f64, f64) -> f64;

/// What a reading does to its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// Takes no part.
    Skip,
    /// Is the number, whatever was there.
    Put,
    /// Is added to 0, so that a lone `-0.0` becomes `0.0`.
    PutSum,
    Add,
    /// Replaces the number where it is less (greater) by IEEE 754, in which nothing is less than `NaN`.
    Less,
    Greater,
    /// The same, and any number replaces `NaN`.
    LessOrNumber,
    GreaterOrNumber,
    /// Is the number set last so far, with its time.
    PutTimed,
    /// As `PutTimed` where the time says that it was ever set.
    PutIfSet,
    /// Replaces the number where it was set later.
    Later,
    Fold(Fold),
}

impl Operation {
    /// What the first (any later) reading of a slot does.
    pub(crate) fn of(mode: Mode, rules: Rules, own: Option<Fold>, first: bool) -> Operation {
        use Operation::*;
        if let Some(fold) = own {
            return if first { Put } else { Fold(fold) };
        }
        match (mode, rules, first) {
            (Mode::Min, Rules::Python, false) => Less,
            (Mode::Max, Rules::Python, false) => Greater,
            (Mode::Min, _, false) => LessOrNumber,
            (Mode::Max, _, false) => GreaterOrNumber,
            (Mode::All, Rules::Ruby, false) | (Mode::First, _, false) => Skip,
            (Mode::MostRecent, Rules::Ruby, true) => PutTimed,
            (Mode::MostRecent, _, true) => PutIfSet,
            (Mode::MostRecent, _, false) => Later,
            (Mode::Min | Mode::Max | Mode::All | Mode::First, _, _) => Put,
            // Sum and average; a mode that this crate does not know yet is best added up.
            (_, Rules::Python, true) => PutSum,
            (_, _, true) => Put,
            (_, _, false) => Add,
        }
    }

    /// Whether two operations can share a run.
    pub(crate) fn same(self, other: Operation) -> bool {
        match (self, other) {
            (Operation::Fold(a), Operation::Fold(b)) => std::ptr::fn_addr_eq(a, b),
            _ => std::mem::discriminant(&self) == std::mem::discriminant(&other),
        }
    }
}

/// The numbers of a page while they are merged, by slot.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub(crate) values: Vec<f64>,
    /// When the number was set, and the rank of the reading that first was set at all; kept only where a
    /// family is merged by time.
    pub(crate) times: Vec<f64>,
    pub(crate) first_set: Vec<u32>,
    /// What rounding has left of the sums; kept only where sums are exact.
    pub(crate) rests: Vec<Rest>,
}

/// What rounding has left of a sum, and what rounding has left of that.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rest {
    first: f64,
    second: f64,
}

/// How sums are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Adding {
    /// One number after the other, by rank, rounded each time: as the clients do.
    #[default]
    Rounded,
    /// With what rounding leaves carried along, so that the order does not matter: a sum is the same whatever is
    /// settled or folded, and whoever adds it up. (Exact as long as the addends span no more than 159 bits: 47 decimal
    /// places.)
    Exact,
}

impl Slots {
    /// Makes all 0 again, keeping the memory.
    pub(crate) fn reset(&mut self, slots: usize, timed: bool, adding: Adding) {
        self.values.clear();
        self.values.resize(slots, 0.0);
        let timed = if timed { slots } else { 0 };
        self.times.clear();
        self.times.resize(timed, 0.0);
        self.first_set.clear();
        self.first_set.resize(timed, u32::MAX);
        self.rests.clear();
        self.rests.resize(if adding == Adding::Exact { slots } else { 0 }, Rest::default());
    }

    /// Puts sums and what rounding left of them together.
    pub(crate) fn round(&mut self) {
        for (value, rest) in self.values.iter_mut().zip(&self.rests) {
            *value = rest.round(*value);
        }
    }

    /// Runs one operation over readings of consecutive ranks, each into its slot.
    pub(crate) fn run(
        &mut self,
        operation: Operation,
        readings: &Readings,
        ranks: Range<usize>,
        slots: &[u32],
    ) {
        let values = &mut self.values;
        let numbers = readings.values[ranks.clone()].iter().copied();
        let pairs = numbers.zip(slots.iter().map(|&slot| slot as usize));
        match operation {
            Operation::Skip => {}
            Operation::Put => pairs.for_each(|(value, slot)| values[slot] = value),
            Operation::PutSum => pairs.for_each(|(value, slot)| values[slot] = 0.0 + value),
            Operation::Add if !self.rests.is_empty() => pairs.for_each(|(value, slot)| {
                self.rests[slot].add(&mut values[slot], value);
            }),
            Operation::Add => pairs.for_each(|(value, slot)| values[slot] += value),
            Operation::Less => pairs.for_each(|(value, slot)| {
                if value < values[slot] {
                    values[slot] = value;
                }
            }),
            Operation::Greater => pairs.for_each(|(value, slot)| {
                if value > values[slot] {
                    values[slot] = value;
                }
            }),
            Operation::LessOrNumber => pairs.for_each(|(value, slot)| {
                if value < values[slot] || values[slot].is_nan() {
                    values[slot] = value;
                }
            }),
            Operation::GreaterOrNumber => pairs.for_each(|(value, slot)| {
                if value > values[slot] || values[slot].is_nan() {
                    values[slot] = value;
                }
            }),
            Operation::PutTimed => pairs.zip(ranks).for_each(|((value, slot), rank)| {
                values[slot] = value;
                self.times[slot] = readings.time(rank);
            }),
            Operation::PutIfSet | Operation::Later => pairs.zip(ranks).for_each(|((value, slot), rank)| {
                let time = readings.time(rank);
                if time > self.times[slot] {
                    values[slot] = value;
                    self.times[slot] = time;
                    self.first_set[slot] = self.first_set[slot].min(rank as u32);
                }
            }),
            Operation::Fold(fold) => {
                pairs.for_each(|(value, slot)| values[slot] = fold(values[slot], value));
            }
        }
    }
}

impl Rest {
    /// Adds a number to the sum whose rest this is.
    pub(crate) fn add(&mut self, sum: &mut f64, number: f64) {
        let (rounded, left) = two_sum(*sum, number);
        *sum = rounded;
        let (first, left) = two_sum(self.first, left);
        self.first = first;
        self.second += left;
    }

    /// The number nearest to a sum and its rest; of two that are as near, the one whose last bit is 0.
    fn round(self, sum: f64) -> f64 {
        let (first, second) = two_sum(self.first, self.second);
        // Of an infinite sum nothing can be left. 0 is not added: it would make a 0 of a -0.
        if first == 0.0 || !first.is_finite() {
            return sum;
        }
        let (rounded, left) = two_sum(sum, first);
        // Where `left` was half of the last bit, `second` decides.
        let other = rounded + 2.0 * left;
        if left * second > 0.0 && other - rounded == 2.0 * left { other } else { rounded }
    }
}

/// The sum of two numbers, and what rounding it left.
///
/// Source: D. E. Knuth, "The Art of Computer Programming", volume 2, section 4.2.2, theorem B.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readings::Numbers;

    /// The exact sum, as a page has it.
    fn sum(numbers: &[f64]) -> f64 {
        let mut readings = Readings::default();
        readings.extend(Numbers { values: numbers, times: &[] });
        let mut slots = Slots::default();
        slots.reset(1, false, Adding::Exact);
        slots.run(Operation::Add, &readings, 0..numbers.len(), &vec![0; numbers.len()]);
        slots.round();
        slots.values[0]
    }

    #[test]
    fn an_exact_sum_is_the_nearest_number_in_any_order() {
        let third = 1.0 / 3.0;
        let table: [(&[f64], f64); 6] = [
            (&[0.1, 0.2, 0.3], 0.6),
            (&[1e16, 1.0, -1e16], 1.0),
            // Half of a last bit, a little less, and a little more.
            (&[9_007_199_254_740_992.0, 1.0], 9_007_199_254_740_992.0),
            (&[9_007_199_254_740_992.0, third, third, third], 9_007_199_254_740_992.0),
            (&[9_007_199_254_740_992.0, 1.0, 1e-30], 9_007_199_254_740_994.0),
            (&[9_007_199_254_740_998.0, 0.5, third, third], 9_007_199_254_741_000.0),
        ];
        for (numbers, expected) in table {
            let mut turned = numbers.to_vec();
            for _ in 0..numbers.len() {
                assert_eq!(sum(&turned), expected, "{turned:?}");
                turned.rotate_left(1);
            }
            turned.reverse();
            assert_eq!(sum(&turned), expected, "{turned:?}");
        }
    }

    #[test]
    fn an_exact_sum_of_what_is_not_finite_is_as_ever() {
        assert_eq!(sum(&[1.0, f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(sum(&[1.0, f64::NAN]).is_nan());
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
    }
}
