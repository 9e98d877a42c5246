//! One metrics file: what of it is parsed already, and where its numbers stand.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use dialects::{Damage, Dialect, HEADER_LEN};

use crate::{OriginId, SeriesId, Tally};

/// One metrics file. Records are only ever appended to it and never move.
pub(crate) struct File {
    pub(crate) name: Box<str>,
    pub(crate) path: Arc<Path>,
    /// What was parsed; none before.
    state: Option<State>,
    /// What its records are; none as long as it has none.
    pub(crate) nature: Option<Nature>,
    /// Bytes parsed, the header included.
    pub(crate) parsed: usize,
    /// The bytes of the last record up to its value: a file that does not have them there is another one.
    last_key: Box<[u8]>,
    pub(crate) records: Vec<Place>,
    pub(crate) damage: Option<Damage>,
    /// Bytes to read where the last record goes on behind `used`; else 0.
    pub(crate) reach: usize,
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

/// Where a number stands, and which series it is of.
pub(crate) struct Place {
    pub(crate) value_at: u32,
    pub(crate) series: SeriesId,
}

/// Tells a file from another one of the same name, and a damaged one from itself mended.
///
/// The time of birth is there because numbers of deleted files are soon given again.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct State {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
    pub(crate) len: u64,
    pub(crate) used: usize,
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
            state: None,
            nature: None,
            parsed: 0,
            last_key: Box::default(),
            records: Vec::new(),
            damage: None,
            reach: 0,
        }
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
        match self.records.last() {
            None => Some(&[]),
            Some(last) => {
                let end = last.value_at as usize;
                bytes.get(end.checked_sub(self.last_key.len())?..end)
            }
        }
    }

    /// Makes the file as if never parsed; its state stays.
    pub(crate) fn forget(&mut self) {
        self.nature = None;
        self.parsed = 0;
        self.last_key = Box::default();
        self.records.clear();
        self.damage = None;
        self.reach = 0;
    }

    /// Takes note of a record that was parsed.
    pub(crate) fn push(&mut self, value_at: usize, series: SeriesId) {
        self.records.push(Place { value_at: value_at as u32, series });
    }

    /// Takes note of how far the file is parsed.
    pub(crate) fn parsed_to(&mut self, parsed: usize, bytes: &[u8]) {
        self.parsed = parsed;
        let last = self.records.last().map_or(0, |last| last.value_at as usize);
        // The key before a value is less than 64 bytes away or enough of it is.
        self.last_key = bytes.get(last.saturating_sub(64)..last).unwrap_or_default().into();
    }

    /// Adds the numbers of all its records.
    pub(crate) fn report(&self, nature: Nature, bytes: &[u8], tally: &mut Tally) {
        tally.report(nature.origin);
        for place in &self.records {
            let at = place.value_at as usize;
            let Some(value) = number_at(bytes, at) else { continue };
            let time = if nature.timed { number_at(bytes, at + 8).unwrap_or(0.0) } else { 0.0 };
            tally.add(place.series, value, time);
        }
    }
}

/// The bytes of a file up to its `used`, or as far as it goes; behind `used` where more was asked for.
pub(crate) struct Content<'a> {
    pub(crate) state: State,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Content<'a> {
    /// What is in use.
    pub(crate) fn in_use(&self) -> &'a [u8] {
        self.bytes.get(..self.state.used).unwrap_or(self.bytes)
    }

    /// Whether the file goes on behind what is in use.
    pub(crate) fn goes_on(&self) -> bool {
        (self.state.used as u64) < self.state.len
    }

    /// What is wrong with the file whatever its records are.
    pub(crate) fn damage(&self) -> Option<Damage> {
        let len = self.state.len;
        if (1..4).contains(&len) {
            return Some(Damage { at: 0, why: "shorter than its header" });
        }
        let used = self.state.used as u64;
        (used > len).then_some(Damage { at: len as usize, why: "ends before what its header says is in use" })
    }
}

/// Reads a file up to its `used`, at least `reach` bytes of it where it has so many. The header is read first:
/// what it says is in use has been written before.
///
/// None where it has vanished.
pub(crate) fn read<'a>(
    path: &Path,
    reach: usize,
    buffer: &'a mut Vec<u8>,
) -> io::Result<Option<Content<'a>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER_LEN];
    let header_len = read_up_to(&file, &mut header)?;
    let used = dialects::used(&header[..header_len]);
    let about = file.metadata()?;
    let state =
        State { device: about.dev(), inode: about.ino(), born: about.created().ok(), len: about.len(), used };
    let wanted = used.max(reach).min(usize::try_from(about.len()).unwrap_or(usize::MAX));
    if buffer.len() < wanted {
        buffer.resize(wanted, 0);
    }
    let read = if used <= HEADER_LEN { 0 } else { read_up_to(&file, &mut buffer[..wanted])? };
    Ok(Some(Content { state, bytes: &buffer[..read] }))
}

/// Reads from the file's start until `into` is full or the file ends.
fn read_up_to(file: &fs::File, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

fn number_at(bytes: &[u8], at: usize) -> Option<f64> {
    let bytes = bytes.get(at..at + 8)?;
    Some(f64::from_ne_bytes(bytes.try_into().ok()?))
}
