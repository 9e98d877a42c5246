//! What a source says of a family, and by whose rules its numbers are merged.

use std::sync::Arc;

use metrics_core::{Aggregation, Kind};

/// What a source says of a family: its name, help and kind, and how its numbers become one.
///
/// Several may be made of one family, by different files or sources. On the page the first one decides kind
/// and help, and the last one read decides the aggregation, as in Python's collector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// The family's name; of a counter with or without `_total`.
    pub name: Arc<str>,
    /// The help text; may be empty.
    pub help: Arc<str>,
    /// The unit, where it is known.
    pub unit: Option<Arc<str>>,
    /// The type.
    pub kind: Kind,
    /// How the numbers of several processes become one.
    pub aggregation: Aggregation,
    /// Whose rules apply where the clients differ.
    pub rules: Rules,
    /// Bucket bounds that every label set of a histogram has, as `le` spells them, without `+Inf`. Empty where
    /// the records tell.
    pub bounds: Arc<[Box<str>]>,
}

impl Statement {
    /// A family without unit and declared bounds, merged by the Python client's rules.
    pub fn new(kind: Kind, name: &str, help: &str, aggregation: Aggregation) -> Statement {
        Statement {
            name: name.into(),
            help: help.into(),
            unit: None,
            kind,
            aggregation,
            rules: Rules::Python,
            bounds: Arc::from([]),
        }
    }
}

/// Whose rules apply where the clients differ.
///
/// | | Python | Ruby | GitLab |
/// |---|---|---|---|
/// | `min`, `max` meet `NaN` | a `NaN` read first stays, a later one loses | any number wins | any number wins |
/// | sum of a lone `-0.0` | `0.0` | `-0.0` | `-0.0` |
/// | `all`, the same process twice | last wins | first wins | last wins |
/// | `mostrecent`, time 0 or less | was never set, is not exposed | takes part | was never set |
/// | histogram buckets | each its own count | each its own count | cumulative, with a `_count` |
/// | missing `_sum`, `+Inf`, declared bounds | left out | printed as 0 | left out |
/// | text of `le` | `1.0` | as spelled | as spelled |
///
/// The greatest time is the latest only where the times are of one clock. Ruby's are those of a monotonic clock,
/// which starts anew with the machine: files left over from before a boot should be cleared away.
///
/// Sources: client_python `multiprocess.py`; client_ruby `direct_file_store.rb`, which raises where it meets
/// `NaN`; prometheus-client-mmap's merge in C, and its Rust successor where the former depends on the order.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rules {
    /// Those of `prometheus_client`'s `MultiProcessCollector`.
    #[default]
    Python,
    /// Those of client_ruby's `DirectFileStore`.
    Ruby,
    /// Those of GitLab's prometheus-client-mmap.
    Gitlab,
}
