//! The families of an application, and the store that keeps their numbers.

use std::fmt;
use std::io::Write;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use forked::Gate;

use crate::family::{Family, FamilyState, Metric};
use crate::refused::Refused;
use crate::table::Table;
use crate::{
    Aggregation, Buckets, Counter, Declaration, DeclareError, Desc, Gauge, Histogram, Snapshot, Store,
    Summary,
};

/// The families of an application, and the store that keeps their numbers.
///
/// Cheap to copy, from any thread. A registry and what is declared in it live as long as the process: handles
/// are plain references, so nothing that they point to is ever freed. Make one, not one for each request.
///
/// ```
/// use metrics_core::Registry;
/// use store_hash::HashStore;
///
/// let registry = Registry::new(HashStore::atomic());
/// registry.counter("jobs_total", "Jobs done.").register()?;
///
/// let error = registry.gauge("jobs_total", "Jobs waiting.").register().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "declare gauge jobs_total{} (all): it would share the name of a sample with counter jobs{} (sum)",
/// );
/// # Ok::<(), metrics_core::DeclareError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Registry {
    inner: &'static Inner,
}

/// What all copies of a registry share.
pub(crate) struct Inner {
    pub(crate) store: Box<dyn Store>,
    /// Where updates of label sets go that the store refuses.
    pub(crate) refused: Refused,
    /// Families by name, in the order of declaration.
    families: Table<&'static FamilyState>,
    /// Passed by whoever declares, so that no two check at once; before the gate in `families`.
    declaring: Gate,
    rejected: AtomicU64,
    warn: Box<dyn Fn(&str) + Send + Sync>,
}

impl Registry {
    /// A registry without families, whose numbers `store` will keep, and which warns with a line on standard
    /// error.
    pub fn new(store: impl Store + 'static) -> Registry {
        Registry::with_warnings(store, warn_on_stderr)
    }

    /// A registry that gives its warnings to `warn`: one line each, no line feed, about an update that was
    /// dropped. Each family warns once in its life.
    pub fn with_warnings(
        store: impl Store + 'static,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Registry {
        let inner = Inner {
            store: Box::new(store),
            refused: Refused::default(),
            families: Table::new(),
            declaring: Gate::new(),
            rejected: AtomicU64::new(0),
            warn: Box::new(warn),
        };
        Registry { inner: Box::leak(Box::new(inner)) }
    }

    /// Begins to declare a counter: a number that only grows. `name` may end in `_total` or not.
    pub fn counter<'a>(&self, name: &'a str, help: &'a str) -> Declare<'a, Counter> {
        Declare::new(*self, name, help)
    }

    /// Begins to declare a gauge: a number that goes up and down.
    pub fn gauge<'a>(&self, name: &'a str, help: &'a str) -> Declare<'a, Gauge> {
        Declare::new(*self, name, help)
    }

    /// Begins to declare a histogram: observations counted in buckets.
    pub fn histogram<'a>(&self, name: &'a str, help: &'a str) -> Declare<'a, Histogram> {
        Declare::new(*self, name, help)
    }

    /// Begins to declare a summary: observations counted and summed up.
    pub fn summary<'a>(&self, name: &'a str, help: &'a str) -> Declare<'a, Summary> {
        Declare::new(*self, name, help)
    }

    /// This process's own values, whatever the store: families in the order of declaration, label sets in
    /// the order of first use, histograms cumulative, no `pid`. That is how a store that is not shared is
    /// served.
    ///
    /// Time of running traces is counted up to now. Labels are sorted by name, `le` among them. The lines of a
    /// label set have the order of the Python client: `_sum`, buckets, `_count` of a histogram, `_count`,
    /// `_sum` of a summary. Each series is made once, later snapshots share it.
    pub fn snapshot(&self) -> Snapshot {
        crate::tracer::count_up_to_now();
        Snapshot { families: self.inner.families.iter().map(|(_, family)| family.snapshot()).collect() }
    }

    /// How many updates were dropped: what would have made a counter fall, what a gauge's aggregation has no
    /// meaning for, what belongs to a label set that the store refuses.
    pub fn rejected(&self) -> u64 {
        self.inner.rejected.load(Ordering::Relaxed) + self.inner.refused.updates()
    }

