//! One metrics file: what of it is parsed already, and where its numbers stand.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use dialects::{Damage, Dialect, HEADER_LEN};
use liveness::Claim;

use super::content::{State, number_at, read_up_to, round};
use super::records::Records;
use crate::readings::{KeptNumbers, NumberList, Numbers};
use crate::{OriginId, SeriesId, Tally};

/// One metrics file. Records are only ever appended to it and never move.
pub(crate) struct File {
    pub(crate) name: Box<str>,
    pub(crate) path: Arc<Path>,
    /// As the directory lists it.
    pub(crate) inode: u64,
    /// Where its writer has died.
    pub(crate) died: Option<Died>,
    /// By record its number, where the file was read after its writer's death: it is not opened any more.
    settled: Option<KeptNumbers>,
    /// Whether it has gauges of the living, its writer is dead, and it is asked that these be left out.
    pub(crate) left_out: bool,
    /// What was parsed; none before.
    state: Option<State>,
    /// What its records are; none as long as it has none.
    pub(crate) nature: Option<Nature>,
    /// Bytes parsed, the header included.
    pub(crate) parsed: usize,
    pub(crate) records: Records,
    /// Whether their numbers stand in the order of the records.
    rising: bool,
    /// Where the last record starts.
    last_at: usize,
    /// The bytes of the last record up to its value: a file that does not have them there is another one.
    last_key: Box<[u8]>,
    pub(crate) damage: Option<Damage>,
    /// Bytes to read where the last record goes on behind `used`; else 0.
    pub(crate) reach: usize,
}

/// A dead writer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Died {
    /// Of our own stores, with its identifier: nothing will be written any more.
    Ours(Box<str>),
    /// Anybody else, whose file a later process may go on in.
    Another,
}

/// What the records of a file are, and whose.
#[derive(Clone, Copy)]
pub(crate) struct Nature {
    pub(crate) dialect: Dialect,
    /// The class of its keys.
    pub(crate) class: usize,
    pub(crate) origin: OriginId,
    /// Whether the times of its records matter.
    pub(crate) timed: bool,
}

/// What changed in a file since it was last read.
#[derive(Debug, PartialEq)]
pub(crate) enum Change {
    /// Nothing but numbers.
    Numbers,
    /// Records were appended.
    Grown,
    /// It is another file, or was damaged.
    All,
}

impl File {
    pub(crate) fn new(directory: &Path, name: &str) -> File {
        File {
            name: name.into(),
            path: directory.join(name).into(),
            inode: 0,
            died: None,
            settled: None,
            left_out: false,
            state: None,
            nature: None,
            parsed: 0,
            records: Records::default(),
            rising: true,
            last_at: 0,
            last_key: Box::default(),
            damage: None,
            reach: 0,
        }
    }

    /// Whether this may be the file that was parsed, sound then and sound now, perhaps with more records: its
    /// numbers can be read one after the other, as long as the last key is found among them.
    pub(crate) fn is_known(&self, state: State) -> bool {
        let file = |state: State| (state.device, state.inode, state.born);
        let same = self.state.is_some_and(|before| file(before) == file(state));
        let sound = self.damage.is_none() && self.reach == 0 && self.parsed <= state.used;
        same && sound && self.rising && self.nature.is_some() && !self.records.is_empty()
    }

    /// Whether nothing of it was ever parsed.
    pub(crate) fn is_new(&self) -> bool {
        self.parsed == 0 && self.damage.is_none() && self.records.is_empty()
    }

    /// What changed, with `bytes` the file up to its `used`. Where all did, the file is as if never parsed.
    pub(crate) fn compare(&mut self, state: State, bytes: &[u8]) -> Change {
        let before = self.state.replace(state);
        let same = before.is_some_and(|before| {
            let file = |state: State| (state.device, state.inode, state.born);
            let extent = |state: State| (state.len, state.used);
            // What is damaged may be mended, also before the damage.
            let whole = if self.damage.is_none() {
                bytes.len() >= self.parsed
            } else {
                extent(before) == extent(state)
            };
            file(before) == file(state) && whole
        });
        if !same || self.last_key_in(bytes) != Some(&*self.last_key) {
            self.forget();
            return Change::All;
        }
        if bytes.len() > self.parsed.max(HEADER_LEN) && self.damage.is_none() {
            Change::Grown
        } else {
            Change::Numbers
        }
    }

