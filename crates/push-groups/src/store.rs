//! Where groups are kept: what is asked of a store, and what it answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{ClaimChange, Clash, GroupKey};

/// Keeps groups, and the index of what they claim.
///
/// A store knows nothing of pushes: who changes a group has read it, has worked out what becomes of it, and hands
/// over a [`Change`] that says which version it is made for. So everything that can be wrong with a push is decided
/// once, whatever the store; what a store does is one comparison of versions, one look at the index, one write, in
/// one atomic step that any number of gateways may try at once.
///
/// All of it may block: for a disk, for a server. Times are the store's own: of its clock.
pub trait GroupStore: Send + Sync {
    /// Makes these changes, one after the other, each wholly or not at all. An outcome is for ever once it is
    /// returned: it survives what the store promises to survive.
    ///
    /// A change that was not made stops none after it.
    ///
    /// # Errors
    /// Where it is not known that a change will last: it may have been made or not. Trying it again is safe: what was
    /// made is not made twice.
    fn commit(&self, changes: &[Change]) -> Result<Vec<Outcome>, StoreError>;

    /// What became of groups since `after`, everything without it. One answer is of one moment, and has all that was
    /// [committed](GroupStore::commit) anywhere before it was asked for.
    ///
    /// # Errors
    /// Where the store does not answer.
    fn follow(&self, after: Option<Cursor>) -> Result<Updates, StoreError>;

    /// Lets go of all groups at once, at a cost that is not theirs.
    ///
    /// # Errors
    /// Where it is not known that it will last.
    fn wipe(&self) -> Result<(), StoreError>;
}

/// A group as a store has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which state of the group this is: as the change gave it.
    pub version: Version,
    /// When in the store's order the group came to be; of two groups that cannot both be shown the earlier one is.
    pub born: u64,
    /// When in the store's order it last changed.
    pub seq: u64,
    /// When a push to it last succeeded, Unix nanoseconds; 0 for never.
    pub pushed: u64,
    /// When one last failed, Unix nanoseconds; 0 for never.
    pub failed: u64,
    /// When it is no more, Unix milliseconds.
    pub expires: Option<u64>,
    /// What it holds: [`Content`](crate::Content), encoded.
    pub content: Arc<[u8]>,
}

/// A name for one state of one group: drawn by chance by who makes the change, so that he knows it before the store
/// does and recognises his own. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub u64);

/// What is to become of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The group.
    pub key: GroupKey,
    /// The state that the change was worked out from: none for no such group.
    pub expects: Option<Version>,
    /// The state that it makes.
    pub gives: Version,
    /// What happens.
    pub act: Act,
    /// What of the index changes with it.
    pub claims: ClaimChange,
    /// So that the same request, sent twice, counts once.
    pub once: Option<Once>,
}

/// What happens to a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// It holds this, was pushed now, and lives so long from now on.
    Push {
        /// [`Content`](crate::Content), encoded.
        content: Arc<[u8]>,
        /// None for ever.
        lives: Option<Duration>,
    },
    /// A push to it failed now. It holds what it held; a group that was not there is, with this, and lives so long.
    Fail {
        /// The [`Content`](crate::Content) of a new group, encoded; of one that is there none.
        content: Option<Arc<[u8]>>,
        /// For a new group: none for ever.
        lives: Option<Duration>,
    },
    /// It is no more.
    Delete,
}

/// A request that may be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// What its sender calls it.
    pub id: Box<str>,
    /// How long that is remembered.
    pub keep: Duration,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was made, now or, where it is tried again, before.
    Made {
        /// Its place in the store's order.
        seq: u64,
        /// When in that order the group came to be.
        born: u64,
        /// When, Unix nanoseconds.
        time: u64,
    },
    /// The group is in another state than the change was worked out from: in this one. Nothing happened.
    Stale(Option<Arc<Entry>>),
    /// It would show what excludes something that another group shows. Nothing happened.
    Clashes(Clash),
    /// A request of this [`Once::id`] was carried out before. Nothing happened.
    Repeated,
}

/// Groups that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Updates {
    /// Each with what it is now: none for gone. Expired ones may be among them.
    pub groups: Vec<(GroupKey, Option<Arc<Entry>>)>,
    /// Whether these are all groups, and what is not among them is gone.
    pub whole: bool,
    /// Where to go on.
    pub cursor: Cursor,
    /// The store's clock, Unix milliseconds.
    pub now: u64,
}

/// A place in a store's order of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which order: it begins anew when a store lost or let go of everything.
    pub epoch: u64,
    /// The last change that is known.
    pub seq: u64,
}

/// A store that did not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    /// What, where, and why.
    pub what: String,
    /// Whether trying again soon may help.
    pub passing: bool,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for StoreError {}
