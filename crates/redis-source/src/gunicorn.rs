//! Keys and values of gunicorn-prometheus-exporter.
//!
//! Each number of each process is a hash `PREFIX:TYPE[_MODE]:PID:metric:HASH` with the fields `value` and `timestamp`. Its
//! twin, `:meta:` for `:metric:`, has `original_key`, which is what Python's client writes into its files, and of which
//! `HASH` is the md5: equal hashes are equal keys, whatever process they are of.
//!
//! Source: gunicorn-prometheus-exporter 0.2.4, `backend/core/client.py` and `values.py`; recorded databases.

pub(crate) mod inside;
pub(crate) mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use collector::{Rules, Statement};
use dialects::Dialect;
use metrics_core::{Aggregation, Kind};

use crate::meaning::{Meaning, fits};
use crate::scan::literally;

/// What the name of a number's key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueKey<'a> {
    /// Kind and mode, as they are written.
    pub(crate) sort: &'a [u8],
    pub(crate) process: &'a str,
    /// What the original key hashes to.
    pub(crate) hash: &'a [u8],
}

/// A pattern that all keys of numbers match.
pub(crate) fn pattern(prefix: &str) -> Vec<u8> {
    [&literally(prefix.as_bytes()), &b":*:metric:*"[..]].concat()
}

/// What the name of a key says, if it is a number's. Read from its end: a prefix may hold colons.
pub(crate) fn value_key<'a>(prefix: &str, key: &'a [u8]) -> Option<ValueKey<'a>> {
    let (found, parsed) = split_key(key)?;
    (found == prefix.as_bytes()).then_some(parsed)
}

/// What a key begins with, and what the rest says, if it is the key of a number.
pub(crate) fn split_key(key: &[u8]) -> Option<(&[u8], ValueKey<'_>)> {
    let mut parts = key.rsplitn(5, |&byte| byte == b':');
    let hash = parts.next()?;
    let marker = parts.next()?;
    let process = std::str::from_utf8(parts.next()?).ok()?;
    let sort = parts.next()?;
    let prefix = parts.next()?;
    let whole = marker == b"metric" && !hash.is_empty() && !process.is_empty();
    whole.then_some((prefix, ValueKey { sort, process, hash }))
}

/// The key of the twin.
pub(crate) fn twin(key: &[u8]) -> Option<Vec<u8>> {
    const MARKER: &[u8] = b":metric:";
    let at = key.windows(MARKER.len()).rposition(|window| window == MARKER)?;
    Some([&key[..at], b":meta:", &key[at + MARKER.len()..]].concat())
}

/// Whether the client writes such keys by mistake: a gauge without a mode, beside the same gauge with one.
pub(crate) fn is_phantom(sort: &[u8]) -> bool {
    sort == b"gauge"
}

/// Kind and aggregation that a key's name says.
pub(crate) fn kind_of(sort: &[u8]) -> Option<(Kind, Aggregation)> {
    match sort {
        b"counter" => Some((Kind::Counter, Aggregation::SUM)),
        b"histogram" => Some((Kind::Histogram, Aggregation::SUM)),
        b"summary" => Some((Kind::Summary, Aggregation::SUM)),
        _ => {
            let mode = std::str::from_utf8(sort.strip_prefix(b"gauge_")?).ok()?;
            // A mode that the client's documents speak of.
            let mode = if mode == "live" { "liveall" } else { mode };
            Some((Kind::Gauge, mode.parse().ok()?))
        }
    }
}

/// What the numbers under an original key stand for, or why nobody can say.
pub(crate) fn meaning(kind: Kind, aggregation: Aggregation, original_key: &[u8]) -> Result<Meaning, String> {
    let key = dialects::decode_key(Dialect::PYTHON, original_key)
        .map_err(|damage| format!("its original key, at byte {}: {}", damage.at, damage.why))?;
    if key.family.is_empty() || !fits(kind, &key.family, &key.sample) {
        return Err(format!("a {kind} {:?} has no sample {:?}", key.family, key.sample));
    }
    // A statement of a counter loses one `_total`: `x_total`, whose sample is `x_total_total`, must not.
    let doubled = kind == Kind::Counter && key.family.ends_with("_total") && key.sample != key.family;
    let statement = Statement {
        name: if doubled { Arc::from(&*key.sample) } else { Arc::from(&*key.family) },
        help: key.help.unwrap_or_default().into(),
        unit: None,
        kind,
        aggregation,
        rules: Rules::Python,
        bounds: Arc::from([]),
    };
    Ok(Meaning { statement, sample: key.sample, labels: key.labels })
}
