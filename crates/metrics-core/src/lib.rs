//! What a metric, a child and a store are.
#![forbid(unsafe_code)]

mod aggregation;
mod buckets;
mod child;
mod desc;
mod error;
mod kind;
mod number;
mod process;
mod snapshot;

pub use aggregation::{Aggregation, Mode, UnknownAggregation};
pub use buckets::Buckets;
pub use child::{Child, Part, Store};
pub use desc::{Declaration, Desc};
pub use error::{DeclareError, StoreError};
pub use kind::Kind;
pub use number::{number, push_number};
pub use process::Process;
pub use snapshot::{Exemplar, FamilySnapshot, Label, Sample, Series, Snapshot};
