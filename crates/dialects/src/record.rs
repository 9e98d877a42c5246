//! Records: a key, padding, a value, and in some dialects the time of the last write.

use std::iter::FusedIterator;

use crate::{Dialect, query};

/// One record, borrowed from the bytes of its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record<'a> {
    /// Where it starts.
    pub at: usize,
    /// The key's text without padding.
    pub key: &'a [u8],
    /// Where its 8 value bytes start. A multiple of 8, if the records were read from a multiple of 8 on.
    pub value_at: usize,
    /// The value.
    pub value: f64,
    /// The time of the last write in seconds: Unix time in Python's most-recent gauges (0 for all else),
    /// the monotonic clock of the writer's boot in Ruby's files. 0 where the dialect or the file has none.
    pub timestamp: f64,
}

impl Record<'_> {
    /// Where the next record starts. Beyond the end of the bytes if the timestamp is cut off.
    ///
    /// Not always `at` plus [`record_len`] of the key: a damaged length may count some of the padding.
    pub fn end(&self, dialect: Dialect) -> usize {
        self.value_at + dialect.number_len()
    }
}

/// What is wrong with a file, and from which byte on.
#[derive(Clone, Debug, PartialEq)]
pub struct Damage {
    /// Offset of what cannot be read: from the start of the file, in a key from the start of the key.
    pub at: usize,
    /// Why.
    pub why: &'static str,
}

impl std::fmt::Display for Damage {
    /// `at 328: the key is cut off`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at {}: {}", self.at, self.why)
    }
}

impl std::error::Error for Damage {}

/// The records of `bytes` (a file up to its [`used`](crate::used), or as far as it goes) from offset `from` on,
/// which is [`HEADER_LEN`](crate::HEADER_LEN) or the [end](Record::end) of a record read before. Ends after the
/// first damage: nothing can be found behind it.
///
/// A record counts when its key has the outer shape of the dialect's keys and its 8 value bytes are whole; a
/// timestamp that is cut off is 0, and the damage follows. Whether the key is valid all through, [`decode_key`]
/// tells: where it fails, the file is damaged there, and a reader that salvages stops there too. Padding is not
/// looked at, as in all of the clients.
///
/// Writers store `used` after the record, so a file in use shows whole records only, though a new one's value
/// may be 0 for a moment.
///
/// Allocates nothing; costs a few nanoseconds a record.
///
/// [`decode_key`]: crate::decode_key
///
/// ```
/// use dialects::{Damage, Dialect, HEADER_LEN, push_record, records};
///
/// let mut file = vec![0; HEADER_LEN]; // `used` is the caller's business
/// push_record(Dialect::Ruby, b"code=200", 7.0, 0.0, &mut file);
/// let end = file.len();
/// file.extend([0; 8]); // a writer died here
///
/// let mut records = records(Dialect::Ruby, &file, HEADER_LEN);
/// let first = records.next().unwrap().unwrap();
/// assert_eq!((first.key, first.value, first.value_at), (&b"code=200"[..], 7.0, 24));
/// assert_eq!(records.next(), Some(Err(Damage { at: end, why: "no record starts here: the key's length is 0" })));
/// assert_eq!(records.next(), None);
/// ```
pub fn records(dialect: Dialect, bytes: &[u8], from: usize) -> Records<'_> {
    Records { dialect, bytes, at: from, owed: None }
}

/// Iterator over the records of a file; see [`records`].
#[derive(Clone, Debug)]
pub struct Records<'a> {
    dialect: Dialect,
    bytes: &'a [u8],
    /// Where the next record starts; the end of `bytes` once there is no more.
    at: usize,
    /// Damage behind the record returned last.
    owed: Option<Damage>,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(damage) = self.owed.take() {
            return Some(Err(damage));
        }
        if self.at >= self.bytes.len() {
            return None;
        }
        match read(self.dialect, self.bytes, self.at) {
            Ok(record) => {
                self.at = record.end(self.dialect);
                if self.at > self.bytes.len() {
                    self.at = self.bytes.len();
                    self.owed = Some(Damage { at: record.value_at + 8, why: "the timestamp is cut off" });
                }
                Some(Ok(record))
            }
            Err(damage) => {
                self.at = self.bytes.len();
                Some(Err(damage))
            }
        }
    }
}

