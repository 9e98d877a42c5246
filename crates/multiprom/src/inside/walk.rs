//! A walk over the records of a file, through a window: it takes as much memory as the window, or as the longest
//! record.

use std::io;

use dialects::{Damage, Dialect, HEADER_LEN, KeyText, Record, read_key, records};
use metrics_core::Kind;

use super::file::MetricsFile;
use super::nature::Nature;

/// Bytes read at once. Few where tests run, whose files are small, so that they meet many borders.
pub(super) const WINDOW: usize = if cfg!(debug_assertions) { 512 } else { 128 * 1024 };

/// Bytes that a record which crosses the end of what is in use may have behind it.
pub(super) const LONGEST_CROSSING: usize = 1024 * 1024; // 1 MiB

/// Bytes of a record besides length and key, at most: padding, value and time.
const MOST_BEHIND_KEY: usize = 8 + 16;

/// What a walk comes to.
#[derive(Debug)]
pub(crate) enum Met<'a> {
    /// A record that is whole.
    Record(Entry<'a>),
    /// Damage. No record comes after it.
    Damage(Damage),
}

/// A record that is whole. Its key may still not be one.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Where it starts.
    pub(crate) at: usize,
    /// Where its value stands.
    pub(crate) value_at: usize,
    pub(crate) raw_key: &'a [u8],
    /// What it is about, or what is wrong with its key: there, offsets are from the start of the file.
    pub(crate) key: Result<KeyText<'a>, Damage>,
    pub(crate) value: f64,
    pub(crate) time: f64,
    /// Whether a page has it: nothing behind a key that cannot be read counts.
    pub(crate) counts: bool,
}

/// Goes over all records of a file, also those behind a key that cannot be read, and ends at the first damage.
///
/// # Errors
/// When the file cannot be read, and when `meet` says so.
pub(crate) fn walk<E: From<io::Error>>(
    file: &MetricsFile,
    nature: &Nature,
    mut meet: impl FnMut(Met<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut damage = nature.damage.clone();
    if let Some(dialect) = nature.dialect {
        let mut walk = Walk { file, nature, dialect, at: HEADER_LEN, counts: true };
        damage = walk.records(&mut meet)?;
        if damage.is_some() && file.len > file.used() as u64 && walk.crossing(&mut meet)? {
            damage = Some(Damage { at: walk.at, why: "its header ends within this record, which counts" });
        }
    }
    match damage.or_else(|| file.damage()) {
        Some(damage) => meet(Met::Damage(damage)),
        None => Ok(()),
    }
}

struct Walk<'a> {
    file: &'a MetricsFile,
    nature: &'a Nature,
    dialect: Dialect,
    /// Where the next record starts.
    at: usize,
    /// Whether all keys so far could be read.
    counts: bool,
}

impl Walk<'_> {
    /// Goes over the records in use; says where it had to stop.
    fn records<E: From<io::Error>>(
        &mut self,
        meet: &mut impl FnMut(Met<'_>) -> Result<(), E>,
    ) -> Result<Option<Damage>, E> {
        let mut in_use = self.file.in_use();
        let mut window = Vec::new();
        let mut size = WINDOW;
        while self.at < in_use {
            let base = self.at;
            let len = size.min(in_use - base);
            self.file.read(base, len, &mut window)?;
            if window.len() < len {
                // Somebody has cut it since it was opened.
                in_use = base + window.len();
            }
            let last = base + window.len() >= in_use;
            for record in records(self.dialect, &window, 0) {
                match record {
                    Ok(record) if last || record.end(self.dialect) <= window.len() => {
                        self.meet(&record, base, meet)?;
                        self.at = base + record.end(self.dialect);
                    }
                    Err(damage) if last => return Ok(Some(Damage { at: base + damage.at, ..damage })),
                    // Perhaps it is not whole in this window.
                    _ => break,
                }
            }
            if self.at > base {
                size = WINDOW;
                continue;
            }
            // The first record of the window is damaged, or longer than the window.
            let length = window.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
            let wanted = length.saturating_add(4 + MOST_BEHIND_KEY);
            if window.len() >= wanted || length > in_use - base {
                let damage = records(self.dialect, &window, 0).find_map(Result::err);
                return Ok(damage.map(|damage| Damage { at: base + damage.at, ..damage }));
            }
            size = wanted;
        }
        Ok(None)
    }

    /// Meets the record that begins before the end of what is in use and goes on behind it, if the file has it whole:
    /// the clients' own readers count it.
    fn crossing<E: From<io::Error>>(
        &self,
        meet: &mut impl FnMut(Met<'_>) -> Result<(), E>,
    ) -> Result<bool, E> {
        let used = self.file.used();
        let mut bytes = Vec::new();
        self.file.read(self.at, 4, &mut bytes)?;
        let Some(length) = bytes.first_chunk().map(|length| u32::from_le_bytes(*length) as usize) else {
            return Ok(false);
        };
        let most =
            length.saturating_add(4 + MOST_BEHIND_KEY).min((used + LONGEST_CROSSING).saturating_sub(self.at));
        if self.at >= used || self.at.saturating_add(most) <= used {
            return Ok(false);
        }
        self.file.read(self.at, most, &mut bytes)?;
        match records(self.dialect, &bytes, 0).next() {
            Some(Ok(record)) if self.at + record.end(self.dialect) > used => {
                let entry = self.entry(&record, self.at, self.counts);
                let counts = entry.counts;
                if counts {
                    meet(Met::Record(entry))?;
                }
                Ok(counts)
            }
            _ => Ok(false),
        }
    }

    fn meet<E>(
        &mut self,
        record: &Record<'_>,
        base: usize,
        meet: &mut impl FnMut(Met<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let entry = self.entry(record, base, self.counts);
        self.counts = entry.counts;
        meet(Met::Record(entry))
    }

    fn entry<'r>(&self, record: &Record<'r>, base: usize, counts: bool) -> Entry<'r> {
        let key = read_key(self.dialect, record.key).and_then(|key| match self.has_bad_bound(&key) {
            true => Err(Damage { at: 0, why: "the bound `le` of a bucket is not a number" }),
            false => Ok(key),
        });
        let key = key.map_err(|damage| Damage { at: base + record.at + 4 + damage.at, ..damage });
        Entry {
            at: base + record.at,
            value_at: base + record.value_at,
            raw_key: record.key,
            counts: counts && key.is_ok(),
            key,
            value: record.value,
            time: record.timestamp,
        }
    }

    /// Whether a key is of a bucket whose bound is not a number. Of Ruby's, such keys are not shown and damage nothing.
    fn has_bad_bound(&self, key: &KeyText<'_>) -> bool {
        let bound = |value: &[u8]| std::str::from_utf8(value).ok()?.trim().parse::<f64>().ok();
        let bad = |value: &[u8]| bound(value).is_none();
        self.dialect != Dialect::Ruby
            && self.nature.kind == Some(Kind::Histogram)
            && key.labels.iter().any(|label| label.name == "le" && bad(&label.value))
    }
}
