//! The keys of summaries, and the quantiles of what they hold.

/// What the name of a summary's key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SummaryKey {
    /// It holds what the family is.
    Meta {
        /// The family's name.
        family: String,
    },
    /// It holds one observation.
    Observation {
        /// The family's name.
        family: String,
        /// Its label values: base64 of a JSON list.
        labels: Vec<u8>,
    },
}

/// What stands behind the prefix in all keys of summaries.
pub(crate) const SUMMARIES: &str = "summary_METRIC_KEYS:";

/// What all keys of summaries begin with.
pub(crate) fn beginning(prefix: &str) -> String {
    format!("{prefix}{SUMMARIES}")
}

/// What the name of a key says, if it is one of these. Read from its end: a family's name may hold colons.
pub(crate) fn summary_key(prefix: &str, key: &[u8]) -> Option<SummaryKey> {
    let rest = key.strip_prefix(beginning(prefix).as_bytes())?;
    let name = |name: &[u8]| String::from_utf8(name.to_vec()).ok().filter(|name| !name.is_empty());
    if let Some(family) = rest.strip_suffix(b":meta") {
        return Some(SummaryKey::Meta { family: name(family)? });
    }
    let mut parts = rest.rsplitn(4, |&byte| byte == b':');
    let (_unique, marker, labels, family) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if marker != b"value" {
        return None;
    }
    Some(SummaryKey::Observation { family: name(family)?, labels: labels.to_vec() })
}

/// The key of a family's metadata.
pub(crate) fn meta_key(prefix: &str, family: &str) -> String {
    format!("{}{family}:meta", beginning(prefix))
}

/// The quantile of sorted numbers, by PromPHP's rule: of `n` numbers that of the rank `n q`, the one before where that
/// is a whole number.
///
/// Source: `Math::quantile`, which looks beside the list for a quantile of 0.
pub(crate) fn quantile(sorted: &[f64], quantile: f64) -> Option<f64> {
    let rank = sorted.len() as f64 * quantile;
    let whole = rank.floor();
    let at = if rank == whole { whole - 1.0 } else { whole };
    // What is no index - NaN, beyond either end - becomes the nearest.
    sorted.get((at.max(0.0) as usize).min(sorted.len().checked_sub(1)?)).copied()
}
