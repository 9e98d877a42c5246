//! What a database holds, read: for the fuzz target.

use push_groups::{Entry, GroupKey};

use crate::entry;
use crate::meta::Meta;

/// The entry of a group; or where it is damaged, and how.
pub fn entry(key: &GroupKey, bytes: &[u8]) -> Result<Entry, (usize, String)> {
    entry::read(key, bytes).map_err(|damage| (damage.at, damage.to_string()))
}

/// What must stand beside the content of a group.
pub fn checksum(key: &GroupKey, content: &[u8]) -> u64 {
    entry::checksum(key, content)
}

/// The epoch and the last change of a shard that is there.
pub fn meta(bytes: &[u8]) -> Option<(u64, u64)> {
    Meta::read(bytes.to_vec()).map(|meta| (meta.epoch, meta.seq))
}
