//! Which label sets of a directory have series of their own, where not all can have one.

use std::path::PathBuf;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use metrics_core::{Kind, Label, Mode};

use super::distinct::Distinct;
use super::limits::Limits;
use crate::collector::MOST_TOLD;
use crate::{Rules, Statement};

/// See the head of this file. As large as the limits allow, whatever is refused.
pub(super) struct Seats {
    directory: PathBuf,
    pub(super) limits: Limits,
    families: HashMap<Arc<str>, Family>,
    /// Of all families.
    taken: usize,
    /// The label sets that were ever refused.
    refused: Distinct,
    /// How many families the log has been told of.
    told: usize,
    review: Review,
    /// Kept for its memory alone.
    text: Vec<u8>,
}

/// The seats of one family.
#[derive(Default)]
struct Family {
    /// By their [text](write_text).
    sets: HashSet<Box<[u8]>>,
    /// Whether a label set was refused: then no other is let in, or the sum of those refused would fall once one of
    /// them gets in when its file is parsed again.
    closed: bool,
    told: bool,
}

/// What there is to do once all files are read.
#[derive(Clone, Copy, Default)]
pub(super) struct Review {
    /// Files came or went.
    pub(super) is_due: bool,
    /// Not one of the files of before is there.
    pub(super) is_anew: bool,
}

/// A series that a file of the directory has.
pub(super) struct Present<'a> {
    pub(super) statement: &'a Statement,
    /// None: it is the overflow.
    pub(super) labels: Option<&'a [Label]>,
}

/// The label that all labels of refused label sets are replaced by.
pub(crate) const OVERFLOW: (&str, &[u8]) = ("overflow", b"true");

impl Seats {
    pub(super) fn new(directory: PathBuf) -> Seats {
        Seats {
            directory,
            limits: Limits::default(),
            families: HashMap::new(),
            taken: 0,
            refused: Distinct::default(),
            told: 0,
            review: Review::default(),
            text: Vec::new(),
        }
    }

    /// Whether a label set has a series of its own; it is given one if there is room.
    pub(super) fn admit<'a>(
        &mut self,
        statement: &Statement,
        labels: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> bool {
        let mut labels: Vec<(&str, &[u8])> =
            labels.filter(|(name, _)| tells_apart(statement, name)).collect();
        labels.sort_by_key(|&(name, _)| name);
        labels.dedup_by_key(|&mut (name, _)| name);
        if labels == [OVERFLOW] {
            return false;
        }
        self.text.clear();
        write_text(labels.iter().copied(), &mut self.text);
        if !self.families.contains_key(&statement.name) {
            self.families.insert(Arc::clone(&statement.name), Family::default());
        }
        let family = self.families.get_mut(&statement.name).expect("it has just been entered");
        if family.sets.contains(&*self.text) {
            return true;
        }
        let of_family = self.limits.series_per_family.is_none_or(|limit| family.sets.len() < limit);
        let of_all = self.limits.series.is_none_or(|limit| self.taken < limit);
        if of_family && of_all && !family.closed {
            family.sets.insert(self.text.as_slice().into());
            self.taken += 1;
            return true;
        }
        family.closed = true;
        self.refused.add(&(&*statement.name, &*self.text));
        if !std::mem::replace(&mut family.told, true) && self.told < MOST_TOLD {
            self.told += 1;
            self.tell(&statement.name);
        }
        false
    }

    fn tell(&self, name: &Arc<str>) {
        let family = &self.families[name];
        let most = most_values(family).map_or_else(String::new, |(label, values)| {
            format!("; its label with the most values is {label}, with {values}")
        });
        let largest = self.families.iter().max_by_key(|(name, family)| (family.sets.len(), *name));
        let of_all = match largest {
            Some((largest, family)) if self.limits.series.is_some_and(|limit| self.taken >= limit) => {
                format!(
                    "; of {} label sets of the directory, {} are of {largest}",
                    self.taken,
                    family.sets.len()
                )
            }
            _ => String::new(),
        };
        tracing::warn!(
            directory = %self.directory.display(),
            family = &**name,
            "too many label sets: {} have series of their own, all others are added up in overflow=\"true\"{most}{of_all}",
            family.sets.len(),
        );
    }

    /// Takes note of a new listing of the directory.
    pub(super) fn listed(&mut self, is_anew: bool) {
        self.review = Review { is_due: true, is_anew: self.review.is_anew || is_anew };
    }

    pub(super) fn take_review(&mut self) -> Review {
        std::mem::take(&mut self.review)
    }

