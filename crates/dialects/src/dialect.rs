//! Which client's format a file is in, and what the formats differ in.

/// Which bytes, keys and file names a client uses on disk.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Python's client in multi-process mode.
    Python(Era),
    /// client_ruby's DirectFileStore.
    Ruby,
    /// GitLab's prometheus-client-mmap.
    Gitlab,
}

/// Which versions of the Python client lay records out so.
///
/// The file itself carries no version; [`recognise`](crate::recognise) tells the eras apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// 0.0.16 to 0.3: label names and values as two arrays.
    F0,
    /// 0.4 to 0.15: labels as an object, no help.
    F1,
    /// 0.16 and 0.17: with help.
    F2,
    /// From 0.18: with a timestamp behind the value.
    F3,
}

impl Dialect {
    /// What today's Python client writes.
    pub const PYTHON: Dialect = Dialect::Python(Era::F3);

    /// Bytes of value and timestamp behind a key: 16, or 8 where there is no timestamp.
    pub const fn number_len(self) -> usize {
        match self {
            Dialect::Python(Era::F3) | Dialect::Ruby => 16,
            Dialect::Python(_) | Dialect::Gitlab => 8,
        }
    }

    /// Whether the stored length of a key counts the padding behind it, as only Ruby's does.
    pub(crate) const fn counts_padding(self) -> bool {
        matches!(self, Dialect::Ruby)
    }
}
