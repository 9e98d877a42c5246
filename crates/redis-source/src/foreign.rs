//! A database that another client writes: where it is and what is known of it.

use collector::Catalog;
use redis_link::Address;

use crate::Schema;

/// A database that another client writes: where it is and what is known of it.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// Where it is.
    pub address: Address,
    /// Whose keys it holds.
    pub schema: Schema,
    /// What the keys begin with; what they usually do where there is none.
    pub prefix: Option<String>,
    /// Labels on every series of it. They replace labels of the same name.
    pub labels: Vec<(String, String)>,
    /// Kinds, help and bounds, for pytheus.
    pub catalog: Catalog,
    /// Whether the processes whose pids stand in the keys run on this machine, in this pid namespace: gauges of the
    /// `live` modes then leave out the pids that no process has.
    pub pids_are_local: bool,
}

impl Foreign {
    /// A database of which nothing else is known.
    pub fn new(address: Address, schema: Schema) -> Foreign {
        Foreign {
            address,
            schema,
            prefix: None,
            labels: Vec::new(),
            catalog: Catalog::default(),
            pids_are_local: false,
        }
    }
}
