//! The property test that every store must pass.
//!
//! A [`Store`](metrics_core::Store) promises little, and all of it matters: asking twice gives the same child,
//! numbers start at 0 and are exactly what was added and set, an observation counts once, one process's
//! numbers are its own, and the page merges all of them by each family's aggregation. [`check`] holds a store
//! to it: it makes up sequences - ask, add, set, observe, open another store, drop one and open it again, read
//! the page - and runs each on the store and on a model that is too simple to be wrong. When they differ it
//! looks for the shortest sequence that still shows it, and prints that.
//!
//! A store that others cannot see needs a constructor:
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use metrics_core::{Child, Children, Desc, Kind, Part, Store, StoreError};
//! use store_testkit::Subject;
//!
//! #[derive(Default)]
//! struct MyStore {
//!     children: Children,
//! }
//!
//! /// The numbers by part; `Value`, `Sum` and so on.
//! struct MyChild(Kind, Mutex<Vec<(Part, f64)>>);
//!
//! impl Store for MyStore {
//!     fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
//!         self.children.get_or_make(desc, labels, || Box::new(MyChild(desc.kind(), Mutex::default())))
//!     }
//! }
//!
//! impl Child for MyChild {
//!     fn add(&self, by: f64) {
//!         self.1.lock().unwrap().push((Part::Value, by));
//!     }
//!     fn set(&self, to: f64) {
//!         *self.1.lock().unwrap() = vec![(Part::Value, to)];
//!     }
//!     fn observe(&self, bucket: usize, value: f64) {
//!         let bucket = (self.0 == Kind::Histogram).then_some((Part::Bucket(bucket), 1.0));
//!         self.1.lock().unwrap().extend([(Part::Count, 1.0), (Part::Sum, value)].into_iter().chain(bucket));
//!     }
//!     fn get(&self, part: Part) -> f64 {
//!         self.1.lock().unwrap().iter().filter(|(of, _)| *of == part).map(|(_, number)| number).sum()
//!     }
//! }
//!
//! store_testkit::check(|| Subject::alone(|| Ok(Box::new(MyStore::default()))));
//! store_testkit::check_threads(|| Subject::alone(|| Ok(Box::new(MyStore::default()))));
//! ```
//!
//! A store that is shared also says how its page is read. Each place is a fresh one, here a directory that is
//! removed when the [`Subject`] is dropped:
//!
//! ```text
//! store_testkit::check(|| {
//!     let dir = Arc::new(tempfile::tempdir().unwrap());
//!     let same = Arc::clone(&dir);
//!     Subject {
//!         open: Box::new(move || Ok(Box::new(MmapStore::open(dir.path())?))),
//!         read: Some(Box::new(move |_| collect_directory(same.path()))),
//!         lazy: false,
//!     }
//! });
//! ```
//!
//! All numbers are multiples of an eighth, so that sums are exact in any order.
#![forbid(unsafe_code)]

mod equal;
mod families;
mod model;
mod page;
mod run;
mod steps;
mod subject;
mod threads;

pub use equal::equal;
pub use run::check;
pub use subject::Subject;
pub use threads::check_threads;