    /// The family that `declared` describes: the one of that name if it is equal, else a new one.
    fn declare(&self, declared: &Declaration<'_>) -> Result<&'static FamilyState, DeclareError> {
        let desc = Desc::new(declared)?;
        if let Some(family) = self.inner.families.get(&[desc.name()])
            && *family.desc == desc
        {
            return Ok(family);
        }
        // What a thread that stayed behind in a parent process left undone here is one insert; the table
        // itself makes that good.
        let (_inside, _) = self.inner.declaring.enter();
        for (_, family) in self.inner.families.iter() {
            if *family.desc == desc {
                return Ok(family);
            }
            if desc.collides_with(&family.desc) {
                let existing = Arc::clone(&family.desc);
                return Err(DeclareError::Conflict { existing, refused: Box::new(desc) });
            }
        }
        self.inner.store.accepts(&desc)?;
        let family: &'static FamilyState = Box::leak(Box::new(FamilyState::new(desc, self.inner)));
        let kept = self.inner.families.get_or_insert(&[family.desc.name()], family);
        Ok(kept.copied().unwrap_or(family))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.inner.families.iter().map(|(_, family)| family.desc.to_string())).finish()
    }
}

impl Inner {
    pub(crate) fn warn(&self, warning: &str) {
        (self.warn)(warning);
    }

    pub(crate) fn count_rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

/// One line, written past the lock of `std::io::stderr`: in a forked process a thread that stayed behind may
/// hold it for ever. Where standard error is closed nobody hears it.
fn warn_on_stderr(warning: &str) {
    let line = format!("multiprom: {warning}\n");
    #[cfg(unix)]
    if let Ok(descriptor) = std::os::fd::AsFd::as_fd(&std::io::stderr()).try_clone_to_owned() {
        let _ = std::fs::File::from(descriptor).write_all(line.as_bytes());
    }
    #[cfg(not(unix))]
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A family about to be declared: say what there is to say, then end with [`register`](Declare::register) or
/// [`labels`](Declare::labels).
#[must_use = "nothing is declared before `register` or `labels`"]
#[derive(Clone)]
pub struct Declare<'a, M> {
    registry: Registry,
    declared: Declaration<'a>,
    metric: PhantomData<fn() -> M>,
}

impl<'a, M: Metric> Declare<'a, M> {
    fn new(registry: Registry, name: &'a str, help: &'a str) -> Declare<'a, M> {
        Declare { registry, declared: Declaration::new(M::KIND, name, help), metric: PhantomData }
    }

    /// The unit: the end of the name (of a counter: before `_total`), as `seconds`.
    pub fn unit(mut self, unit: &'a str) -> Declare<'a, M> {
        self.declared.unit = unit;
        self
    }

    /// Declares the family without labels. Its number is on the page, at 0, from now on.
    ///
    /// # Errors
    /// When the declaration is wrong, another family has the name, or the store refuses it.
    pub fn register(self) -> Result<M, DeclareError> {
        Ok(self.labels([])?.try_with([])?)
    }

    /// Declares the family with labels of these names; their values are given in this order.
    ///
    /// # Errors
    /// When the declaration is wrong, another family has the name, or the store [refuses](crate::Store::accepts) it.
    pub fn labels<const N: usize>(self, names: [&str; N]) -> Result<Family<M, N>, DeclareError> {
        let family = self.registry.declare(&Declaration { labels: &names, ..self.declared })?;
        Ok(Family::new(family))
    }
}

impl<'a> Declare<'a, Gauge> {
    /// How the numbers of several processes become one; without it, each process has its own series.
    ///
    /// With the mode `mostrecent` a gauge can be set, but not counted up and down.
    pub fn aggregation(mut self, aggregation: Aggregation) -> Declare<'a, Gauge> {
        self.declared.aggregation = Some(aggregation);
        self
    }
}

impl<'a> Declare<'a, Histogram> {
    /// The buckets; without it, [`Buckets::default`].
    pub fn buckets(mut self, buckets: Buckets) -> Declare<'a, Histogram> {
        self.declared.buckets = Some(buckets);
        self
    }
}

impl<M> fmt::Debug for Declare<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.declared.fmt(f)
    }
}
