//! What a metric, a child and a store are: descriptions, handles, registry, snapshot.
//!
//! An application declares families in a [`Registry`], keeps the handles of its label sets, and counts. Where
//! the numbers are kept is the business of a [`Store`]: in this process (`store-hash`), in files
//! (`store-file`), in memory that outlives the process (`store-mmap`). The registry checks everything once -
//! names, labels, units, aggregation - so that counting itself cannot fail.
//!
//! ```
//! use metrics_core::{Aggregation, Buckets, Registry};
//! use store_hash::HashStore;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let registry = Registry::new(HashStore::atomic());
//!
//! let requests = registry.counter("requests_total", "Requests served.").labels(["method", "code"])?;
//! let waiting = registry.gauge("requests_waiting", "Requests in the queue.").aggregation(Aggregation::SUM).register()?;
//! let latency = registry
//!     .histogram("latency_seconds", "Time to answer.")
//!     .unit("seconds")
//!     .buckets(Buckets::exponential(0.001, 10.0, 4)?)
//!     .register()?;
//! let busy = registry.counter("busy_seconds_total", "Time spent on jobs.").unit("seconds").register()?;
//!
//! // On the page from the start, so that the first failure is seen as a step from 0.
//! requests.start_at_zero([["GET", "200"], ["GET", "500"]])?;
//!
//! // Handles are Copy, Send and Sync; keep those of hot paths, look up the others.
//! let ok = requests.with(["GET", "200"]);
//! waiting.inc();
//! let timer = latency.start_timer();
//! busy.trace(|| { /* a job of an hour counts while it runs */ });
//! timer.stop();
//! waiting.dec();
//! ok.inc();
//! requests.with(["POST", "201"]).inc_by(2.0);
//!
//! // This process's own numbers; those of many processes come from the collector.
//! let page = registry.snapshot();
//! let counted: Vec<(String, f64)> = page.families[0]
//!     .samples
//!     .iter()
//!     .map(|sample| {
//!         let labels = sample.series.labels.iter().map(|label| label.value_text());
//!         (labels.collect::<Vec<_>>().join(" "), sample.value)
//!     })
//!     .collect();
//! // Labels are sorted by name: `code` stands before `method`.
//! let expected = [("200 GET", 1.0), ("500 GET", 0.0), ("201 POST", 2.0)];
//! assert_eq!(counted, expected.map(|(labels, value)| (labels.to_owned(), value)));
//! # Ok(())
//! # }
//! ```
//!
//! # The shape of it
//!
//! - A [`Desc`] is what a family is. There is no unchecked one, so stores and encoders trust it.
//! - A [`Child`] is one label set as this process keeps it, behind a plain reference that lives as long as the
//!   process. Copying an `Arc` from two threads costs more than counting does, and a guard or a borrow from a
//!   lock in an API ends in a deadlock of its users; so nothing here hands out either. The price is that what
//!   is declared is never freed. Make one registry, and keep label values bounded.
//! - [`Counter`], [`Gauge`], [`Histogram`] and [`Summary`] are a child and its family. They drop what has no
//!   meaning - a counter that would fall - and count it in [`Registry::rejected`]; each family warns once.
//! - A [`Family`] finds the child of a label set without a lock, in a table that only grows. `[&str; N]` makes
//!   a wrong number of labels a compile error.
//! - A [`LocalCounter`] counts for one thread at a time, in a [`Lane`] of its own, without a compare-and-swap.
//! - [`Counter::trace`] counts the time of long work while it runs.
//! - A [`Snapshot`] is a page before it is text: plain data, from here or from the collector, for the encoders.
//!   [`number()`] prints its numbers.
//!
//! # Forks
//!
//! Servers fork, in the middle of anything, from any thread. Every piece of state here is one that a forked
//! child can go on using: label sets are found without locks, added behind a [`forked::Gate`], traces belong
//! to the process that started them. What a forked child's numbers start from is up to the store.
//!
//! # A store of your own
//!
//! Implement [`Store`] and [`Child`]; [`Children`] keeps what was handed out. `store-testkit` holds it to what
//! the two traits promise.
#![forbid(unsafe_code)]

mod aggregation;
mod buckets;
mod child;
mod children;
mod counter;
mod desc;
mod error;
mod family;
mod gauge;
mod histogram;
mod kind;
mod label_hash;
mod lane;
mod local_counter;
mod number;
mod own_values;
mod process;
mod refused;
mod registry;
mod snapshot;
mod summary;
mod table;
mod timer;
mod tracer;

pub use aggregation::{Aggregation, Mode, UnknownAggregation};
pub use buckets::Buckets;
pub use child::{Child, Part, Store};
pub use children::Children;
pub use counter::Counter;
pub use desc::{Declaration, Desc};
pub use error::{DeclareError, StoreError};
pub use family::{Family, Metric};
pub use gauge::Gauge;
pub use histogram::Histogram;
pub use kind::Kind;
pub use lane::Lane;
pub use local_counter::LocalCounter;
pub use number::{number, push_number};
pub use process::Process;
pub use registry::{Declare, Registry};
pub use snapshot::{Exemplar, FamilySnapshot, Label, Sample, Series, Snapshot};
pub use summary::Summary;
pub use timer::{Observe, Timer};
pub use tracer::Trace;

/// What [`lane`] and [`table`] are written with; the loom models put their own in its place.
mod atomic {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

    pub(crate) use forked::{Gate, Reference};
}
