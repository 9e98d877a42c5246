//! What a group needs for itself on the page, and what of it changes with a push.
//!
//! A page may not say two things about one name or show one series twice. Whether it would is asked of an index, not
//! of all groups: each group *claims* what it shows, and two claims that exclude each other are found by a lookup. A
//! store keeps the index beside the groups and checks a change in the same atomic step.
//!
//! * A **name** is claimed with a tag, by any number of groups as long as their tags are equal: a family's name
//!   with its type, and the names that a histogram's or summary's lines take (`h_bucket`, `h_sum`, `h_count`) with
//!   [`PART`].
//! * A **series** is claimed by one group alone: name and labels, as a hash.
//!
//! Rules: `checkMetricConsistency` and `checkSuffixCollisions` of Prometheus' Go client
//! (`prometheus/registry.go`), which the official push gateway applies to all groups at every push.

use std::collections::BTreeMap;

use metrics_core::Kind;
use xxhash_rust::xxh3::Xxh3;

use crate::family::series_labels;
use crate::{Family, GroupKey};

/// What one group claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Names with their tags.
    pub names: BTreeMap<Box<str>, u8>,
    /// Hashes of series, ascending.
    pub series: Vec<u128>,
}

/// The tag of a name that is a part of a histogram or a summary.
pub const PART: u8 = b'p';

/// What a change lets go of, and what it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimChange {
    /// Names that the group had and has no more, with their tags.
    pub names_released: Vec<(Box<str>, u8)>,
    /// Names that it has now, with their tags.
    pub names_taken: Vec<(Box<str>, u8)>,
    /// Series that it had.
    pub series_released: Vec<u128>,
    /// Series that it has now.
    pub series_taken: Vec<u128>,
}

/// Two things that one page cannot show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clash {
    /// A name that stands for something else in another group.
    Name {
        /// The name.
        name: Box<str>,
        /// What the push has it for: the tag.
        pushed: u8,
        /// What it is already.
        held: u8,
    },
    /// A series that another group shows.
    Series(u128),
}

/// The names of the two gauges that every group shows: when a push to it last succeeded, and last failed.
pub const PUSH_TIMES: [&str; 2] = ["push_time_seconds", "push_failure_time_seconds"];

impl Claims {
    /// What a group of these families shows, its push times among it.
    ///
    /// # Errors
    /// Where the families exclude each other: one name with two tags, or one series twice.
    pub fn of<'a>(key: &GroupKey, families: impl IntoIterator<Item = &'a Family>) -> Result<Claims, Clash> {
        let mut claims = Claims::default();
        for name in PUSH_TIMES {
            claims.names.insert(name.into(), tag(Kind::Gauge));
            claims.series.push(series_hash(name, &series_labels(key.labels(), &[])));
        }
        for family in families {
            claims.name(&family.name, tag(family.kind))?;
            for part in parts(family.kind) {
                claims.name(&format!("{}{part}", family.name), PART)?;
            }
            for metric in &family.metrics {
                claims.series.push(series_hash(&family.name, &series_labels(key.labels(), &metric.labels)));
            }
        }
        claims.series.sort_unstable();
        match claims.series.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(Clash::Series(twice[0])),
            None => Ok(claims),
        }
    }

    /// What changes where a group that had `before` has `self`.
    pub fn since(&self, before: &Claims) -> ClaimChange {
        let missing = |from: &Claims, other: &Claims| -> Vec<(Box<str>, u8)> {
            let names = from.names.iter().filter(|(name, tag)| other.names.get(*name) != Some(*tag));
            names.map(|(name, tag)| (name.clone(), *tag)).collect()
        };
        let absent = |from: &Claims, other: &Claims| -> Vec<u128> {
            from.series.iter().filter(|hash| other.series.binary_search(hash).is_err()).copied().collect()
        };
        ClaimChange {
            names_released: missing(before, self),
            names_taken: missing(self, before),
            series_released: absent(before, self),
            series_taken: absent(self, before),
        }
    }

    fn name(&mut self, name: &str, tag: u8) -> Result<(), Clash> {
        match self.names.insert(name.into(), tag) {
            Some(held) if held != tag => Err(Clash::Name { name: name.into(), pushed: tag, held }),
            _ => Ok(()),
        }
    }
}

/// The tag of a family's name: one for each type that the text format tells apart.
pub fn tag(kind: Kind) -> u8 {
    match kind {
        Kind::Counter => b'c',
        Kind::Gauge | Kind::Info | Kind::StateSet => b'g',
        Kind::Histogram | Kind::GaugeHistogram => b'h',
        Kind::Summary => b's',
        _ => b'u',
    }
}

/// What the names of a family's lines end in, where they are not the family's own.
pub(crate) fn parts(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Histogram | Kind::GaugeHistogram => &["_bucket", "_sum", "_count"],
        Kind::Summary => &["_sum", "_count"],
        _ => &[],
    }
}

/// What a tag says, for messages: a type of the text format, or a part of one.
pub fn tag_word(tag: u8) -> &'static str {
    match tag {
        b'c' => "counter",
        b'g' => "gauge",
        b'h' => "histogram",
        b's' => "summary",
        PART => "part of a histogram or summary",
        _ => "untyped",
    }
}

/// The identity of a series: XXH3 of the family's name and the labels, 128 bits, the same in every process.
pub fn series_hash(name: &str, labels: &[(&str, &str)]) -> u128 {
    // No text holds 0xFF, so no two series give the same bytes.
    let mut hash = Xxh3::new();
    hash.update(name.as_bytes());
    for (name, value) in labels {
        hash.update(&[0xFF]);
        hash.update(name.as_bytes());
        hash.update(&[0xFF]);
        hash.update(value.as_bytes());
    }
    hash.digest128()
}
