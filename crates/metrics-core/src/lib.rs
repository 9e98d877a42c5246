//! What a metric, a child and a store are.
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
pub use number::{number, push_number};
pub use process::Process;
pub use registry::{Declare, Registry};
pub use snapshot::{Exemplar, FamilySnapshot, Label, Sample, Series, Snapshot};
pub use summary::Summary;
pub use timer::{Observe, Timer};
pub use tracer::Trace;
