//! Who wrote a number.

/// Identity of a writer: what the `pid` label shows, and labels that everything of it carries.
///
/// The identifier is a string because clients may use any (`uwsgi.worker_id`, `puma_0`, `4711-r0`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Process {
    /// What tells it from the other writers of its directory.
    pub id: String,
    /// Labels on every series of it, sorted by name; empty for most.
    pub labels: Vec<(String, String)>,
}

impl Process {
    /// A process that has an identifier and no labels.
    pub fn new(id: impl Into<String>) -> Process {
        Process { id: id.into(), labels: Vec::new() }
    }
}
