//! A ledger that begins where another one ended: read again, or without gauges that have gone.

use redis_schema::{Schema, SchemaError, page};
use redis_session::Moment;

use super::Ledger;

impl Ledger {
    /// Goes on with what was written down: the schema, the numbers that were sent last, and what they had come to.
    pub(crate) fn resume(schema: &[u8], sent: &Moment, carried: &[f64]) -> Result<Ledger, SchemaError> {
        let mut read = Schema::default();
        read.extend(schema)?;
        let mut ledger = Ledger::default();
        for set in read.sets() {
            let mut labels: Vec<(Box<str>, Box<str>)> =
                set.desc.labels().iter().cloned().zip(set.values.iter().cloned()).collect();
            labels.sort_unstable();
            let name = (set.desc.name().into(), labels.into(), set.process.clone());
            ledger.places.entry(name).or_default().push(ledger.seen.len());
            ledger.enter(set.desc.aggregation(), set.numbers.len());
        }
        ledger.schema = read;
        let take = |from: &[f64], into: &mut [f64]| into.iter_mut().zip(from).for_each(|(to, &it)| *to = it);
        take(&sent.values, &mut ledger.values);
        take(&sent.times, &mut ledger.times);
        take(carried, &mut ledger.carried);
        Ok(ledger)
    }

    /// The same without gauges that have gone, and what is in it of numbers that add up.
    pub(crate) fn renewed(&self) -> (Ledger, Vec<f64>) {
        let mut new = Ledger { turn: self.turn, ..Ledger::default() };
        for (name, sets) in &self.places {
            let mut kept = Vec::new();
            for &at in sets {
                let set = &self.schema.sets()[at];
                if self.adds_up[set.numbers.start] || !page::is_gone(self.values[set.numbers.start]) {
                    kept.push(at);
                }
            }
            new.places.insert(name.clone(), kept);
        }
        let mut moved: Vec<Option<usize>> = vec![None; self.seen.len()];
        let mut kept: Vec<usize> = new.places.values().flatten().copied().collect();
        kept.sort_unstable();
        for at in kept {
            let set = &self.schema.sets()[at];
            let values: Vec<&str> = set.values.iter().map(|value| &**value).collect();
            let to = new.schema.push(&set.desc, &set.process, &values);
            moved[at] = Some(new.seen.len());
            new.enter(set.desc.aggregation(), to.len());
            *new.seen.last_mut().expect("one was entered") = self.seen[at];
            for (to, from) in to.zip(set.numbers.clone()) {
                (new.values[to], new.times[to]) = (self.values[from], self.times[from]);
                new.carried[to] = self.carried[from];
            }
        }
        for sets in new.places.values_mut() {
            *sets = sets.iter().filter_map(|&at| moved[at]).collect();
        }
        new.places.retain(|_, sets| !sets.is_empty());
        let counted = new.values.iter().zip(&new.adds_up);
        let counted = counted.map(|(&value, &adds_up)| if adds_up { value } else { 0.0 }).collect();
        (new, counted)
    }
}
