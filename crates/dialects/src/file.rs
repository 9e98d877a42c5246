//! The file around the records: its header, how long it is made, how it grows.

use crate::{Dialect, Era};

/// Bytes of header before the first record: `used` as a little-endian i32, then four bytes that nobody reads.
pub const HEADER_LEN: usize = 8;

/// The `used` field of a header: how many bytes of the file are in use, the header among them.
///
/// 0 where the writer has not stored it yet (a new file is all zeros for a moment), where it is negative, and
/// where `header` is shorter than the field. It may be larger than the file, which was cut then: hand
/// [`records`](crate::records) what exists, and treat the file as damaged.
///
/// ```
/// assert_eq!(dialects::used(&[72, 0, 0, 0, 0, 0, 0, 0]), 72);
/// assert_eq!(dialects::used(&[72, 0]), 0);
/// ```
pub fn used(header: &[u8]) -> usize {
    let field = header.first_chunk().map_or(0, |field| i32::from_le_bytes(*field));
    usize::try_from(field).unwrap_or(0)
}

/// Bytes of a file's first eight when `used` bytes of it are in use; the inverse of [`used`].
///
/// `None` when `used` does not fit the field: a file ends at 2 GiB.
pub fn header(used: usize) -> Option<[u8; HEADER_LEN]> {
    let [a, b, c, d] = i32::try_from(used).ok()?.to_le_bytes();
    Some([a, b, c, d, 0, 0, 0, 0])
}

/// Length in bytes of a new file: 64 KiB Python (1 MiB before 0.16), 1 MiB Ruby, 4 KiB GitLab.
///
/// Source: `_INITIAL_MMAP_SIZE` in client_python `mmap_dict.py`, `INITIAL_FILE_SIZE` in client_ruby
/// `direct_file_store.rb`, `initial_mmap_file_size` in prometheus-client-mmap.
pub const fn initial_len(dialect: Dialect) -> u64 {
    match dialect {
        Dialect::Python(Era::F0 | Era::F1) | Dialect::Ruby => 1024 * 1024,
        Dialect::Python(Era::F2 | Era::F3) => 64 * 1024,
        Dialect::Gitlab => 4 * 1024,
    }
}

/// Length of the file once `used` bytes of it are in use: `len`, doubled until it fits. A file without length
/// gets that of a new one first.
///
/// A file exactly full is not grown by Python and Ruby, but by GitLab.
///
/// ```
/// use dialects::{Dialect, grown_len};
/// assert_eq!(grown_len(Dialect::PYTHON, 65_536, 65_536), 65_536);
/// assert_eq!(grown_len(Dialect::PYTHON, 65_536, 200_000), 262_144);
/// assert_eq!(grown_len(Dialect::Gitlab, 4_096, 4_096), 8_192);
/// ```
pub fn grown_len(dialect: Dialect, len: u64, used: u64) -> u64 {
    let needed = if dialect == Dialect::Gitlab { used.saturating_add(1) } else { used };
    let mut len = if len == 0 { initial_len(dialect) } else { len };
    while len < needed {
        len = len.saturating_mul(2);
    }
    len
}

#[cfg(test)]
mod tests;
