//! What is kept of processes that are dead: their numbers, added up where they add up.

use std::sync::Arc;

use foldhash::HashMap;
use metrics_core::{Aggregation, Desc, Mode};
use redis_schema::{LabelSet, Schema, Seal, page, seal_sum};

use crate::kept::Kept;

/// What is kept of processes that are dead, while one more is put to it.
pub(crate) struct Retired {
    schema: Schema,
    values: Vec<f64>,
    /// Of a sum what rounding has left; else when it was set.
    beside: Vec<f64>,
    /// The first number of each label set, by whose it is and what it is.
    places: HashMap<Name, Vec<(Arc<Desc>, usize)>>,
    /// How many label sets were dropped, ever.
    dropped: u64,
    /// What it was like: how long the schema, and the numbers.
    before: (usize, Vec<f64>, Vec<f64>),
}

/// Whose a label set is, of which family by name, and its values.
type Name = (Box<str>, Box<str>, Box<[Box<str>]>);

/// What is to be written.
pub(crate) struct Changes<'a> {
    /// Where what is new of the schema begins.
    pub(crate) from: usize,
    /// What is new of the schema.
    pub(crate) appended: &'a [u8],
    /// What they must be from then on.
    pub(crate) seal: Seal,
    /// The fields that have changed, with their pages.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
}

impl Retired {
    pub(crate) fn new(kept: &Kept) -> Retired {
        let numbers = kept.schema.numbers().min(kept.values.len());
        let of = |numbers: usize, list: &[f64]| {
            let mut list = list.to_vec();
            list.resize(numbers, 0.0);
            list
        };
        let mut retired = Retired {
            values: of(numbers, &kept.values),
            beside: of(numbers, &kept.beside),
            schema: kept.schema.clone(),
            dropped: kept.dropped,
            places: HashMap::default(),
            before: (kept.schema.bytes().len(), kept.values.clone(), kept.beside.clone()),
        };
        for set in kept.schema.sets() {
            let place = (set.process.clone(), set.desc.name().into(), set.values.clone());
            retired.places.entry(place).or_default().push((Arc::clone(&set.desc), set.numbers.start));
        }
        retired
    }

    /// Puts the numbers of one more to it, but for those that only the living have.
    pub(crate) fn add(&mut self, dead: &Kept) {
        for set in dead.schema.sets() {
            let aggregation = set.desc.aggregation();
            if aggregation.live || set.numbers.end > dead.values.len() {
                continue;
            }
            let adds_up = aggregation == Aggregation::SUM;
            // What does not add up stays whose it is: if it comes back, it has these itself.
            let process = if adds_up { "".into() } else { dead.whose(set) };
            // What has gone takes no place, but is not what it was before either.
            let is_gone = dead.number(set.numbers.start).is_some_and(|(value, _)| page::is_gone(value));
            if is_gone && (adds_up || !self.has(&process, set)) {
                continue;
            }
            let first = self.place(&process, &set.desc, &set.values);
            // Of who has a line of its own it only matters since when it is dead.
            let died =
                (aggregation.mode == Mode::All).then(|| dead.heard.parse::<f64>().unwrap_or_default() / 1e3);
            for (number, at) in set.numbers.clone().zip(first..) {
                let Some((value, beside)) = dead.number(number) else { continue };
                if adds_up {
                    (self.values[at], self.beside[at]) = sum(self.values[at], self.beside[at], value);
                } else {
                    (self.values[at], self.beside[at]) = (value, died.unwrap_or(beside));
                }
            }
        }
    }

    /// What is to be written, under this version.
    pub(crate) fn changes(&self, version: String) -> Changes<'_> {
        let (schema, values, beside) = &self.before;
        let mut fields = Vec::new();
        let lists = [
            (&self.values, values, page::field as fn(usize) -> String),
            (&self.beside, beside, page::time_field),
        ];
        for (now, before, field) in lists {
            for (number, page) in now.chunks(page::LEN).enumerate() {
                let from = number * page::LEN;
                let before = before.get(from..before.len().min(from + page::LEN)).unwrap_or_default();
                let same = before.len() == page.len() && {
                    before.iter().zip(page).all(|(before, now)| before.to_bits() == now.to_bits())
                };
                if !same {
                    fields.push((field(number), page::write(page)));
                }
            }
        }
        Changes {
            from: *schema,
            appended: self.schema.bytes().get(*schema..).unwrap_or_default(),
            seal: Seal {
                version,
                hash: self.schema.hash(),
                sum: seal_sum(&self.values, &self.beside, self.dropped),
            },
            fields,
        }
    }

    fn has(&self, process: &str, set: &LabelSet) -> bool {
        let place = (process.into(), set.desc.name().into(), set.values.clone());
        self.places.get(&place).is_some_and(|places| places.iter().any(|(desc, _)| *desc == set.desc))
    }

    /// The first number of a label set, which is made if there is none.
    fn place(&mut self, process: &str, desc: &Arc<Desc>, values: &[Box<str>]) -> usize {
        let place = (process.into(), desc.name().into(), values.into());
        let places = self.places.entry(place).or_default();
        if let Some((_, first)) = places.iter().find(|(known, _)| known == desc) {
            return *first;
        }
        let texts: Vec<&str> = values.iter().map(|value| &**value).collect();
        let numbers = self.schema.push(desc, process, &texts);
        places.push((Arc::clone(desc), numbers.start));
        self.values.resize(numbers.end, 0.0);
        self.beside.resize(numbers.end, 0.0);
        numbers.start
    }
}

/// A sum and the rest that rounding has left of it, with one number more.
fn sum(number: f64, rest: f64, more: f64) -> (f64, f64) {
    let two = |a: f64, b: f64| {
        let sum = a + b;
        let of_b = sum - a;
        (sum, (a - (sum - of_b)) + (b - of_b))
    };
    let (sum, left) = two(number, more);
    let (sum, left) = two(sum, left + rest);
    if sum.is_finite() { (sum, left) } else { (number + more, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounding_leaves_of_a_sum_is_not_lost() {
        let (mut number, mut rest) = (0.0, 0.0);
        for more in [1e16, 1.0, 1.0, -1e16] {
            (number, rest) = sum(number, rest, more);
        }
        assert_eq!((number, rest), (2.0, 0.0));
        assert_eq!(sum(f64::INFINITY, 0.0, 1.0), (f64::INFINITY, 0.0));
        assert!(sum(f64::INFINITY, 0.0, f64::NEG_INFINITY).0.is_nan());
    }
}
