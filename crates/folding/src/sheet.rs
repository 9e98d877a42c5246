//! The content of an archive while it is put together: each key with its number.

use dialects::{Dialect, HEADER_LEN, push_record};
use foldhash::{HashMap, HashMapExt};

use crate::content::Entry;
use crate::exact::{Addends, Exact};

/// How the numbers of one key become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merging {
    /// Added up. Where they count something, the sum must never be less than any that was shown before.
    Sum {
        counts: bool,
    },
    Least,
    Greatest,
    /// The one set last.
    Latest,
}

/// See the head of this file. Keys stand in the order in which they first came.
pub(crate) struct Sheet {
    dialect: Dialect,
    merging: Merging,
    places: HashMap<Box<[u8]>, usize>,
    rows: Vec<Row>,
}

#[derive(Default)]
struct Row {
    sum: Exact,
    /// What pages had to add up before there was an archive; only where that matters.
    addends: Addends,
    /// The number and its time where it is no sum.
    one: Option<f64>,
    time: f64,
    /// Whether any of its numbers is folded.
    folded: bool,
}

impl Sheet {
    pub(crate) fn new(dialect: Dialect, merging: Merging) -> Sheet {
        Sheet { dialect, merging, places: HashMap::new(), rows: Vec::new() }
    }

    /// Takes the numbers of a file that is folded, or of the archive itself.
    pub(crate) fn take(&mut self, records: &[Entry<'_>]) {
        let merging = self.merging;
        for &(key, value, time) in records {
            let row = self.row(key);
            row.folded = true;
            match merging {
                Merging::Sum { .. } => {
                    row.sum.add(value);
                    row.addends.add(value);
                    row.time = row.time.max(time);
                }
                Merging::Least => {
                    row.one = Some(row.one.map_or(value, |one| if value < one { value } else { one }))
                }
                Merging::Greatest => {
                    row.one = Some(row.one.map_or(value, |one| if value > one { value } else { one }));
                }
                Merging::Latest if row.one.is_none() || time > row.time => {
                    (row.one, row.time) = (Some(value), time);
                }
                Merging::Latest => {}
            }
        }
    }

    /// Takes note of the numbers of a file that is not folded: they are on the page, too.
    pub(crate) fn glance(&mut self, records: &[Entry<'_>]) {
        for &(key, value, _) in records {
            self.row(key).addends.add(value);
        }
    }

    /// Whether a sum that counts depends on the order in which a page adds it up.
    pub(crate) fn is_doubtful(&self) -> bool {
        let counts = self.merging == (Merging::Sum { counts: true });
        counts && self.rows.iter().any(|row| row.addends.doubt() > 0.0)
    }

    /// The records of the archive behind a header's place. Where `first`, sums that counted as a page adds them up, one
    /// after the other, are made no less than any order of adding gives.
    pub(crate) fn into_records(self, first: bool) -> Vec<u8> {
        let mut keys: Vec<(Box<[u8]>, usize)> = self.places.into_iter().collect();
        keys.sort_unstable_by_key(|(_, place)| *place);
        let mut bytes = vec![0; HEADER_LEN];
        for ((key, _), row) in keys.into_iter().zip(self.rows) {
            let Row { mut sum, addends, one, time, folded } = row;
            let counts = self.merging == (Merging::Sum { counts: true });
            let doubt = if first && counts { addends.doubt() } else { 0.0 };
            // Of the living alone there is nothing to fold, but their sum must not be less either.
            if !folded && doubt == 0.0 {
                continue;
            }
            if doubt > 0.0 {
                sum.add(doubt);
            }
            let mut parts = match one {
                Some(one) => vec![one],
                None => sum.parts(),
            };
            if self.dialect == Dialect::Ruby {
                // Of two records of a key its readers take the last one alone.
                let rest = parts.get(1).copied().unwrap_or(0.0);
                parts.truncate(1);
                if rest > 0.0 && counts {
                    parts[0] = parts[0].next_up();
                }
            }
            for part in parts {
                push_record(self.dialect, &key, part, time, &mut bytes);
            }
        }
        bytes
    }

    fn row(&mut self, key: &[u8]) -> &mut Row {
        let place = match self.places.get(key) {
            Some(&place) => place,
            None => {
                self.places.insert(key.into(), self.rows.len());
                self.rows.push(Row::default());
                self.rows.len() - 1
            }
        };
        &mut self.rows[place]
    }
}
