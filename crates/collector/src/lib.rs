//! Sources, tally, merge by aggregation mode: many processes become one snapshot.
#![forbid(unsafe_code)]

mod ask;
mod book;
mod catalog;
mod collector;
mod directory;
mod error;
mod layout;
mod merge;
mod own;
mod page;
mod plan;
mod source;
mod statement;
mod tally;

pub use ask::{Ask, By, Liveness};
pub use book::{FamilyId, OriginId, SeriesId};
pub use catalog::{Catalog, CatalogError};
pub use collector::Collector;
pub use directory::{DirSource, Directory};
pub use error::CollectError;
pub use layout::Conflict;
pub use merge::Fold;
pub use source::{Source, SourceError};
pub use statement::{Rules, Statement};
pub use tally::Tally;
