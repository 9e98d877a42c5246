//! Which group: the labels that a push names in its path.

use std::fmt;

/// The name of a group: `job` and any other labels, each name once. Two keys of the same labels are equal,
/// however they were written.
///
/// Cheap to compare and to order: it is the bytes `name 0xFF value 0xFF name ...`, names ascending, as the official
/// push gateway files its groups (`groupingKeyFor` there). The texts are UTF-8, so 0xFF occurs in none of them.
///
/// ```
/// use push_groups::GroupKey;
/// let key = GroupKey::new([("job", "backup"), ("instance", "db1")])?;
/// assert_eq!(key.labels().collect::<Vec<_>>(), [("instance", "db1"), ("job", "backup")]);
/// assert_eq!(key, GroupKey::new([("instance", "db1"), ("job", "backup")])?);
/// assert_eq!(key.job(), "backup");
/// # Ok::<(), push_groups::KeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey(Box<[u8]>);

/// Why labels name no group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// No label `job`, or an empty one.
    NoJob,
    /// A name that labels cannot have here.
    Name(String),
    /// One name twice.
    Twice(String),
    /// Bytes that are no key: where, and why.
    Bytes {
        /// Offset of the first byte that fits no key.
        at: usize,
        /// What is wrong there.
        why: &'static str,
    },
}

const BETWEEN: u8 = 0xFF;

impl GroupKey {
    /// The group of these labels, in any order.
    ///
    /// # Errors
    /// Where `job` is missing or empty, a name is not `[a-zA-Z_][a-zA-Z0-9_]*` or begins with `__`, or comes twice.
    pub fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<GroupKey, KeyError> {
        let mut labels: Vec<(&str, &str)> = labels.into_iter().collect();
        labels.sort_unstable();
        let mut bytes =
            Vec::with_capacity(labels.iter().map(|(name, value)| name.len() + value.len() + 2).sum());
        for (at, (name, value)) in labels.iter().enumerate() {
            if !is_group_label(name) {
                return Err(KeyError::Name((*name).to_owned()));
            }
            if at > 0 {
                if labels[at - 1].0 == *name {
                    return Err(KeyError::Twice((*name).to_owned()));
                }
                bytes.push(BETWEEN);
            }
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(BETWEEN);
            bytes.extend_from_slice(value.as_bytes());
        }
        match labels.iter().find(|(name, _)| *name == "job") {
            Some((_, job)) if !job.is_empty() => Ok(GroupKey(bytes.into())),
            _ => Err(KeyError::NoJob),
        }
    }

    /// The key that [`as_bytes`](GroupKey::as_bytes) gave.
    ///
    /// # Errors
    /// Where the bytes are not what it gives for any labels.
    pub fn from_bytes(bytes: &[u8]) -> Result<GroupKey, KeyError> {
        let mut labels = Vec::new();
        let mut at = 0;
        let mut pieces = bytes.split(|byte| *byte == BETWEEN);
        while let Some(name) = pieces.next() {
            let value_at = at + name.len() + 1;
            let value = pieces.next().ok_or(KeyError::Bytes { at, why: "a label without a value" })?;
            let text = |at, piece| {
                std::str::from_utf8(piece).map_err(|_| KeyError::Bytes { at, why: "text that is not UTF-8" })
            };
            labels.push((text(at, name)?, text(value_at, value)?));
            at = value_at + value.len() + 1;
        }
        let key = GroupKey::new(labels)?;
        if *key.0 != *bytes {
            return Err(KeyError::Bytes { at: 0, why: "labels out of order" });
        }
        Ok(key)
    }

    /// The key as bytes: its identity in a log, a database, an index.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The labels, names ascending.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut pieces = self.0.split(|byte| *byte == BETWEEN).map(text);
        std::iter::from_fn(move || Some((pieces.next()?, pieces.next()?)))
    }

    /// The value of the label `name`.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels().find(|(its, _)| *its == name).map(|(_, value)| value)
    }

    /// The value of the label `job`; never empty.
    pub fn job(&self) -> &str {
        self.label("job").unwrap_or_default()
    }
}

/// Whether a label of a group may have this name: `[a-zA-Z_][a-zA-Z0-9_]*`, and not `__` in front.
pub fn is_group_label(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.starts_with("__")
}

/// A piece of a key; keys are made of text.
fn text(piece: &[u8]) -> &str {
    std::str::from_utf8(piece).unwrap_or_default()
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupKey(")?;
        fmt::Display::fmt(self, f)?;
        f.write_str(")")
    }
}

impl fmt::Display for GroupKey {
    /// As a selector: `{instance="db1",job="backup"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.labels().enumerate() {
            write!(f, "{}{name}={value:?}", if at == 0 { "{" } else { "," })?;
        }
        f.write_str("}")
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::NoJob => f.write_str("job name is required"),
            KeyError::Name(name) => write!(f, "improper label name {name:?}"),
            KeyError::Twice(name) => write!(f, "label {name:?} is named twice"),
            KeyError::Bytes { at, why } => write!(f, "not the key of a group: {why} at byte {at}"),
        }
    }
}

impl std::error::Error for KeyError {}
