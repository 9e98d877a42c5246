//! Numbers as they were read, and when they were set.
//!
//! Times are kept apart from numbers, since few families are merged by them: most of what a scrape moves through the
//! processor's cache and touches for the first time are numbers, and with a time beside each it would be twice as much.

use std::ops::Range;

/// The numbers of a tally, by rank.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    pub(crate) values: Vec<f64>,
    times: Times,
}

/// Times by rank. Behind the last one that is not 0 they take no memory, and before the first one none that was ever
/// touched.
#[derive(Debug, Default)]
struct Times {
    /// All 0 outside of `set`.
    by_rank: Vec<f64>,
    set: Range<usize>,
}

/// Some numbers that were read, one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Numbers<'a> {
    pub(crate) values: &'a [f64],
    /// When each was set, on the clock of its client, 0 where that is not known. None where it does not matter.
    pub(crate) times: &'a [f64],
}

/// Numbers that are gathered.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct NumberList {
    pub(crate) values: Vec<f64>,
    /// Of those whose time matters.
    pub(crate) times: Vec<f64>,
}

/// Some of a [`NumberList`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NumberSpan {
    values: Range<usize>,
    times: Range<usize>,
}

/// Numbers that are kept.
#[derive(Debug)]
pub(crate) struct KeptNumbers {
    values: Box<[f64]>,
    times: Box<[f64]>,
}

impl Readings {
    /// When the number of this rank was set.
    pub(crate) fn time(&self, rank: usize) -> f64 {
        self.times.by_rank.get(rank).copied().unwrap_or_default()
    }

    /// Replaces the number of a rank, or adds one behind the last.
    #[inline]
    pub(crate) fn put(&mut self, rank: usize, value: f64, time: f64) {
        match self.values.get_mut(rank) {
            Some(known) => *known = value,
            None => self.values.push(value),
        }
        if time.to_bits() == 0 {
            self.times.forget(rank..rank + 1);
        } else {
            self.times.put(rank, &[time]);
        }
    }

    /// Replaces the numbers from a rank on that are there, of as many ranks as there are numbers.
    pub(crate) fn replace(&mut self, rank: usize, numbers: Numbers<'_>) {
        self.values[rank..rank + numbers.values.len()].copy_from_slice(numbers.values);
        self.put_times(rank, numbers);
    }

    /// Adds numbers behind the last one.
    pub(crate) fn extend(&mut self, numbers: Numbers<'_>) {
        let rank = self.values.len();
        make_room(&mut self.values, numbers.values.len());
        self.values.extend_from_slice(numbers.values);
        self.put_times(rank, numbers);
    }

    fn put_times(&mut self, rank: usize, Numbers { values, times }: Numbers<'_>) {
        if times.is_empty() {
            self.times.forget(rank..rank + values.len());
        } else {
            debug_assert_eq!(values.len(), times.len());
            self.times.put(rank, times);
        }
    }

    /// Forgets those from a rank on.
    pub(crate) fn truncate(&mut self, rank: usize) {
        self.values.truncate(rank);
        self.times.forget(rank..self.times.set.end);
    }
}

impl Times {
    fn put(&mut self, rank: usize, times: &[f64]) {
        let end = rank + times.len();
        if end > self.by_rank.len() {
            // Zeros that the system hands out take no memory until they are written to.
            let mut by_rank = vec![0.0; 2 * end];
            by_rank[self.set.clone()].copy_from_slice(&self.by_rank[self.set.clone()]);
            self.by_rank = by_rank;
        }
        self.by_rank[rank..end].copy_from_slice(times);
        self.set = match &self.set {
            set if set.is_empty() => rank..end,
            set => set.start.min(rank)..set.end.max(end),
        };
    }

    fn forget(&mut self, ranks: Range<usize>) {
        let set = ranks.start.max(self.set.start)..ranks.end.min(self.set.end);
        if !set.is_empty() {
            self.by_rank[set].fill(0.0);
        }
    }
}

