//! What is written down in a directory of who has sent its numbers: bytes, both ways; no I/O.
//!
//! A line that says what it is, then integers of 64 bits and lists with their length before them, little-endian, and at
//! the end the FNV-1a of all before it.

use redis_schema::Keys;
use redis_session::{Moment, Record};

use crate::files::Mark;

/// What is written down of who sends the numbers of a directory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notes {
    /// Which directory they were written for: a copy is another one.
    pub(crate) place: Place,
    /// When Redis was last heard, in seconds since 1970 by the clock of this machine.
    pub(crate) heard: u64,
    /// What the server may have, and has.
    pub(crate) session: Record,
    /// By number: what it had come to when the directory was wiped.
    pub(crate) carried: Vec<f64>,
    /// What tells the files of the directory from those of another time.
    pub(crate) files: Vec<Mark>,
    /// The schema stands in a file of its own.
    pub(crate) schema: Written,
    /// Of how many shards the name was one when it was given: it stays in the one that this says.
    pub(crate) shards: usize,
}

/// What tells a directory from a copy of it: a file in it that is made once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) inode: u64,
    /// In nanoseconds since 1970; 0 where it is not known.
    pub(crate) born: u64,
}

/// A schema that is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// In which of two files: a schema that is not the one before with more behind it begins in the other.
    pub(crate) file: u64,
    /// How many bytes of it count.
    pub(crate) len: u64,
    /// Of these.
    pub(crate) hash: u64,
}

impl Written {
    /// Nothing yet.
    pub(crate) fn in_file(file: u64) -> Written {
        Written { file, len: 0, hash: fnv(b"") }
    }

    /// Nothing yet, in the other file.
    pub(crate) fn in_other(self) -> Written {
        Written::in_file(1 - self.file.min(1))
    }
}

/// How the file begins, and which layout it has.
const TITLE: &[u8] = b"multiprom push 1\n";

impl Notes {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut bytes = TITLE.to_vec();
        let record = &self.session;
        let Written { file, len, hash } = self.schema;
        for number in [self.place.inode, self.place.born, self.heard, file, len, hash] {
            put(&mut bytes, number);
        }
        put_bytes(&mut bytes, record.name.as_bytes());
        put(&mut bytes, u64::from(record.incarnation));
        put(&mut bytes, u64::from(record.epoch.is_some()));
        put_bytes(&mut bytes, record.epoch.as_deref().unwrap_or_default());
        put_list(&mut bytes, &record.base);
        put(&mut bytes, u64::from(record.arrived.is_some()));
        let nothing = (0, Moment::default());
        put_moment(&mut bytes, record.arrived.as_ref().unwrap_or(&nothing));
        put_moment(&mut bytes, &record.sent);
        put(&mut bytes, u64::from(record.registers));
        put_list(&mut bytes, &self.carried);
        put(&mut bytes, self.files.len() as u64);
        self.files.iter().flat_map(|&(name, mark)| [name, mark]).for_each(|word| put(&mut bytes, word));
        put(&mut bytes, self.shards as u64);
        let hash = fnv(&bytes);
        put(&mut bytes, hash);
        bytes
    }

    /// What these bytes say; none where they are not as they were written.
    pub(crate) fn read(bytes: &[u8]) -> Option<Notes> {
        let (mut rest, hash) = bytes.split_last_chunk::<8>()?;
        if u64::from_le_bytes(*hash) != fnv(rest) {
            return None;
        }
        rest = rest.strip_prefix(TITLE)?;
        let from = &mut rest;
        let place = Place { inode: take(from)?, born: take(from)? };
        let heard = take(from)?;
        let schema = Written { file: take(from)?, len: take(from)?, hash: take(from)? };
        let name = String::from_utf8(take_bytes(from)?).ok()?;
        let incarnation = u32::try_from(take(from)?).ok()?;
        let has_epoch = take(from)? == 1;
        let epoch = take_bytes(from)?;
        let base = take_list(from)?;
        let has_arrived = take(from)? == 1;
        let arrived = take_moment(from)?;
        let sent = take_moment(from)?;
        let registers = take(from)? == 1;
        let session = Record {
            name,
            incarnation,
            epoch: has_epoch.then_some(epoch),
            base,
            arrived: has_arrived.then_some(arrived),
            sent,
            registers,
        };
        let carried = take_list(from)?;
        let count = take(from)?;
        // Not more than there are bytes for, whatever is claimed.
        let files = (0..count).map(|_| Some((take(from)?, take(from)?))).collect::<Option<_>>()?;
        // Until there were shards nothing stood here.
        let shards = if rest.is_empty() { 1 } else { usize::try_from(take(&mut rest)?).ok()? };
        let is_whole = rest.is_empty() && (1..=Keys::MOST_SHARDS).contains(&shards);
        is_whole.then_some(Notes { place, heard, session, carried, files, schema, shards })
    }
}

