//! A group at rest in Redis: what a store knows of it, and its content, as the bytes of one field.
//!
//! ```text
//! entry  1 (format), version (8 bytes, big endian), born, seq, pushed, failed (microseconds), expires (milliseconds; 0
//!        for never), checksum, content
//! ```
//!
//! Numbers are 8 bytes, little endian. The checksum is XXH3, 64 bits, of the content, with that of the group's key for
//! a seed: so neither other bytes nor another group's are taken for it.

use std::fmt;
use std::sync::Arc;

use push_groups::{Entry, GroupKey, Version};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::meta::EXACT;

/// Bytes that are no entry of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Offset of what is wrong.
    pub(crate) at: usize,
    pub(crate) why: &'static str,
    /// Which version it says that it is, where it is long enough: for whoever writes another over it.
    pub(crate) version: Option<Version>,
}

const FORMAT: u8 = 1;
const LEN: usize = 57; // bytes, before the content

/// What the index calls a group: of its key.
pub(crate) fn owner(key: &GroupKey) -> u64 {
    xxh3_64(key.as_bytes())
}

/// What stands beside the content of a group.
pub(crate) fn checksum(key: &GroupKey, content: &[u8]) -> u64 {
    xxh3_64_with_seed(content, owner(key))
}

/// Reads the entry of a group.
pub(crate) fn read(key: &GroupKey, bytes: &[u8]) -> Result<Entry, Damage> {
    let Some((head, content)) = bytes.split_first_chunk::<LEN>() else {
        return Err(Damage { at: bytes.len(), why: "it ends too early", version: None });
    };
    if head[0] != FORMAT {
        return Err(Damage { at: 0, why: "a format that this version does not read", version: None });
    }
    let eight = |at: usize| head.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    let version = Version(u64::from_be_bytes(eight(1)));
    let damage = |at, why| Damage { at, why, version: Some(version) };
    let number = |at| match u64::from_le_bytes(eight(at)) {
        number if number < EXACT => Ok(number),
        _ => Err(damage(at, "a number that no script writes")),
    };
    let nanoseconds = |at| number(at).map(|microseconds| microseconds.saturating_mul(1_000));
    let (born, seq) = (number(9)?, number(17)?);
    if born > seq {
        return Err(damage(9, "it came to be after it changed"));
    }
    let (pushed, failed, expires) = (nanoseconds(25)?, nanoseconds(33)?, number(41)?);
    if u64::from_le_bytes(eight(49)) != checksum(key, content) {
        return Err(damage(49, "a checksum of other bytes"));
    }
    if version.0 == 0 {
        return Err(damage(1, "a version that is none"));
    }
    let expires = Some(expires).filter(|expires| *expires > 0);
    Ok(Entry { version, born, seq, pushed, failed, expires, content: Arc::from(content) })
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.why, self.at)
    }
}

#[cfg(test)]
mod tests;