impl FusedIterator for Records<'_> {}

/// The record that starts at `at`.
#[inline]
fn read(dialect: Dialect, bytes: &[u8], at: usize) -> Result<Record<'_>, Damage> {
    let damaged = |why| Err(Damage { at, why });
    let left = bytes.get(at..).unwrap_or_default();
    let Some((length, rest)) = left.split_first_chunk::<4>() else {
        return damaged("the length of the key is cut off");
    };
    // A negative length becomes one that no file can hold.
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 {
        return damaged("no record starts here: the key's length is 0");
    }
    if dialect.counts_padding() && length % 8 != 4 {
        return damaged("the length of key and padding does not end on a multiple of 8");
    }
    let Some((text, rest)) = rest.split_at_checked(length) else {
        return damaged("the key is cut off or its length is wrong");
    };
    let key = unpadded(dialect, text);
    if !has_shape(dialect, key) {
        return damaged("no key of this client");
    }
    let padding = if dialect.counts_padding() { 0 } else { padding(length) };
    let numbers = rest.get(padding..).unwrap_or_default();
    let Some((value, rest)) = numbers.split_first_chunk::<8>() else {
        return damaged("the value is cut off");
    };
    let timestamp = match (dialect.number_len(), rest.first_chunk()) {
        (16, Some(timestamp)) => f64::from_le_bytes(*timestamp),
        _ => 0.0,
    };
    Ok(Record { at, key, value_at: at + 4 + length + padding, value: f64::from_le_bytes(*value), timestamp })
}

/// The key in the `text` that a record's length spans.
///
/// Ruby's length counts the padding, and its reader strips more than that. No JSON text ends in a blank, so that
/// taking blanks off mends a length that is too great by a few bytes, which Python's reader takes as well.
fn unpadded(dialect: Dialect, text: &[u8]) -> &[u8] {
    match dialect {
        Dialect::Ruby => query::stripped(text),
        Dialect::Python(_) | Dialect::Gitlab => {
            let end = text.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
            text.get(..end).unwrap_or_default()
        }
    }
}

/// Whether a key looks like one from outside. Every text may be a query string.
fn has_shape(dialect: Dialect, key: &[u8]) -> bool {
    match dialect {
        Dialect::Python(_) | Dialect::Gitlab => key.starts_with(b"[\"") && key.ends_with(b"]"),
        Dialect::Ruby => true,
    }
}

/// Spaces after a key of `key_len` bytes so that the value behind it is 8-byte aligned: 1 to 8, never 0.
///
/// Source: `_init_value` in client_python `mmap_dict.py`; Ruby and GitLab agree.
const fn padding(key_len: usize) -> usize {
    8 - key_len.wrapping_add(4) % 8
}

/// Length of the record that `key` makes, in bytes; a multiple of 8.
///
/// ```
/// assert_eq!(dialects::record_len(dialects::Dialect::PYTHON, br#"["g", "g", {}, ""]"#), 40);
/// assert_eq!(dialects::record_len(dialects::Dialect::Ruby, b""), 24);
/// ```
pub fn record_len(dialect: Dialect, key: &[u8]) -> usize {
    4 + key.len() + padding(key.len()) + dialect.number_len()
}

/// Appends the record of `key`; returns where in `out` its value stands.
///
/// Byte for byte what the client writes, if `out` so far is a multiple of 8 long, and `key` at most 2 GiB,
/// which is more than any file holds. `timestamp` goes nowhere where the dialect has none.
pub fn push_record(dialect: Dialect, key: &[u8], value: f64, timestamp: f64, out: &mut Vec<u8>) -> usize {
    let padding = padding(key.len());
    let length = if dialect.counts_padding() { key.len() + padding } else { key.len() };
    out.reserve(record_len(dialect, key));
    out.extend((length as u32).to_le_bytes());
    out.extend(key);
    out.extend(&[b' '; 8][..padding]);
    let value_at = out.len();
    out.extend(value.to_le_bytes());
    if dialect.number_len() == 16 {
        out.extend(timestamp.to_le_bytes());
    }
    value_at
}

#[cfg(test)]
mod tests;