    /// Gives back the seats of label sets that are not among these; not of a family that has refused some which are.
    pub(super) fn keep_only<'a>(&mut self, present: impl Iterator<Item = Present<'a>>) {
        let mut kept: HashMap<&str, HashSet<Box<[u8]>>> = HashMap::new();
        let mut overflowing: HashSet<&str> = HashSet::new();
        for Present { statement, labels } in present {
            let Some(labels) = labels else {
                overflowing.insert(&statement.name);
                continue;
            };
            self.text.clear();
            let labels = labels.iter().map(|label| (&*label.name, &*label.value));
            write_text(labels.filter(|(name, _)| tells_apart(statement, name)), &mut self.text);
            let known = self.families.get_mut(&statement.name);
            if let Some(text) = known.and_then(|family| family.sets.take(&*self.text)) {
                kept.entry(&statement.name).or_default().insert(text);
            }
        }
        self.taken = 0;
        for (name, family) in &mut self.families {
            let kept = kept.remove(&**name).unwrap_or_default();
            if overflowing.contains(&**name) {
                family.sets.extend(kept);
            } else {
                (family.sets, family.closed) = (kept, false);
            }
            self.taken += family.sets.len();
        }
        self.families.retain(|_, family| family.told || !family.sets.is_empty());
    }

    pub(super) fn is_any_taken(&self) -> bool {
        self.families.values().any(|family| family.closed || !family.sets.is_empty())
    }

    /// How many seats are taken.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Gives the seats of a family back, by its name or that of its counter's samples.
    pub(super) fn forget(&mut self, name: &str) {
        for name in [name, name.strip_suffix("_total").unwrap_or(name)] {
            self.taken -= self.families.remove(name).map_or(0, |family| family.sets.len());
        }
    }

    /// Gives all seats back.
    pub(super) fn clear(&mut self) {
        self.keep_only(std::iter::empty());
    }

    /// About how many different label sets were ever refused.
    pub(super) fn refused(&self) -> f64 {
        self.refused.count()
    }
}

/// Whether label sets differ by this label. Buckets of a histogram do not, nor do the numbers that processes have of
/// one family where all are shown.
fn tells_apart(statement: &Statement, name: &str) -> bool {
    match (name, statement.kind) {
        ("le", Kind::Histogram) | ("quantile", Kind::Summary) => false,
        ("pid", kind) => {
            let dropped = kind == Kind::Gauge && statement.rules == Rules::Python;
            !dropped && statement.aggregation.mode != Mode::All
        }
        _ => true,
    }
}

/// Writes labels that are sorted by name: of each the name and the value, with their lengths.
fn write_text<'a>(labels: impl Iterator<Item = (&'a str, &'a [u8])>, into: &mut Vec<u8>) {
    for text in labels.flat_map(|(name, value)| [name.as_bytes(), value]) {
        into.extend_from_slice(&(text.len() as u64).to_ne_bytes());
        into.extend_from_slice(text);
    }
}

/// The label of a family with the most different values, and how many; the first by name of several.
fn most_values(family: &Family) -> Option<(String, usize)> {
    let mut values: HashMap<&[u8], HashSet<&[u8]>> = HashMap::new();
    for set in &family.sets {
        let mut texts = texts(set);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            values.entry(name).or_default().insert(value);
        }
    }
    let most = values.iter().max_by_key(|(name, values)| (values.len(), std::cmp::Reverse(**name)))?;
    Some((String::from_utf8_lossy(most.0).into_owned(), most.1.len()))
}

/// What [`write_text`] has written.
fn texts(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, behind) = rest.split_first_chunk()?;
        let (text, behind) = behind.split_at_checked(u64::from_ne_bytes(*len) as usize)?;
        rest = behind;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use metrics_core::Aggregation;

    use super::*;

    #[test]
    fn what_is_refused_is_not_remembered() {
        let mut seats = Seats::new(PathBuf::from("/run/shop/metrics"));
        seats.limits.series_per_family = Some(3);
        let statement = Statement::new(Kind::Counter, "c_total", "Help.", Aggregation::SUM);
        for number in 0..10_000_u32 {
            let value = number.to_string();
            let labels = [("path", value.as_bytes()), ("code", b"404")];
            assert_eq!(seats.admit(&statement, labels.into_iter()), number < 3);
        }
        assert_eq!((seats.taken(), seats.families["c_total"].sets.len()), (3, 3));
        assert!((seats.refused() / 9_997.0 - 1.0).abs() < 0.25, "{}", seats.refused());
        assert_eq!(most_values(&seats.families["c_total"]), Some(("path".to_owned(), 3)));
    }
}
