//! One label set of a store.

use std::sync::Arc;

use forked::PerProcess;
use metrics_core::{Child, Desc, Kind, Mode, Part};
use redis_session::clock;

use crate::numbers::Numbers;
use crate::store::Shared;

/// One label set of a store.
pub(crate) struct RedisChild {
    /// This process's; none in a process that was forked off and has not touched the label set.
    numbers: PerProcess<&'static Numbers>,
    /// How many there are.
    len: usize,
    keeps_time: bool,
    desc: Arc<Desc>,
    labels: Box<[Box<str>]>,
    pub(crate) shared: Arc<Shared>,
}

impl RedisChild {
    pub(crate) fn new(shared: Arc<Shared>, desc: Arc<Desc>, labels: &[&str]) -> RedisChild {
        RedisChild {
            numbers: PerProcess::new(),
            len: redis_schema::numbers_of(&desc),
            keeps_time: desc.aggregation().mode == Mode::MostRecent,
            labels: labels.iter().map(|&value| value.into()).collect(),
            desc,
            shared,
        }
    }

    /// This process's numbers, which are made and said to be there the first time.
    #[inline]
    pub(crate) fn here(&self) -> &'static Numbers {
        match self.numbers.get() {
            Some(numbers) => numbers,
            None => self.make(0.0, 0.0),
        }
    }

    /// Makes this process's numbers, the first of which is `value`, set at `time`; unless there are some.
    pub(crate) fn begin(&self, value: f64, time: f64) {
        self.make(value, time);
    }

    #[cold]
    fn make(&self, value: f64, time: f64) -> &'static Numbers {
        let mut book = self.shared.own().book();
        // Two threads may come; the second finds what the first has made.
        self.numbers.get_or_init(|| {
            let numbers: &'static Numbers = Box::leak(Box::new(Numbers::new(self.len, book.len())));
            numbers.set(value, self.keeps_time.then_some(time));
            let labels: Vec<&str> = self.labels.iter().map(|value| &**value).collect();
            book.add(&self.desc, &labels, numbers);
            numbers
        })
    }
}

impl Child for RedisChild {
    #[inline]
    fn add(&self, by: f64) {
        self.here().add(0, by);
    }

    #[inline]
    fn set(&self, to: f64) {
        let time = if self.keeps_time { Some(clock::monotonic()) } else { None };
        self.here().set(to, time);
    }

    #[inline]
    fn observe(&self, bucket: usize, value: f64) {
        if self.len < 2 {
            return; // A counter or a gauge has nothing to observe.
        }
        let numbers = self.here();
        // A bucket stands one behind its number; a summary's count is the last.
        numbers.add(bucket.saturating_add(1).min(self.len - 1), 1.0);
        numbers.add(0, value);
    }

    fn get(&self, part: Part) -> f64 {
        let Some(numbers) = self.numbers.get() else { return 0.0 };
        match (self.desc.kind(), part) {
            (Kind::Histogram, Part::Count) => (1..self.len).map(|index| numbers.get(index)).sum(),
            (Kind::Histogram | Kind::Summary, Part::Sum) => numbers.get(0),
            (Kind::Histogram, Part::Bucket(bucket)) => {
                bucket.checked_add(1).map_or(0.0, |index| numbers.get(index))
            }
            (Kind::Summary, Part::Count) => numbers.get(1),
            (Kind::Counter | Kind::Gauge, Part::Value) => numbers.get(0),
            _ => 0.0,
        }
    }
}
