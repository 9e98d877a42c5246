//! One line of the report: what was measured, beside whom, and whether it is fast enough.

use crate::sample::Sample;

/// What a row is held to. Every value is a cost: less is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// At most so many times the rival's cost.
    Times(f64),
    /// The rival costs at least so many times as much.
    Faster(f64),
    /// At most this, in the unit of the row.
    Value(f64),
}

impl Bar {
    /// The most that [`Row::ratio`] may be, or the row's value where there is no rival.
    pub fn limit(self) -> f64 {
        match self {
            Bar::Times(times) => times,
            Bar::Faster(factor) => 1.0 / factor,
            Bar::Value(value) => value,
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was done. Unique: the README names its numbers by it.
    pub name: String,
    /// The median; none where there is nothing to measure yet.
    pub value: Option<f64>,
    /// Of `value`, `spread` and `rival_value`.
    pub unit: &'static str,
    /// Where the middle 80 % of the measurements lie.
    pub spread: Option<[f64; 2]>,
    /// Beside whom it was measured.
    pub rival: Option<String>,
    /// The rival's median.
    pub rival_value: Option<f64>,
    /// The rival's spread. For plots only.
    pub rival_spread: Option<[f64; 2]>,
    /// What it is held to; many rows are held to nothing.
    pub bar: Option<Bar>,
    /// What there is to say about it.
    pub reason: String,
    /// Whether something else ran on the cores all the time.
    pub in_company: bool,
}

impl Row {
    /// A row without a rival.
    pub fn new(name: impl Into<String>, sample: &Sample, unit: &'static str) -> Row {
        Row {
            name: name.into(),
            value: Some(sample.median()),
            unit,
            spread: Some(sample.spread()),
            rival: None,
            rival_value: None,
            rival_spread: None,
            bar: None,
            reason: String::new(),
            in_company: sample.in_company,
        }
    }

    /// A row for something that cannot be measured yet.
    pub fn not_built(name: impl Into<String>, unit: &'static str, bar: Bar) -> Row {
        Row {
            value: None,
            spread: None,
            bar: Some(bar),
            ..Row::new(name, &Sample::default(), unit).because("not built yet")
        }
    }

    /// The same beside a rival.
    pub fn beside(mut self, rival: impl Into<String>, sample: &Sample) -> Row {
        self.rival = Some(rival.into());
        self.rival_value = Some(sample.median());
        self.rival_spread = Some(sample.spread());
        self
    }

    /// The same, held to `bar`.
    pub fn held_to(mut self, bar: Bar) -> Row {
        self.bar = Some(bar);
        self
    }

    /// The same with a remark.
    pub fn because(mut self, reason: impl Into<String>) -> Row {
        self.reason = reason.into();
        self
    }

    /// Our cost over the rival's.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.value? / self.rival_value?)
    }

    /// Whether the bar holds; none where there is no bar.
    pub fn holds(&self) -> Option<bool> {
        let bar = self.bar?;
        let measured = match bar {
            Bar::Value(_) => self.value,
            Bar::Times(_) | Bar::Faster(_) => self.ratio(),
        };
        Some(measured.is_some_and(|measured| measured <= bar.limit()))
    }

    /// The reason; whether the cores were shared; and whether a bar that does not hold would hold at the lucky ends of
    /// the spreads.
    pub fn remark(&self) -> String {
        const LUCKY: &str = "within the spread: measure on a quieter machine";
        const IN_COMPANY: &str = "something else ran on the cores all the time";
        let luckiest = match (self.bar, self.spread, self.rival_spread) {
            (Some(Bar::Value(_)), Some([low, _]), _) => Some(low),
            (_, Some([low, _]), Some([_, high])) => Some(low / high),
            _ => None,
        };
        let lucky = luckiest.zip(self.bar).is_some_and(|(luckiest, bar)| luckiest <= bar.limit());
        let lucky = self.holds() == Some(false) && lucky;
        let remarks = [
            Some(&*self.reason).filter(|reason| !reason.is_empty()),
            self.in_company.then_some(IN_COMPANY),
            lucky.then_some(LUCKY),
        ];
        remarks.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: f64) -> Row {
        Row::new("work", &Sample::new(vec![value]), "ns")
    }

    fn rival(value: f64) -> Sample {
        Sample::new(vec![value])
    }

    #[test]
    fn a_bar_is_the_most_that_the_ratio_may_be() {
        let beside = |value| row(value).beside("rival", &rival(10.0));
        assert_eq!(beside(11.0).held_to(Bar::Times(1.1)).holds(), Some(true));
        assert_eq!(beside(11.1).held_to(Bar::Times(1.1)).holds(), Some(false));
        assert_eq!(beside(0.2).held_to(Bar::Faster(50.0)).holds(), Some(true));
        assert_eq!(beside(0.21).held_to(Bar::Faster(50.0)).holds(), Some(false));
        assert_eq!(row(3.5).held_to(Bar::Value(3.5)).holds(), Some(true));
        assert_eq!(row(3.6).held_to(Bar::Value(3.5)).holds(), Some(false));
    }

    #[test]
    fn a_miss_within_the_spread_is_told_from_a_real_one() {
        let spread = |low, middle, high| Sample::new(vec![low, middle, high]);
        let missed = |ours| {
            Row::new("work", &ours, "ns").beside("rival", &spread(9.0, 10.0, 11.0)).held_to(Bar::Times(1.0))
        };
        assert_eq!(
            missed(spread(10.5, 12.0, 13.0)).remark(),
            "within the spread: measure on a quieter machine"
        );
        assert_eq!(missed(spread(11.5, 12.0, 13.0)).remark(), "");
        assert_eq!(missed(spread(8.0, 9.0, 13.0)).remark(), "");
    }

    #[test]
    fn what_has_no_bar_neither_holds_nor_fails() {
        assert_eq!(row(1.0).holds(), None);
    }

    #[test]
    fn what_was_not_measured_does_not_hold() {
        assert_eq!(Row::not_built("a faster handle", "ns", Bar::Value(1.0)).holds(), Some(false));
        let lost = row(1.0).beside("rival", &Sample::default()).held_to(Bar::Times(2.0));
        assert_eq!(lost.holds(), Some(false));
    }
}
