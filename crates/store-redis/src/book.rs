//! All numbers of one process, and what they are.

use std::sync::Arc;

use metrics_core::{Aggregation, Desc};
use redis_schema::{LabelSet, Schema};
use redis_session::clock::Clock;
use redis_session::{Change, Moment};

use crate::numbers::Numbers;

/// All numbers of one process, and what they are, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Book {
    schema: Schema,
    numbers: Vec<&'static Numbers>,
    /// Of each number, whether a retired process's is added to those of others.
    adds_up: Vec<bool>,
    /// Whether any keeps the time at which it was set.
    keeps_time: bool,
}

impl Book {
    /// Appends a label set.
    pub(crate) fn add(&mut self, desc: &Arc<Desc>, labels: &[&str], numbers: &'static Numbers) {
        self.schema.push(desc, "", labels);
        self.numbers.push(numbers);
        let adds_up = desc.aggregation() == Aggregation::SUM;
        self.adds_up.extend(std::iter::repeat_n(adds_up, numbers.len()));
        self.keeps_time |= desc.aggregation().mode == metrics_core::Mode::MostRecent;
    }

    /// What they are now.
    pub(crate) fn moment(&self, clock: &Clock) -> Moment {
        let mut moment = Moment { schema: self.schema.bytes().len(), ..Moment::default() };
        moment.values.reserve(self.adds_up.len());
        for numbers in &self.numbers {
            // The time before its number: the number may then be a later one, and is sent again with its own.
            if self.keeps_time {
                moment.times.push(clock.by_redis(numbers.time()));
                moment.times.extend(std::iter::repeat_n(0.0, numbers.len() - 1));
            }
            moment.values.extend((0..numbers.len()).map(|index| numbers.get(index)));
        }
        moment
    }

    /// What those of some label sets are now.
    pub(crate) fn changes(&self, of: &[&Numbers], clock: &Clock) -> Vec<Change> {
        let mut changes = Vec::with_capacity(of.len());
        for numbers in of {
            // As above.
            let time = if self.keeps_time { clock.by_redis(numbers.time()) } else { 0.0 };
            changes.extend((0..numbers.len()).map(|index| Change {
                number: numbers.at() + index,
                value: numbers.get(index),
                time: if index == 0 { time } else { 0.0 },
            }));
        }
        changes
    }

    /// What they are, from one byte of the schema to another.
    pub(crate) fn schema(&self, (from, to): (usize, usize)) -> &[u8] {
        self.schema.bytes().get(from..to).unwrap_or_default()
    }

    /// What they are, label set by label set.
    pub(crate) fn sets(&self) -> &[LabelSet] {
        self.schema.sets()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.adds_up.len()
    }

    pub(crate) fn adds_up(&self) -> &[bool] {
        &self.adds_up
    }
}
