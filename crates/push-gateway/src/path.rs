//! Which group the path of a push names.

use std::collections::BTreeMap;
use std::fmt;

use push_groups::{GroupKey, KeyError, is_group_label, quoted};

/// The path of a push, taken apart: `/metrics/job/JOB{/NAME/VALUE}` or `/metrics/job@base64/JOB{/NAME/VALUE}`.
///
/// ```
/// use push_gateway::PushPath;
/// use push_groups::GroupKey;
/// let path = PushPath::of(b"/metrics/job/backup/path@base64/L3Zhcg==").unwrap();
/// assert_eq!(path.key(), Ok(GroupKey::new([("job", "backup"), ("path", "/var")]).unwrap()));
/// assert_eq!(
///     PushPath::of(b"/metrics/job/backup/path").unwrap().key().unwrap_err().to_string(),
///     "odd number of components in label string \"/path\"",
/// );
/// assert_eq!(PushPath::of(b"/metrics/jobs/backup"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushPath<'a> {
    job: &'a [u8],
    job_is_base64: bool,
    /// What follows the job: empty, or `/` and the rest.
    labels: &'a [u8],
}

/// Why a path names no group. The texts are those of the official push gateway (`handler/push.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// A name without a value: what follows the job.
    Odd(Vec<u8>),
    /// What no label of a group may be called.
    Name(Vec<u8>),
    /// A job in base64 that is none, from this byte on.
    JobBase64(usize),
    /// A value in base64 that is none.
    Base64 {
        /// The label.
        name: String,
        /// What stands there.
        value: Vec<u8>,
        /// From which byte on it is none.
        at: usize,
    },
    /// An empty job.
    NoJob,
    /// A value that is not UTF-8, which no page can show.
    NotUtf8 {
        /// The label.
        name: String,
        /// Its value.
        value: Vec<u8>,
    },
}

const SUFFIX: &[u8] = b"@base64";

impl<'a> PushPath<'a> {
    /// Takes a path apart that is free of percent-encoding; none for one that is not that of a push.
    pub fn of(path: &'a [u8]) -> Option<PushPath<'a>> {
        let rest = path.strip_prefix(b"/metrics/job")?;
        let (rest, job_is_base64) = match rest.strip_prefix(SUFFIX) {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let rest = rest.strip_prefix(b"/")?;
        let (job, labels) = rest.split_at(rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len()));
        (!job.is_empty()).then_some(PushPath { job, job_is_base64, labels })
    }

    /// The group that it names.
    ///
    /// A name may come twice, the last value then counts; the job is that in front. An empty value is one. Costs
    /// what the path costs.
    ///
    /// # Errors
    /// Where the path names none.
    pub fn key(&self) -> Result<GroupKey, PathError> {
        let job = match self.job_is_base64 {
            true => decode_base64(self.job).map_err(PathError::JobBase64)?,
            false => self.job.to_vec(),
        };
        let mut labels = label_pairs(self.labels)?;
        if job.is_empty() {
            return Err(PathError::NoJob);
        }
        labels.insert("job".to_owned(), job);
        let mut texts = BTreeMap::new();
        for (name, value) in labels {
            let text = String::from_utf8(value)
                .map_err(|error| PathError::NotUtf8 { name: name.clone(), value: error.into_bytes() })?;
            texts.insert(name, text);
        }
        GroupKey::new(texts.iter().map(|(name, value)| (&**name, &**value))).map_err(|error| match error {
            KeyError::Name(name) | KeyError::Twice(name) => PathError::Name(name.into_bytes()),
            KeyError::NoJob | KeyError::Bytes { .. } => PathError::NoJob,
        })
    }
}

/// The labels of `/NAME/VALUE/NAME/VALUE...`.
pub(crate) fn label_pairs(labels: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, PathError> {
    let mut found = BTreeMap::new();
    let Some(rest) = labels.get(1..).filter(|rest| !rest.is_empty()) else { return Ok(found) };
    if rest.split(|byte| *byte == b'/').count() % 2 != 0 {
        return Err(PathError::Odd(labels.to_vec()));
    }
    let mut components = rest.split(|byte| *byte == b'/');
    while let (Some(written), Some(value)) = (components.next(), components.next()) {
        let bare = written.strip_suffix(SUFFIX).unwrap_or(written);
        let name = std::str::from_utf8(bare).ok().filter(|name| is_group_label(name));
        let name = name.ok_or_else(|| PathError::Name(bare.to_vec()))?;
        let value = match written.len() == bare.len() {
            true => value.to_vec(),
            false => decode_base64(value).map_err(|at| PathError::Base64 {
                name: name.to_owned(),
                value: value.to_vec(),
                at,
            })?,
        };
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}

/// The bytes of a text in base64 with the alphabet of URLs, any padding left out; else the offset of what is none.
///
/// As Go's `base64.RawURLEncoding`: line breaks do not count, and the bits that are left over may be any.
fn decode_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let mut bytes = Vec::with_capacity(end / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0_usize);
    for (at, byte) in text.iter().take(end).enumerate() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            b'\n' | b'\r' => continue,
            _ => return Err(at),
        };
        bits = bits << 6 | u32::from(six);
        count += 1;
        if count % 4 != 1 {
            bytes.push((bits >> (6 - 2 * ((count - 1) % 4))) as u8);
        }
    }
    match count % 4 {
        1 => Err(end - 1),
        _ => Ok(bytes),
    }
}

/// A path without its percent-encoding; none where a `%` has no two digits behind it. `+` is itself.
pub(crate) fn percent_decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let (&[high, low], behind) = rest.split_first_chunk()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        decoded.push((digit(high)? << 4 | digit(low)?) as u8);
        rest = behind;
    }
    Some(decoded)
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::Odd(labels) => {
                write!(f, "odd number of components in label string {}", quoted(labels))
            }
            PathError::Name(name) => write!(f, "improper label name {}", quoted(name)),
            // The name is empty there as well.
            PathError::JobBase64(at) => {
                write!(f, "invalid base64 encoding in job name \"\": illegal base64 data at input byte {at}")
            }
            PathError::Base64 { name, value, at } => write!(
                f,
                "invalid base64 encoding for label {name}={}: illegal base64 data at input byte {at}",
                quoted(value)
            ),
            PathError::NoJob => f.write_str("job name is required"),
            PathError::NotUtf8 { name, value } => {
                write!(f, "the group has a label named {name:?} whose value is not utf8: {}", quoted(value))
            }
        }
    }
}

impl std::error::Error for PathError {}

#[cfg(test)]
mod tests;
