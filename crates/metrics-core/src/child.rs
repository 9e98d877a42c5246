//! One label set of one family as one process keeps it, and the store that hands it out.

use std::sync::Arc;

use crate::{Desc, Lane, StoreError};

/// Which number of a child.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The number of a counter or a gauge.
    Value,
    /// How many observations fell into this bucket and no lower one: an index into
    /// [`Desc::buckets`], and one past its end for `+Inf`. Not cumulative.
    Bucket(usize),
    /// The sum of all observations of a histogram or a summary.
    Sum,
    /// How many observations a summary or a histogram has had.
    Count,
}

/// One label set of one family, as this process keeps it. Never waits for another process, never fails.
///
/// All numbers of a histogram are one child, so that one lookup finds them and a reader never sees
/// a label set half made.
pub trait Child: Send + Sync {
    /// Adds `by` to the number of a counter or a gauge. `by` may be negative (gauges); `NaN` is stored as
    /// IEEE 754 has it.
    fn add(&self, by: f64);

    /// Makes `to` the number of a gauge. A store that keeps times (aggregation `mostrecent`) notes the time.
    fn set(&self, to: f64);

    /// Counts one observation of `value`: in `bucket` of a histogram ([`Buckets::find`](crate::Buckets::find)
    /// tells which), in the count of a summary, whose `bucket` is ignored; then adds it to the sum.
    fn observe(&self, bucket: usize, value: f64);

    /// What this process has counted: 0 for a part that the kind does not have, and in a process that was
    /// forked off and has not touched the label set.
    fn get(&self, part: Part) -> f64;

    /// A [lane](Lane) of this counter that nobody has, [taken](Lane::take) for the caller, whose number counts in
    /// [`get`](Child::get); `None` where there is none to be had, as for kinds that do not add up.
    ///
    /// Called once for each handle: it may lock, allocate and write.
    fn local(&'static self) -> Option<&'static Lane> {
        None
    }
}

/// Gives every label set its child. Asking twice, with an equal [`Desc`], gives the same child.
///
/// Children live as long as the process, so the handle is a plain reference: it costs nothing to copy and
/// borrows from no lock.
pub trait Store: Send + Sync {
    /// The child of `desc` with these label values, in the order of [`Desc::labels`].
    ///
    /// Called once for each label set and process, not for each update: it may lock, allocate and write.
    ///
    /// # Errors
    /// When the label set can never be kept (a key too long for the format). Trouble that may pass - a full
    /// disk, a missing directory - is none: the child then counts in memory and moves when there is room.
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError>;

    /// Asked when a family is declared, before any of its label sets: a store that can never keep its numbers as its
    /// aggregation wants them says so here, and the declaration fails.
    ///
    /// # Errors
    /// When the family can never be kept.
    fn accepts(&self, _desc: &Desc) -> Result<(), StoreError> {
        Ok(())
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        (**self).child(desc, labels)
    }

    fn accepts(&self, desc: &Desc) -> Result<(), StoreError> {
        (**self).accepts(desc)
    }
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
        (**self).child(desc, labels)
    }

    fn accepts(&self, desc: &Desc) -> Result<(), StoreError> {
        (**self).accepts(desc)
    }
}
