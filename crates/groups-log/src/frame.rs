//! The bytes that logs and snapshots have in common: a header, and frames of records with checksums.
//!
//! `FORMAT.md` beside the sources has the tables.

use crc32c::{crc32c, crc32c_append};

/// What a file is, and where in the order of files and changes it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// Its number: files of higher numbers are later.
    pub(crate) number: u64,
    /// Drawn by chance for each file and repeated in each frame of it, so that what was in a file before it was
    /// used anew is never taken for its own.
    pub(crate) salt: u64,
    /// The last change before it (a log), or in it (a snapshot).
    pub(crate) after: u64,
    /// When it was begun, Unix nanoseconds.
    pub(crate) time: u64,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Log,
    Snapshot,
}

/// Bytes of a header: one sector, so that it is never rewritten with what stands beside it.
pub(crate) const HEADER: usize = 512;
/// Bytes in front of a frame's body.
pub(crate) const FRAME: usize = 40;
/// Frames begin at multiples of so many bytes.
pub(crate) const ALIGNED: u64 = 8;

const MARKS: [(Kind, &[u8; 8]); 2] = [(Kind::Log, b"mpgrlog\n"), (Kind::Snapshot, b"mpgrsnap")];
const FORMAT_VERSION: u32 = 1;
const CHECKED: usize = HEADER - 4;

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Offset in the file.
    pub(crate) at: u64,
    pub(crate) why: &'static str,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mark = MARKS.iter().find(|(kind, _)| *kind == self.kind).map_or(&[0; 8], |(_, mark)| *mark);
        bytes[..8].copy_from_slice(mark);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        for (at, field) in [(16, self.number), (24, self.salt), (32, self.after), (40, self.time)] {
            bytes[at..at + 8].copy_from_slice(&field.to_le_bytes());
        }
        let check = crc32c(&bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// Reads the header of a file of this kind and number.
    pub(crate) fn decode(bytes: &[u8], kind: Kind, number: u64) -> Result<Header, Bad> {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else {
            return Err(Bad { at: bytes.len() as u64, why: "the file ends within its header" });
        };
        if MARKS.iter().any(|(its, mark)| *its == kind && bytes[..8] != **mark) {
            return Err(Bad { at: 0, why: "the file does not begin as its kind does" });
        }
        if number_at(bytes, CHECKED, 4) != u64::from(crc32c(&bytes[..CHECKED])) {
            return Err(Bad { at: CHECKED as u64, why: "the checksum of the header is wrong" });
        }
        if number_at(bytes, 8, 4) != u64::from(FORMAT_VERSION) {
            return Err(Bad {
                at: 8,
                why: "another version of the format, which this program does not know",
            });
        }
        let field = |at| number_at(bytes, at, 8);
        let header = Header { kind, number: field(16), salt: field(24), after: field(32), time: field(40) };
        match header.number == number {
            true => Ok(header),
            false => Err(Bad { at: 16, why: "the file has another number than its name" }),
        }
    }
}

/// What stands in front of a frame's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Bytes of the body.
    pub(crate) length: u32,
    /// Checksum of the body.
    pub(crate) check: u32,
    /// How many frames the file has before it.
    pub(crate) index: u64,
    /// So much of the file was known to last when this was written.
    pub(crate) synced: u64,
    /// Records in the body.
    pub(crate) records: u32,
}

impl Frame {
    fn encode(&self, salt: u64) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        bytes[..8].copy_from_slice(&salt.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.check.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.index.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.synced.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.records.to_le_bytes());
        let check = crc32c(&bytes[..36]);
        bytes[36..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    /// A frame of the file with this salt, where these bytes begin one.
    pub(crate) fn decode(bytes: &[u8; FRAME], salt: u64) -> Result<Frame, &'static str> {
        if number_at(bytes, 0, 8) != salt {
            return Err("no frame of this file begins here");
        }
        if number_at(bytes, 36, 4) != u64::from(crc32c(&bytes[..36])) {
            return Err("the checksum of a frame's header is wrong");
        }
        let small = |at| number_at(bytes, at, 4) as u32;
        Ok(Frame {
            length: small(8),
            check: small(12),
            index: number_at(bytes, 16, 8),
            synced: number_at(bytes, 24, 8),
            records: small(32),
        })
    }

    /// Bytes of the body with the zeros behind it.
    pub(crate) fn padded(&self) -> u64 {
        u64::from(self.length).next_multiple_of(ALIGNED)
    }

    /// What is wrong with this body, padded.
    pub(crate) fn fault(&self, padded: &[u8]) -> Option<&'static str> {
        let Some((body, rest)) = padded.split_at_checked(self.length as usize) else {
            return Some("a frame is longer than the file");
        };
        if crc32c(body) != self.check {
            return Some("the checksum of a frame is wrong");
        }
        rest.iter().any(|byte| *byte != 0).then_some("something stands between two frames")
    }
}

/// Frames as they are put together, one behind the other.
pub(crate) struct Frames {
    salt: u64,
    index: u64,
    synced: u64,
    bytes: Vec<u8>,
    /// Where the frame that is being filled begins.
    begun: usize,
    records: u32,
}

/// A frame of so many bytes is closed.
const FULL: usize = 256 * 1024;

impl Frames {
    /// Frames of the file with this salt, the first of them with this number, in a buffer that was used before.
    pub(crate) fn new(salt: u64, index: u64, synced: u64, mut bytes: Vec<u8>) -> Frames {
        bytes.clear();
        bytes.resize(FRAME, 0);
        Frames { salt, index, synced, bytes, begun: 0, records: 0 }
    }

    /// Appends one record.
    pub(crate) fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.len() - self.begun >= FULL {
            self.close();
            self.begun = self.bytes.len();
            self.bytes.resize(self.begun + FRAME, 0);
        }
        encode(&mut self.bytes);
        self.records += 1;
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes, and the number of the frame behind them.
    pub(crate) fn finish(mut self) -> (Vec<u8>, u64) {
        self.close();
        (self.bytes, self.index)
    }

    fn close(&mut self) {
        let body = &self.bytes[self.begun + FRAME..];
        let frame = Frame {
            length: body.len() as u32,
            check: crc32c_append(0, body),
            index: self.index,
            synced: self.synced,
            records: self.records,
        };
        self.bytes[self.begun..self.begun + FRAME].copy_from_slice(&frame.encode(self.salt));
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNED as usize), 0);
        self.index += 1;
        self.records = 0;
    }
}

/// `width` bytes, little endian; who calls has checked that they are there.
fn number_at(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests;
