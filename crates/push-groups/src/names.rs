//! Which names every reader of a page takes: those of metrics and those of labels.

/// Whether a metric may have this name: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
///
/// ```
/// use push_groups::is_metric_name;
/// assert!(is_metric_name("job:requests_total:rate5m"));
/// assert!(!is_metric_name("5m") && !is_metric_name("disk.free") && !is_metric_name(""));
/// ```
pub fn is_metric_name(name: &str) -> bool {
    name.bytes().next().is_some_and(starts_metric_name) && name.bytes().all(continues_metric_name)
}

/// Whether a label may have this name: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_label_name(name: &str) -> bool {
    name.bytes().next().is_some_and(starts_label_name) && name.bytes().all(continues_label_name)
}

pub(crate) const fn starts_metric_name(byte: u8) -> bool {
    starts_label_name(byte) || byte == b':'
}

pub(crate) const fn continues_metric_name(byte: u8) -> bool {
    continues_label_name(byte) || byte == b':'
}

pub(crate) const fn starts_label_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

pub(crate) const fn continues_label_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
