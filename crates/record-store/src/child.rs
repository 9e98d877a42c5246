//! One label set of a store, and its numbers in each process.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};

use dialects::Dialect;
use forked::{PerProcess, SetOnce, Sole};
use metrics_core::{Child, Desc, Kind, Lane, Part};

use crate::clock::{self, Clock};
use crate::lanes::Lanes;
use crate::placed::Placed;
use crate::shards::{self, Shards};
use crate::store::Shared;
use crate::{Medium, Refusal};

/// One label set of a store.
pub(crate) struct RecordChild<M: Medium> {
    /// This process's numbers; none in a process that was forked off and has not touched the label set.
    pub(crate) numbers: PerProcess<Numbers<M>>,
    clock: Clock,
    /// Index of the last number.
    last: usize,
    pub(crate) desc: Arc<Desc>,
    pub(crate) labels: Box<[Box<str>]>,
    shared: Arc<Shared<M>>,
}

/// The numbers of a label set in one process, in the order of [`index`]. What an addition asks for comes first.
#[repr(C)]
pub(crate) struct Numbers<M: Medium> {
    /// Those that stand in a file: the first record of each. Which exist, the dialect decides.
    pub(crate) placed: Placed<M>,
    /// Further records of the same keys; none until two threads have met.
    pub(crate) shards: SetOnce<Shards<M>>,
    /// In memory, all of them, from when one could not be placed. Closed one by one as they are placed.
    pub(crate) stand_ins: OnceLock<Box<[M::Number]>>,
    /// The file's [identity](crate::own::FileIdentity); 0 before the first is placed.
    pub(crate) file: AtomicU64,
    /// Further records of a counter, for handles that have one each.
    pub(crate) lanes: Lanes,
}

/// A change of one number.
#[derive(Clone, Copy)]
enum Change {
    Add(f64),
    Set(f64),
}

impl<M: Medium> RecordChild<M> {
    pub(crate) fn new(shared: Arc<Shared<M>>, desc: Arc<Desc>, labels: &[&str]) -> RecordChild<M> {
        let last = match desc.kind() {
            Kind::Histogram => 1 + desc.buckets().bounds().len(),
            Kind::Summary => 1,
            _ => 0,
        };
        RecordChild {
            numbers: PerProcess::new(),
            clock: Clock::of(shared.options.dialect, desc.aggregation()),
            last,
            desc,
            labels: labels.iter().map(|&value| value.into()).collect(),
            shared,
        }
    }

    /// Whether this is the child of `desc` with these label values.
    pub(crate) fn is(&self, desc: &Desc, labels: &[&str]) -> bool {
        self.labels.iter().map(|value| &**value).eq(labels.iter().copied()) && *self.desc == *desc
    }

    /// A hash of what [`RecordChild::is`] compares (of enough of it).
    pub(crate) fn hash(state: &RandomState, desc: &Desc, labels: &[&str]) -> u64 {
        let mut hasher = state.build_hasher();
        desc.name().hash(&mut hasher);
        labels.hash(&mut hasher);
        hasher.finish()
    }

    /// How many numbers the label set has.
    pub(crate) fn len(&self) -> usize {
        self.last + 1
    }

    /// Whether the record of a number exists from the start, and not only from the first touch.
    ///
    /// Python writes all records of a label set at once. Ruby writes those of a label set without labels when
    /// the metric is declared (`init_label_set` in `metric.rb`), the others when they are touched.
    pub(crate) fn is_initial(&self) -> bool {
        self.shared.options.dialect != Dialect::Ruby
            || self.labels.is_empty()
            || !matches!(self.desc.kind(), Kind::Histogram | Kind::Summary)
    }

    /// Whether readers add up several records of one of its keys.
    pub(crate) fn is_additive(&self) -> bool {
        let sum = matches!(self.desc.kind(), Kind::Counter | Kind::Histogram | Kind::Summary);
        sum && self.shared.options.dialect != Dialect::Ruby
    }

    /// The time of a record that nothing has been written to: of a metric without labels Ruby writes it when the
    /// metric is declared, and that 0 takes part in `most_recent` with its time.
    pub(crate) fn first_time(&self) -> f64 {
        match self.clock {
            Clock::Monotonic | Clock::Coarse if self.labels.is_empty() => clock::monotonic(),
            _ => 0.0,
        }
    }

