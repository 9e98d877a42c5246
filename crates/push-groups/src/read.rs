//! A pushed body, read: which form it has, what it says, and why not.

mod coding;
mod content_type;
mod error;
mod label_sets;
mod labels;
mod number;

mod openmetrics;
mod protobuf;
mod text;

pub use coding::{Coding, decode};
pub use content_type::Syntax;
pub use error::{Exceeded, Inconsistent, Limit, ReadError};

use crate::{Family, GroupKey};

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// Its families in the order of the body, no two of one name, without [`PUSH_TIMES`](crate::PUSH_TIMES), which a
    /// group has of itself. In protobuf one may have no metrics, and takes those of its name away.
    pub families: Vec<Family>,
    /// Whether any sample has a time: such a push is refused.
    pub timestamps: bool,
}

/// What a body may hold at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes, once decoded.
    pub bytes: usize,
    /// Samples: lines of a text page, and in protobuf each number, count, sum, bucket and quantile.
    pub samples: usize,
    /// Bytes of a label's name.
    pub label_name: usize,
    /// Bytes of a label's value.
    pub label_value: usize,
}

impl Default for ReadLimits {
    /// Wide enough for all that people push, narrow enough that one push takes less than some hundred megabytes.
    fn default() -> ReadLimits {
        ReadLimits { bytes: 16 << 20, samples: 1_000_000, label_name: 16 << 10, label_value: 4 << 20 }
    }
}

/// Reads a body that is pushed to the group `key`.
///
/// Whatever the form, any bytes give families or an error, in time and memory that the [limits](ReadLimits) bound.
/// Labels that the group has are left out of the metrics, since the group's overwrite them; so is `instance=""`,
/// which a page shows of whatever has no instance.
///
/// * [`Text`](Syntax::Text) is read exactly as the official push gateway 1.5.1 reads it (`expfmt/text_parse.go` of
///   Prometheus' Go library of that time), to the wording of its errors, but for the type `gauge_histogram`, which it
///   takes and cannot show. Counts are cut to integers as Go does on amd64.
/// * [`Protobuf`](Syntax::Protobuf) is a row of `io.prometheus.client.MetricFamily`, each behind its length. The
///   second family of one name takes the place of the first. Of a native histogram the classic part is kept: sum,
///   count, and buckets where it has some. What the official gateway takes and then breaks its page with is refused:
///   names that no reader takes, types that no page has, a last message that is cut.
/// * [`OpenMetrics`](Syntax::OpenMetrics) is read by [`exposition::parse`]: a counter keeps the `_total` of its samples
///   in its name, an info its `_info`; `_created` becomes [`Metric::created`](crate::Metric::created). What is no
///   OpenMetrics is read as text, as the official gateway reads all of it.
///
/// # Errors
/// [`ReadError::Parse`] where the body is not of its form, [`ReadError::Inconsistent`] where it says what no page can
/// show, [`ReadError::Limit`] where it is too much.
///
/// ```
/// use push_groups::{Family, GroupKey, Metric, ReadLimits, Syntax, Value, read};
/// let key = GroupKey::new([("job", "backup")])?;
/// let page = b"# HELP size_bytes Last archive.\n# TYPE size_bytes gauge\nsize_bytes{disk=\"a\",job=\"x\"} 7e9\n";
/// let body = read(Syntax::Text, &key, page, &ReadLimits::default())?;
/// assert_eq!(
///     body.families,
///     [Family {
///         name: "size_bytes".into(),
///         help: "Last archive.".into(),
///         kind: metrics_core::Kind::Gauge,
///         unit: "".into(),
///         metrics: vec![Metric {
///             labels: vec![("disk".into(), "a".into())],
///             value: Value::Number { value: 7e9, exemplar: None },
///             created: None,
///         }],
///     }],
/// );
/// let error = read(Syntax::Text, &key, b"size_bytes 7 GB\n", &ReadLimits::default()).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "text format parsing error in line 1: expected integer as timestamp, got \"GB\"",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read(syntax: Syntax, key: &GroupKey, body: &[u8], limits: &ReadLimits) -> Result<Body, ReadError> {
    if body.len() > limits.bytes {
        return Err(Exceeded { limit: Limit::Bytes, allowed: limits.bytes }.into());
    }
    let mut body = match syntax {
        Syntax::Text => text::read(key, body, limits),
        Syntax::Protobuf => protobuf::read(key, body, limits),
        Syntax::OpenMetrics => openmetrics::read(key, body, limits),
    }?;
    body.families.retain(|family| !crate::PUSH_TIMES.contains(&&*family.name) && !family.metrics.is_empty());
    Ok(body)
}

/// Reads text that is pushed to no group: as [`read`], but metrics keep all of their labels.
///
/// # Errors
/// As [`read`].
pub fn read_flat(body: &[u8], limits: &ReadLimits) -> Result<Body, ReadError> {
    if body.len() > limits.bytes {
        return Err(Exceeded { limit: Limit::Bytes, allowed: limits.bytes }.into());
    }
    let mut body = text::read_in(labels::Group::none(), body, limits)?;
    body.families.retain(|family| !crate::PUSH_TIMES.contains(&&*family.name) && !family.metrics.is_empty());
    Ok(body)
}

/// Reads one protobuf `MetricFamily` of the group `key`, as the official push gateway has it in its file: without a
/// length in front, and the push times are families as any other.
///
/// # Errors
/// As [`read`], but for what a page cannot show.
pub fn read_family(key: &GroupKey, message: &[u8]) -> Result<Family, ReadError> {
    protobuf::read_family(key, message)
}

#[cfg(test)]
mod tests;