    fn last_key_in<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self.records.value_at().last() {
            None => Some(&[]),
            Some(&last) => {
                let end = last as usize;
                bytes.get(end.checked_sub(self.last_key.len())?..end)
            }
        }
    }

    /// Whether it was made after this dot-file, as far as that is known. Not of a file that was never read.
    pub(crate) fn is_younger_than(&self, claim: &Claim) -> bool {
        self.state.is_some_and(|state| claim.is_older_than(state.born))
    }

    /// The name that its writer gave it: another one than it has while it is folded.
    pub(crate) fn original_name(&self) -> &str {
        dialects::original_name(&self.name)
    }

    /// Whether it has the numbers of many dead processes, and another file takes its place when there are more.
    pub(crate) fn is_archive(&self) -> bool {
        dialects::is_archive_name(&self.name)
    }

    /// Whether it is an archive, or a file that is being folded into one: its numbers have come from elsewhere.
    pub(crate) fn is_folded(&self) -> bool {
        self.is_archive() || *self.name != *self.original_name()
    }

    /// Whether it is an archive that was folded here, and not another's file of such a name.
    pub(crate) fn is_our_archive(&self) -> bool {
        self.is_archive() && round(&self.path).is_some()
    }

    /// Whether it has gauges of the `live` modes, which the dead are left out of.
    pub(crate) fn is_of_the_living(&self) -> bool {
        let named = dialects::parse_file_name(Dialect::PYTHON, self.original_name());
        named.and_then(|name| name.aggregation).is_some_and(|aggregation| aggregation.live)
    }

    /// Whether the file under its name is the one that was read, as it was.
    pub(crate) fn is_as_read(&self) -> bool {
        let about = fs::metadata(&self.path);
        about.is_ok_and(|about| {
            self.state.is_some_and(|state| state == State { used: state.used, ..State::of(&about) })
        })
    }

    /// Whether it needs no reading.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.is_some() || self.left_out
    }

    /// Has the file read again; its writer is not known to be dead any more.
    pub(crate) fn unsettle(&mut self) {
        self.settled = None;
        self.died = None;
    }

    /// Makes the file as if never parsed; its state stays.
    pub(crate) fn forget(&mut self) {
        self.settled = None;
        self.nature = None;
        self.parsed = 0;
        self.records = Records::default();
        self.rising = true;
        self.last_at = 0;
        self.last_key = Box::default();
        self.damage = None;
        self.reach = 0;
    }

    /// Takes note of a record that was parsed.
    #[inline]
    pub(crate) fn push(&mut self, at: usize, value_at: usize, series: SeriesId) {
        self.records.push(value_at as u32, series);
        self.last_at = at;
    }

    /// Takes note of as many of the [likely](Records::likely) records, of which the last one starts at `last_at`.
    pub(crate) fn take_likely(&mut self, count: usize, last_at: usize) {
        self.records.take_likely(count);
        self.last_at = last_at;
    }

    /// Takes note of another record of the series whose number stands at `index`; only the later one counts.
    pub(crate) fn replace(&mut self, index: usize, at: usize, value_at: usize) {
        self.records.move_number(index, value_at as u32);
        self.rising = false;
        if index + 1 == self.records.len() {
            self.last_at = at;
        }
    }

    /// Takes note of how far the file is parsed, and of its last key.
    pub(crate) fn parsed_to(&mut self, parsed: usize, last_key: &[u8]) {
        self.parsed = parsed;
        self.last_key = last_key.into();
    }

    /// Where the last key stands, or the end of it, which tells as much: two keys that end alike end in the same
    /// help and labels. Without the record before it, whose number changes.
    pub(crate) fn last_key_at(&self) -> Range<usize> {
        const MOST: usize = 64; // bytes
        let end = self.records.value_at().last().map_or(0, |&last| last as usize);
        self.last_at.max(end.saturating_sub(MOST)).min(end)..end
    }

    /// Gathers the numbers of all its records that `bytes` has; says of which series they are where some are missing.
    pub(crate) fn numbers(&self, timed: bool, bytes: &[u8], into: &mut NumberList) -> Option<Vec<SeriesId>> {
        let mut found = Vec::new();
        for (&at, &series) in self.records.value_at().iter().zip(self.records.series()) {
            let at = at as usize;
            if let Some(value) = number_at(bytes, at) {
                found.push(series);
                into.values.push(value);
                if timed {
                    into.times.push(number_at(bytes, at + 8).unwrap_or_default());
                }
            }
        }
        (found.len() < self.records.len()).then_some(found)
    }

    /// Reads the numbers of all its records through a window of this size, behind what is in `into`; says how many
    /// bytes that took. None where the last key is not in its place: it is another file, or was cut.
    ///
    /// To be called of files that [are known](File::is_known).
    pub(crate) fn read_numbers(
        &self,
        open: &fs::File,
        timed: bool,
        window: &mut [u8],
        into: &mut NumberList,
    ) -> io::Result<Option<usize>> {
        let number_len = if timed { 16 } else { 8 };
        let value_at = self.records.value_at();
        let Some(&last) = value_at.last() else { return Ok(None) };
        let end = last as usize + number_len;
        let key = last as usize - self.last_key.len();
        let (mut next, mut read) = (0, 0);
        into.reserve(value_at.len(), timed);
        while let Some(&first) = value_at.get(next) {
            // Each window begins with a number; the last one must have the last key before it.
            let start = if next + 1 == value_at.len() { key } else { first as usize };
            let len = window.len().min(end - start);
            let window = &mut window[..len];
            if read_up_to(open, window, start)? < len {
                return Ok(None);
            }
            read += len;
            let within = value_at[next..].partition_point(|&at| at as usize + number_len <= start + len);
            let places = value_at[next..next + within].iter().map(|&at| at as usize - start);
            let number = |at: usize| number_at(window, at).unwrap_or_default();
            into.values.extend(places.clone().map(number));
            if timed {
                into.times.extend(places.map(|at| number(at + 8)));
            }
            next += within;
            if next == value_at.len()
                && window.get(key - start..key - start + self.last_key.len()) != Some(&*self.last_key)
            {
                return Ok(None);
            }
        }
        Ok(Some(read))
    }

    /// Makes it the file of this state, whose records are all parsed.
    pub(crate) fn parsed_in(&mut self, state: State) {
        self.state = Some(state);
    }

    /// Keeps the numbers of a file, of all its records, that was read after its writer's death. Not those of a damaged
    /// one, which somebody may mend.
    pub(crate) fn settle(&mut self, numbers: Numbers<'_>) {
        if self.died.is_some() && self.damage.is_none() {
            self.settled = Some(numbers.into());
        }
    }

    /// Adds the numbers of a settled file.
    pub(crate) fn report_again(&self, tally: &mut Tally) {
        let (Some(nature), Some(numbers), false) = (self.nature, &self.settled, self.left_out) else {
            return;
        };
        tally.report(nature.origin);
        tally.extend(self.records.series(), numbers.get());
    }

    /// What is known of the records, to be gone back to.
    pub(crate) fn mark(&self) -> Mark {
        Mark { nature: self.nature, records: self.records.len(), rising: self.rising, last_at: self.last_at }
    }

    /// Forgets the records that were pushed since.
    pub(crate) fn go_back(&mut self, mark: Mark) {
        if self.rising != mark.rising {
            // A number among the earlier ones may have moved.
            return self.forget();
        }
        self.records.truncate(mark.records);
        (self.nature, self.last_at) = (mark.nature, mark.last_at);
    }
}

/// See [`File::mark`].
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    nature: Option<Nature>,
    records: usize,
    rising: bool,
    last_at: usize,
}

#[cfg(test)]
mod tests;