    /// Adds 1 to the number at `counted`, if one is to be, then `by` to the first. The fast path: no other thread has
    /// come to these numbers.
    // Always: two callers make the compiler share it, and pass what is constant in each.
    #[inline(always)]
    fn add_with_count(&self, counted: Option<usize>, by: f64) {
        let numbers = self.numbers.get();
        if !numbers.is_some_and(|numbers| numbers.placed.add_alone(counted, by)) {
            self.add_among_others(numbers, counted, by);
        }
    }

    /// Adds to a record that this thread has made, or that it shares.
    #[inline(never)]
    fn add_among_others(&self, numbers: Option<&'static Numbers<M>>, counted: Option<usize>, by: f64) {
        let placed = numbers.and_then(Numbers::of_this_thread);
        if placed.is_some_and(|placed| placed.add_alone(counted, by)) {
            return;
        }
        if let Some(counted) = counted {
            self.change(placed, counted, Change::Add(1.0));
        }
        self.change(placed, 0, Change::Add(by));
    }

    #[inline]
    fn change(&self, placed: Option<&'static Placed<M>>, index: usize, change: Change) {
        let outcome = match (placed.and_then(|placed| placed.to_change(index)), change) {
            (None, _) => Err(Refusal::Closed),
            (Some(number), Change::Add(by)) => M::try_add(number, by, self.clock.at_add()),
            (Some(number), Change::Set(to)) => M::set(number, to, self.clock.at_set()),
        };
        if let Err(refusal) = outcome {
            self.change_slowly(index, change, refusal);
        }
    }

    /// Changes `number`, however many threads are at it.
    fn apply(&self, number: &M::Number, change: Change) -> Result<(), Refusal> {
        match change {
            Change::Add(by) => M::add(number, by, self.clock.at_add()),
            Change::Set(to) => M::set(number, to, self.clock.at_set()),
        }
    }

    /// Not placed yet in this process, in memory, moved, met another thread, or a write that failed.
    #[cold]
    fn change_slowly(&self, index: usize, change: Change, refusal: Refusal) {
        let mut refusal = match refusal {
            Refusal::Unwritten(_) => refusal,
            _ => match self.change_of_own(index, change, matches!(refusal, Refusal::Beaten)) {
                Ok(()) => return,
                Err(refusal) => refusal,
            },
        };
        let mut refused_by = ptr::null();
        loop {
            if let Refusal::Unwritten(error) = refusal {
                return self.shared.unwritten(&self.desc, error);
            }
            // Whoever closed the number has published the next one before.
            fence(Ordering::Acquire);
            let Some(number) = self.shared.number(self, index) else { return };
            refusal = match self.apply(number, change) {
                Ok(()) => return,
                Err(refusal) => refusal,
            };
            // Closed, and the child has not moved: not a closed number, but a NaN with the same bits, which no
            // update changes.
            if ptr::eq(refused_by, number) && matches!(refusal, Refusal::Closed) {
                return;
            }
            refused_by = number;
        }
    }

    /// Changes the number of this thread's shard, which is made if there is none and threads have met; the first
    /// record's number where there can be none.
    fn change_of_own(&self, index: usize, change: Change, beaten: bool) -> Result<(), Refusal> {
        let Some(numbers) = self.numbers.get() else { return Err(Refusal::Closed) };
        if beaten && self.is_additive() {
            numbers.shards.get_or_set(Shards::new);
            shards::next_turn();
        } else if numbers.shards.get().is_some() && shards::has_no_turn() {
            shards::next_turn();
        }
        if let Some(shard) = numbers.shards.get().and_then(Shards::of_this_thread)
            && shard.get().is_none()
        {
            self.shared.make_shard(self, shard);
        }
        let number = numbers.of_this_thread().and_then(|placed| placed.to_change(index)).or_else(|| {
            if numbers.shards.get().is_some() {
                // No room for it. The first record is there; threads may as well meet at it.
                shards::stay();
            }
            numbers.placed.to_change(index)
        });
        number.map_or(Err(Refusal::Closed), |number| self.apply(number, change))
    }

    /// The number at `index` of all records together.
    fn read(&self, index: usize) -> f64 {
        // Closed between the two loads: read again where it is now.
        for _ in 0..8 {
            let Some(numbers) = self.numbers.get() else { return 0.0 };
            if numbers.now(index).is_none() {
                return 0.0;
            }
            let values = numbers.all(index).map(|number| Some(M::read(number)?.0));
            if let Some(sum) = values.sum::<Option<f64>>() {
                // Only counters have lanes.
                return numbers.lanes.iter().fold(sum, |sum, lane| sum + lane.get());
            }
        }
        f64::NAN
    }
}

