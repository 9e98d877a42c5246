//! The names of the keys.

use std::fmt;

use crate::schema::fnv;

/// The names of the keys of one application, or of one shard of it.
///
/// All have one hash tag, so that a cluster keeps them on one node and a script may touch all of them.
///
/// ```
/// let keys = redis_schema::Keys::new("shop", 0)?;
/// assert_eq!(keys.processes(), "{shop#0}:processes");
/// assert_eq!(keys.values("web-1"), "{shop#0}:values:web-1");
/// # Ok::<(), redis_schema::BadPrefix>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    tag: String,
}

/// A prefix that cannot be part of a hash tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPrefix(pub String);

impl Keys {
    /// What is used where nobody says otherwise.
    pub const DEFAULT_PREFIX: &str = "multiprom";

    /// More shards an application has not, whatever it is told of.
    pub const MOST_SHARDS: usize = 1_024;

    /// Those of the application of this prefix, shard by shard from 0.
    ///
    /// # Errors
    /// When the prefix is empty or has a brace, a hash sign or a control character in it.
    pub fn new(prefix: &str, shard: usize) -> Result<Keys, BadPrefix> {
        let is_bad = |letter: char| matches!(letter, '{' | '}' | '#') || letter.is_control();
        if prefix.is_empty() || prefix.contains(is_bad) {
            return Err(BadPrefix(prefix.to_owned()));
        }
        Ok(Keys { tag: format!("{{{prefix}#{shard}}}") })
    }

    /// The shard of a process, of so many: its name's 64-bit FNV-1a hash, modulo their number. One that goes on under
    /// another name after it was retired stays where it is.
    ///
    /// ```
    /// assert_eq!(redis_schema::Keys::shard_of("web-1-00ff", 4), 2);
    /// assert_eq!(redis_schema::Keys::shard_of("web-1-00ff", 1), 0);
    /// ```
    pub fn shard_of(process: &str, shards: usize) -> usize {
        (fnv(process.bytes()) % shards.max(1) as u64) as usize
    }

    /// What all of them begin with: what a cluster finds their node by.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Sorted set: each process's identifier, by when it was last heard of (milliseconds since 1970 by the clock of
    /// Redis).
    pub fn processes(&self) -> String {
        self.key("processes")
    }

    /// Hash: how long each process's schema is.
    pub fn lengths(&self) -> String {
        self.key("lengths")
    }

    /// Hash: each retired process's last sequence number.
    pub fn tombs(&self) -> String {
        self.key("tombs")
    }

    /// Sorted set: until when that is kept.
    pub fn tombs_until(&self) -> String {
        self.key("tombs:until")
    }

    /// String: a number made up when the database was empty.
    pub fn epoch(&self) -> String {
        self.key("epoch")
    }

    /// Hash: how far the clock of Redis is ahead of each clock that processes count time by, in microseconds.
    pub fn clocks(&self) -> String {
        self.key("clocks")
    }

    /// Set: of how many shards this application has, or had; of shard 0 alone.
    pub fn shards(&self) -> String {
        self.key("shards")
    }

    /// Hash: the sequence number and the pages of a process.
    pub fn values(&self, process: &str) -> String {
        self.key(&format!("values:{process}"))
    }

    /// String: what the numbers of a process are.
    pub fn schema(&self, process: &str) -> String {
        self.key(&format!("schema:{process}"))
    }

    /// Hash: the pages of all who are retired, added up.
    pub fn retired(&self) -> String {
        self.key("retired")
    }

    /// String: what those numbers are.
    pub fn retired_schema(&self) -> String {
        self.key("retired:schema")
    }

    /// String: what those two must be: the [seal](crate::Seal).
    pub fn retired_seal(&self) -> String {
        self.key("retired:seal")
    }

    /// Hash: the families of the numbers that processes share, each by its [identifier](crate::shared::identifier).
    pub fn shared_families(&self) -> String {
        self.key("shared:families")
    }

    /// Hash: the numbers of one of them.
    pub fn shared_values(&self, family: &str) -> String {
        self.key(&format!("shared:values:{family}"))
    }

    /// Hash: the sequence number of the last frame of each process that has added to them.
    pub fn shared_sequences(&self) -> String {
        self.key("shared:sequences")
    }

    /// Sorted set: until when that is kept.
    pub fn shared_until(&self) -> String {
        self.key("shared:until")
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.tag)
    }
}

impl fmt::Display for BadPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prefix {:?}: give one without braces, hash signs and control characters", self.0)
    }
}

impl std::error::Error for BadPrefix {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_the_tag_and_none_is_another() {
        let keys = Keys::new("shop", 3).unwrap();
        let all = [
            keys.processes(),
            keys.lengths(),
            keys.tombs(),
            keys.tombs_until(),
            keys.epoch(),
            keys.clocks(),
            keys.shards(),
            keys.values("a"),
            keys.schema("a"),
            keys.retired(),
            keys.retired_schema(),
            keys.retired_seal(),
            keys.shared_families(),
            keys.shared_values("a"),
            keys.shared_sequences(),
            keys.shared_until(),
        ];
        assert!(all.iter().all(|key| key.starts_with("{shop#3}:")));
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn processes_are_shared_out_evenly() {
        for shards in [1, 3, 4] {
            let mut counts = vec![0; shards];
            (0..1_000 * shards).for_each(|pid| {
                counts[Keys::shard_of(&format!("web-{pid}-0011223344556677"), shards)] += 1;
            });
            assert!(counts.iter().all(|count| (850..=1_150).contains(count)), "{counts:?}");
        }
        assert_eq!(Keys::shard_of("web", 0), 0);
    }

    #[test]
    fn a_prefix_that_would_end_the_tag_is_refused() {
        for prefix in ["", "a}b", "{", "a#1", "a\n"] {
            assert_eq!(Keys::new(prefix, 0), Err(BadPrefix(prefix.to_owned())));
        }
    }
}
