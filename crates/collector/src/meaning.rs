//! What stands behind a family of a page.

use metrics_core::Aggregation;

use crate::Rules;

/// What stands behind a family of a page: how its numbers became one, and when they were set.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// How the numbers of several processes became one.
    pub aggregation: Aggregation,
    /// Whose rules applied. They also tell the clock of the times: Ruby's is a monotonic one, the others' count from 1970.
    pub rules: Rules,
    /// When each sample was set, in seconds by the client's clock, in the order of the samples; nothing where the family
    /// is not merged by time.
    pub times: Vec<f64>,
}
