//! CPU time, memory and open files of an application's processes, from `/proc`.
//!
//! A client in multi-process mode gives no `process_*` metrics: each process could speak of itself only, and would say
//! it in files that outlive it. The system knows better. [`ProcessSource`] is a source for a
//! [`Collector`](collector::Collector) that asks the system at each scrape, so that the application needs to do nothing:
//!
//! | family | kind | of several processes |
//! |---|---|---|
//! | `process_cpu_seconds_total` | counter | the sum, those that have ended included |
//! | `process_resident_memory_bytes` | gauge | the sum; what they share counts for each |
//! | `process_proportional_memory_bytes` | gauge | the sum; what they share counts once |
//! | `process_open_fds`, `process_max_fds` | gauge | the sum |
//! | `process_threads` | gauge | the sum |
//! | `process_start_time_seconds` | gauge | the least |
//!
//! ```
//! use collector::{Ask, Collector};
//! use process_metrics::{Group, ProcessSource, View};
//!
//! let myself = Group::of(|| Ok(vec![std::process::id()]));
//! let source = ProcessSource::new(vec![myself], View::Sum);
//! let collector = Collector::new(vec![Box::new(source)]);
//! let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let page = runtime.block_on(collector.collect(&Ask::default()))?;
//! let threads = page.families.iter().find(|family| &*family.name == "process_threads");
//! assert!(threads.is_some_and(|threads| threads.samples[0].value >= 1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! * **A sum is complete or absent.** A process that ends while it is looked at is no error, and counts with what it
//!   was last seen to have used. Of a family that cannot be read for one of the processes, for want of permission,
//!   there is no sum: memory and open files of other users' processes are such.
//! * **The counter never falls.** CPU time of processes that have ended keeps counting, as far as it was seen; of a
//!   [family of processes](Group::descendants_of) nothing is missed, as parents take over what their children used.
//!   It starts anew with this program, unless it is [kept](Group::kept_in).
//! * **The application has the last word.** A family that another source gives is left out
//!   ([`Source::yields`](collector::Source::yields)).
#![forbid(unsafe_code)]

mod source;

mod group;

mod account;
mod ledger;
mod proportional;
mod seen;

mod stat;

// Not for users: fuzzing reads files that no machine shows.
#[doc(hidden)]
pub mod lines;

pub use group::Group;
pub use source::{ProcessSource, View};
pub use stat::Stat;