impl<M: Medium> Numbers<M> {
    /// Those of `child`, none of them anywhere yet.
    pub(crate) fn new(child: &RecordChild<M>) -> Numbers<M> {
        // What can be set has many threads that set it, and what cannot be added up has one record.
        let sole = if child.is_additive() { Sole::new() } else { Sole::shared() };
        Numbers {
            placed: Placed::new(child.len(), sole),
            stand_ins: OnceLock::new(),
            file: AtomicU64::new(0),
            shards: SetOnce::new(),
            lanes: Lanes::new(),
        }
    }

    /// The numbers that this thread adds to; `None` when its shard has not been made.
    #[inline]
    fn of_this_thread(&self) -> Option<&Placed<M>> {
        let Some(shards) = self.shards.get() else { return Some(&self.placed) };
        if shards::has_no_turn() {
            return None;
        }
        match shards.of_this_thread() {
            None => Some(&self.placed),
            Some(shard) => shard.get(),
        }
    }

    /// Whose each record is.
    pub(crate) fn soles(&self) -> impl Iterator<Item = &Sole> + Clone {
        let shards = self.shards.get().into_iter().flat_map(Shards::made);
        std::iter::once(&self.placed.sole).chain(shards.map(|shard| &shard.sole))
    }

    /// The number at `index` of every record, in a file or in memory; none when it has not been touched.
    pub(crate) fn all(&self, index: usize) -> impl Iterator<Item = &M::Number> {
        let shards = self.shards.get().into_iter().flat_map(Shards::made);
        self.now(index).into_iter().chain(shards.filter_map(move |shard| shard.get(index)))
    }

    /// The number at `index`, in a file or in memory; `None` when it has not been touched.
    pub(crate) fn now(&self, index: usize) -> Option<&M::Number> {
        match self.placed.get(index) {
            Some(number) => Some(number),
            None => self.stand_ins.get()?.get(index),
        }
    }

    /// The number at `index`, if it is in memory because it could not be placed.
    pub(crate) fn in_memory(&self, index: usize) -> Option<&M::Number> {
        match self.placed.get(index) {
            Some(_) => None,
            None => self.stand_ins.get()?.get(index),
        }
    }

    /// Makes the numbers in memory, at 0, if there are none. Only done with the process's files locked: whoever
    /// moves a label set has to see all of its numbers.
    pub(crate) fn make_stand_ins(&self) {
        // What will be carried into their places is carried with a compare-and-swap.
        self.placed.sole.leave();
        self.placed.sole.share();
        self.stand_ins.get_or_init(|| (0..self.placed.len()).map(|_| M::in_memory(0.0, 0.0)).collect());
    }
}

impl<M: Medium> Child for RecordChild<M> {
    #[inline]
    fn add(&self, by: f64) {
        self.add_with_count(None, by);
    }

    #[inline]
    fn set(&self, to: f64) {
        // What can be set has no shards.
        self.change(self.numbers.get().map(|numbers| &numbers.placed), 0, Change::Set(to));
    }

    #[inline]
    fn observe(&self, bucket: usize, value: f64) {
        if self.last == 0 {
            return; // A counter or a gauge has nothing to observe.
        }
        // Counted first: a process that dies in between has lost a term of the sum, and no observation.
        // A bucket stands one behind its number; a summary's count is the last.
        let counted = bucket.saturating_add(1).min(self.last);
        self.add_with_count(Some(counted), value);
    }

    fn get(&self, part: Part) -> f64 {
        match (self.desc.kind(), part) {
            (Kind::Histogram, Part::Count) => (1..self.len()).map(|index| self.read(index)).sum(),
            (kind, part) => index(kind, part).map_or(0.0, |index| self.read(index)),
        }
    }

    fn local(&'static self) -> Option<&'static Lane> {
        if self.desc.kind() == Kind::Counter && self.is_additive() { self.shared.lane(self) } else { None }
    }
}

/// Where a number stands among those of its label set; `None` where the kind has no such number of its own.
pub(crate) fn index(kind: Kind, part: Part) -> Option<usize> {
    match (kind, part) {
        (Kind::Histogram | Kind::Summary, Part::Sum) => Some(0),
        (Kind::Histogram, Part::Bucket(bucket)) => bucket.checked_add(1),
        (Kind::Summary, Part::Count) => Some(1),
        (Kind::Counter | Kind::Gauge, Part::Value) => Some(0),
        _ => None,
    }
}