/// FNV-1a of 64 bits.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    let begin: u64 = 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(begin, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn put(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn put_bytes(bytes: &mut Vec<u8>, text: &[u8]) {
    put(bytes, text.len() as u64);
    bytes.extend_from_slice(text);
}

fn put_list(bytes: &mut Vec<u8>, numbers: &[f64]) {
    put(bytes, numbers.len() as u64);
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn put_moment(bytes: &mut Vec<u8>, (sequence, moment): &(u64, Moment)) {
    put(bytes, *sequence);
    put_list(bytes, &moment.values);
    put_list(bytes, &moment.times);
    put(bytes, moment.schema as u64);
}

fn take(from: &mut &[u8]) -> Option<u64> {
    let (number, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u64::from_le_bytes(*number))
}

fn take_bytes(from: &mut &[u8]) -> Option<Vec<u8>> {
    let len = usize::try_from(take(from)?).ok()?;
    from.split_off(..len).map(<[u8]>::to_vec)
}

fn take_list(from: &mut &[u8]) -> Option<Vec<f64>> {
    let len = usize::try_from(take(from)?).ok()?.checked_mul(8)?;
    let numbers = from.split_off(..len)?.as_chunks().0;
    Some(numbers.iter().map(|&number| f64::from_le_bytes(number)).collect())
}

fn take_moment(from: &mut &[u8]) -> Option<(u64, Moment)> {
    let sequence = take(from)?;
    let (values, times) = (take_list(from)?, take_list(from)?);
    let schema = usize::try_from(take(from)?).ok()?;
    Some((sequence, Moment { values, times, schema }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notes() -> Notes {
        let moment = |values: &[f64]| Moment { values: values.to_vec(), times: vec![0.5], schema: 77 };
        Notes {
            place: Place { inode: 4, born: 5 },
            heard: 1_795_000_000,
            session: Record {
                name: "web-1".to_owned(),
                incarnation: 2,
                epoch: Some(b"e".to_vec()),
                base: vec![1.0],
                arrived: Some((8, moment(&[1.0]))),
                sent: (9, moment(&[f64::INFINITY, -0.0])),
                registers: true,
            },
            carried: vec![0.25],
            files: vec![(3, 4), (5, 6)],
            schema: Written { file: 1, len: 77, hash: 99 },
            shards: 4,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let whole = notes();
        assert_eq!(Notes::read(&whole.write()), Some(whole));
        let mut young = notes();
        (young.session.epoch, young.session.arrived, young.session.registers) = (None, None, false);
        assert_eq!(Notes::read(&young.write()), Some(young));
    }

    #[test]
    fn what_says_nothing_of_shards_is_of_one() {
        let mut bytes = notes().write();
        bytes.truncate(bytes.len() - 16);
        let hash = fnv(&bytes);
        put(&mut bytes, hash);
        assert_eq!(Notes::read(&bytes), Some(Notes { shards: 1, ..notes() }));
    }

    #[test]
    fn what_is_cut_off_or_changed_is_not_read() {
        let bytes = notes().write();
        for len in 0..bytes.len() {
            assert_eq!(Notes::read(&bytes[..len]), None, "{len}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(Notes::read(&changed), None, "{at}");
        }
    }

    proptest! {
        #[test]
        fn lengths_are_not_believed(at in 0..400_usize, with in any::<u64>()) {
            let mut bytes = notes().write();
            let end = bytes.len() - 8;
            let at = at.min(end - 8);
            bytes[at..at + 8].copy_from_slice(&with.to_le_bytes());
            let hash = fnv(&bytes[..end]);
            bytes[end..].copy_from_slice(&hash.to_le_bytes());
            // Something or nothing, and no more memory than there are bytes.
            let _ = Notes::read(&bytes);
        }
    }
}
