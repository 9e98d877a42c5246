//! A family that was declared, and the handles of its label sets.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forked::PerProcess;

use crate::registry::Inner;
use crate::table::Table;
use crate::{Child, Desc, Kind, Mode, Series, StoreError};

/// A family with `N` labels: gives each label set its handle.
///
/// Cheap to copy, from any thread. [`with`](Family::with) takes no lock for a label set that was asked for
/// before; a handle that is kept saves even the lookup.
///
/// ```
/// # use metrics_core::{Counter, Family};
/// fn count(requests: Family<Counter, 2>) {
///     requests.with(["GET", "200"]).inc();
/// }
/// ```
///
/// Another number of values than that of the labels declared does not compile:
///
/// ```compile_fail,E0308
/// # use metrics_core::{Counter, Family};
/// fn count(requests: Family<Counter, 2>) {
///     requests.with(["GET"]).inc();
/// }
/// ```
#[must_use]
pub struct Family<M, const N: usize> {
    state: &'static FamilyState,
    metric: PhantomData<fn() -> M>,
}

impl<M: Metric, const N: usize> Family<M, N> {
    pub(crate) fn new(state: &'static FamilyState) -> Family<M, N> {
        Family { state, metric: PhantomData }
    }

    /// The handle of the label set with these values, in the order of the names declared.
    ///
    /// From the first time on the label set is on the page, at 0. Should the store refuse it - none of ours
    /// does before its file would outgrow 2 GiB - the handle does nothing but count into
    /// [`Registry::rejected`](crate::Registry::rejected), and the family warns once.
    #[inline]
    pub fn with(&self, values: [&str; N]) -> M {
        M::new(
            self.state.find_by(&values).unwrap_or_else(|| self.state.child_or_refused(&values)),
            self.state,
        )
    }

    /// As [`with`](Family::with), for who wants to know.
    ///
    /// # Errors
    /// When the store refuses the label set.
    pub fn try_with(&self, values: [&str; N]) -> Result<M, StoreError> {
        Ok(M::new(self.state.child(&values)?, self.state))
    }

    /// Puts label sets on the page at 0, before anything is counted in them.
    ///
    /// A series that appears with its first increment hides it: Prometheus's `rate` and `increase` see no step
    /// from nothing to 1.
    ///
    /// # Errors
    /// When the store refuses one of them; those before it are there.
    pub fn start_at_zero<'v>(&self, sets: impl IntoIterator<Item = [&'v str; N]>) -> Result<(), StoreError> {
        sets.into_iter().try_for_each(|values| self.state.child(&values).map(drop))
    }

    /// What was declared.
    pub fn desc(&self) -> &'static Arc<Desc> {
        &self.state.desc
    }
}

impl<M, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Family<M, N> {
        *self
    }
}

impl<M, const N: usize> Copy for Family<M, N> {}

impl<M, const N: usize> fmt::Debug for Family<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Family({})", self.state.desc)
    }
}

/// The kinds of handle that a [`Family`] gives: [`Counter`](crate::Counter), [`Gauge`](crate::Gauge),
/// [`Histogram`](crate::Histogram) and [`Summary`](crate::Summary).
pub trait Metric: Copy + Send + Sync + sealed::Handle {}

pub(crate) mod sealed {
    use super::{Child, FamilyState, Kind};

    /// What makes a handle; only this crate knows how.
    pub trait Handle {
        const KIND: Kind;

        fn new(child: &'static dyn Child, family: &'static FamilyState) -> Self;
    }
}

/// What all handles of a family share.
pub struct FamilyState {
    pub(crate) desc: Arc<Desc>,
    /// Whether numbers of the family can be set but not counted up and down.
    pub(crate) only_set: bool,
    pub(crate) members: Table<Member>,
    registry: &'static Inner,
    warned: AtomicBool,
}

/// One label set of a family.
pub(crate) struct Member {
    pub(crate) child: &'static dyn Child,
    /// What its lines on a page are about, made at the first snapshot. Each process makes its own, so that it
    /// never waits for a thread of its parent that was encoding one.
    pub(crate) series: PerProcess<Box<[Arc<Series>]>>,
}

impl FamilyState {
    pub(crate) fn new(desc: Desc, registry: &'static Inner) -> FamilyState {
        FamilyState {
            only_set: desc.aggregation().mode == Mode::MostRecent,
            desc: Arc::new(desc),
            members: Table::new(),
            registry,
            warned: AtomicBool::new(false),
        }
    }

    /// As [`find`](FamilyState::find), made once for each number of labels: without loops over them. Never inlined: where it
    /// is, too much is for the compiler to keep in registers, among it the handle that is made of the answer.
    #[inline(never)]
    fn find_by<const N: usize>(&self, values: &[&str; N]) -> Option<&'static dyn Child> {
        self.find(values)
    }

    /// The child of a label set that was asked for before.
    #[inline]
    fn find(&self, values: &[&str]) -> Option<&'static dyn Child> {
        self.members.get(values).map(|member| member.child)
    }

    /// The child of a label set; asks the store the first time.
    fn child(&self, values: &[&str]) -> Result<&'static dyn Child, StoreError> {
        if let Some(child) = self.find(values) {
            return Ok(child);
        }
        // Outside of the table's gate, since a store may be slow; whoever asks at the same time gets the same.
        let child = self.registry.store.child(&self.desc, values)?;
        let member = Member { child, series: PerProcess::new() };
        match self.members.get_or_insert(values, member) {
            Some(member) => Ok(member.child),
            None => Err(StoreError::new(format!("keep a label set of {}", self.desc), "there are too many")),
        }
    }

    #[cold]
    fn child_or_refused(&self, values: &[&str]) -> &'static dyn Child {
        self.child(values).unwrap_or_else(|error| {
            self.warn(&format!("updates of {}{values:?} are lost: {error}", self.desc.name()));
            &self.registry.refused
        })
    }

    /// Counts an update that is dropped, and says why if the family has not warned yet.
    #[cold]
    pub(crate) fn reject(&self, why: fmt::Arguments<'_>) {
        self.registry.count_rejected();
        self.warn(&format!("{}: {why}", self.desc));
    }

    fn warn(&self, warning: &str) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            self.registry.warn(warning);
        }
    }
}