impl NumberList {
    /// Where the next number will stand.
    pub(crate) fn end(&self) -> NumberSpan {
        let (values, times) = (self.values.len(), self.times.len());
        NumberSpan { values: values..values, times: times..times }
    }

    /// All from a place on.
    pub(crate) fn since(&self, place: &NumberSpan) -> NumberSpan {
        NumberSpan {
            values: place.values.start..self.values.len(),
            times: place.times.start..self.times.len(),
        }
    }

    pub(crate) fn get(&self, span: &NumberSpan) -> Numbers<'_> {
        Numbers { values: &self.values[span.values.clone()], times: &self.times[span.times.clone()] }
    }

    /// Forgets all from a place on.
    pub(crate) fn truncate(&mut self, place: &NumberSpan) {
        self.values.truncate(place.values.start);
        self.times.truncate(place.times.start);
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize, timed: bool) {
        make_room(&mut self.values, more);
        if timed {
            make_room(&mut self.times, more);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.times.clear();
    }
}

impl KeptNumbers {
    pub(crate) fn get(&self) -> Numbers<'_> {
        Numbers { values: &self.values, times: &self.times }
    }
}

impl From<Numbers<'_>> for KeptNumbers {
    fn from(numbers: Numbers<'_>) -> KeptNumbers {
        KeptNumbers { values: numbers.values.into(), times: numbers.times.into() }
    }
}

/// Makes room in large steps. What is not written to costs no memory, while each step copies what is there to memory
/// that was not written to before.
pub(crate) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve(3 * list.len() + more);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is done with readings.
    #[derive(Clone, Debug)]
    enum Deed {
        Put(usize, f64),
        Replace(usize, Vec<f64>),
        Extend(Vec<f64>, bool),
        Truncate(usize),
    }

    proptest! {
        #[test]
        fn each_number_keeps_its_time_and_no_other(
            deeds in prop::collection::vec(prop_oneof![
                (0..30_usize, 0..3_u8).prop_map(|(at, time)| Deed::Put(at, f64::from(time))),
                (0..30_usize, prop::collection::vec(0..3_u8, 0..5))
                    .prop_map(|(at, times)| Deed::Replace(at, times.into_iter().map(f64::from).collect())),
                (prop::collection::vec(0..3_u8, 0..9), any::<bool>())
                    .prop_map(|(times, timed)| Deed::Extend(times.into_iter().map(f64::from).collect(), timed)),
                (0..30_usize).prop_map(Deed::Truncate),
            ], 0..30)
        ) {
            let (mut readings, mut naive) = (Readings::default(), Vec::<(f64, f64)>::new());
            for (turn, deed) in deeds.into_iter().enumerate() {
                let value = turn as f64;
                match deed {
                    Deed::Put(at, time) => {
                        let at = at.min(naive.len());
                        readings.put(at, value, time);
                        naive.truncate(naive.len().max(at));
                        if at == naive.len() { naive.push((value, time)) } else { naive[at] = (value, time) }
                    }
                    Deed::Replace(at, times) => {
                        let at = at.min(naive.len());
                        let times = &times[..times.len().min(naive.len() - at)];
                        readings.replace(at, Numbers { values: &vec![value; times.len()], times });
                        times.iter().enumerate().for_each(|(of, &time)| naive[at + of] = (value, time));
                    }
                    Deed::Extend(times, timed) => {
                        let values = vec![value; times.len()];
                        let times = if timed { times } else { Vec::new() };
                        readings.extend(Numbers { values: &values, times: &times });
                        let time = |at: usize| times.get(at).copied().unwrap_or_default();
                        naive.extend(values.iter().enumerate().map(|(at, &value)| (value, time(at))));
                    }
                    Deed::Truncate(at) => {
                        readings.truncate(at);
                        naive.truncate(at);
                    }
                }
                let found = readings.values.iter().enumerate();
                let found: Vec<_> = found.map(|(rank, &value)| (value, readings.time(rank))).collect();
                prop_assert_eq!(&found, &naive);
                prop_assert_eq!(readings.time(naive.len()), 0.0);
            }
        }
    }
}
