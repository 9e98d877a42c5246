//! A file read frame by frame, from its begin or from wherever one is found.

use std::io;

use memchr::memmem;

use crate::disk::DiskFile;
use crate::frame::{ALIGNED, Bad, FRAME, Frame, HEADER, Header};

/// Bytes that can be read at any place.
pub(crate) trait ReadAt {
    /// As [`DiskFile::read_at`].
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
    /// How many there are.
    fn length(&self) -> io::Result<u64>;
}

impl ReadAt for &dyn DiskFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        (**self).read_at(into, at)
    }

    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// Frames of one file, in their order. It holds one frame, and reads ahead a little.
pub(crate) struct Walk<R> {
    file: R,
    length: u64,
    salt: u64,
    /// Where the next frame begins.
    at: u64,
    /// Its number.
    index: u64,
    window: Vec<u8>,
    /// Where the window begins.
    from: u64,
}

/// A frame that is whole.
pub(crate) struct Whole<'a> {
    /// Where its body begins.
    pub(crate) at: u64,
    pub(crate) records: u32,
    pub(crate) body: &'a [u8],
}

const AHEAD: usize = 256 * 1024;

/// Why there is no frame.
pub(crate) enum Stop {
    /// The file ends there, or has nothing that is a frame.
    Bad(Bad),
    /// The system gives nothing.
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Failed(error)
    }
}

/// The header of a file of this kind and number.
pub(crate) fn header(file: &impl ReadAt, kind: crate::frame::Kind, number: u64) -> Result<Header, Stop> {
    let mut bytes = [0; HEADER];
    let count = read_full(file, &mut bytes, 0)?;
    Header::decode(&bytes[..count], kind, number).map_err(Stop::Bad)
}

impl<R: ReadAt> Walk<R> {
    /// The frames of a file with this header.
    pub(crate) fn new(file: R, header: &Header) -> io::Result<Walk<R>> {
        let length = file.length()?;
        Ok(Walk { file, length, salt: header.salt, at: HEADER as u64, index: 0, window: Vec::new(), from: 0 })
    }

    /// Where the next frame begins, or should, and its number.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.at, self.index)
    }

    /// Goes back to such a place.
    pub(crate) fn go_to(&mut self, (at, index): (u64, u64)) {
        (self.at, self.index) = (at, index);
    }

    /// Whether at least the first bytes of a frame are there.
    pub(crate) fn is_begun(&mut self) -> io::Result<bool> {
        let salt = self.salt.to_le_bytes();
        Ok(self.bytes(self.at, salt.len())? == salt)
    }

    /// Whether nothing is left of the file.
    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.length
    }

    /// The next frame.
    pub(crate) fn next(&mut self) -> Result<Whole<'_>, Stop> {
        let at = self.at;
        let frame = self.frame_at(at)?;
        if frame.index != self.index {
            return Err(Stop::Bad(Bad { at: at + 16, why: "a frame is missing" }));
        }
        let body_at = at + FRAME as u64;
        let padded = frame.padded();
        if padded > self.length.saturating_sub(body_at) {
            return Err(Stop::Bad(Bad { at: at + 8, why: "a frame is longer than the file" }));
        }
        let bytes = self.bytes(body_at, padded as usize)?;
        if let Some(why) = frame.fault(bytes) {
            return Err(Stop::Bad(Bad { at: body_at, why }));
        }
        self.at = body_at + padded;
        self.index += 1;
        // Asked for again: the window has it, and the frame has been found good.
        let body = &self.bytes(body_at, padded as usize)?[..frame.length as usize];
        Ok(Whole { at: body_at, records: frame.records, body })
    }

    /// Goes to the next frame behind a place where none is: gives what is said in its header to have lasted before it.
    /// Its body may be bad.
    pub(crate) fn seek(&mut self) -> io::Result<Option<u64>> {
        let mut at = self.at + ALIGNED;
        while let Some(found) = self.find_salt(at)? {
            if found % ALIGNED == 0
                && let Ok(frame) = self.frame_at(found)
                && frame.index > self.index
            {
                self.at = found;
                self.index = frame.index;
                return Ok(Some(frame.synced));
            }
            at = found + 1;
        }
        Ok(None)
    }

    /// The header of the frame that begins at this place.
    fn frame_at(&mut self, at: u64) -> Result<Frame, Stop> {
        let salt = self.salt;
        let bytes = self.bytes(at, FRAME)?.first_chunk().copied();
        let bytes: [u8; FRAME] = bytes.ok_or(Stop::Bad(Bad { at, why: "the file ends here" }))?;
        Frame::decode(&bytes, salt).map_err(|why| Stop::Bad(Bad { at, why }))
    }

    /// Where the salt next stands.
    fn find_salt(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        let salt = self.salt.to_le_bytes();
        while from < self.length {
            let bytes = self.bytes(from, AHEAD)?;
            if let Some(found) = memmem::find(bytes, &salt) {
                return Ok(Some(from + found as u64));
            }
            if bytes.len() < AHEAD {
                return Ok(None);
            }
            from += (AHEAD - salt.len() + 1) as u64;
        }
        Ok(None)
    }

    /// So many bytes from there on: fewer only at the end of the file.
    fn bytes(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let end = at.saturating_add(count as u64).min(self.length);
        let held = self.from..self.from + self.window.len() as u64;
        if at < held.start || end > held.end {
            let wanted = count.max(AHEAD).min(self.length.saturating_sub(at) as usize);
            self.window.clear();
            self.window.shrink_to(AHEAD.max(wanted));
            self.window.resize(wanted, 0);
            self.from = at;
            let read = read_full(&self.file, &mut self.window, at)?;
            self.window.truncate(read);
        }
        let start = at.saturating_sub(self.from) as usize;
        let rest = self.window.get(start..).unwrap_or_default();
        Ok(&rest[..rest.len().min(count)])
    }
}

fn read_full(file: &impl ReadAt, into: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match file.read_at(&mut into[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
