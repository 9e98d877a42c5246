//! What the system tells of a file and what is read of it: nothing of what its records mean.

use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

use dialects::{Damage, HEADER_LEN};

/// Bytes that a record may have which crosses the end of what is in use, or of what was read.
pub(crate) const LONGEST_RECORD: usize = 1024 * 1024; // 1 MiB

/// Tells a file from another one of the same name, and a damaged one from itself mended.
///
/// The time of birth is there because numbers of deleted files are soon given again.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct State {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) born: Option<SystemTime>,
    pub(crate) len: u64,
    pub(crate) used: usize,
}

impl State {
    /// But for what its header tells.
    pub(super) fn of(about: &fs::Metadata) -> State {
        let (device, inode, born) = (about.dev(), about.ino(), about.created().ok());
        State { device, inode, born, len: about.len(), used: 0 }
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

/// A file that is open, and its state.
pub(crate) struct Open {
    pub(crate) file: fs::File,
    pub(crate) state: State,
}

/// Opens a file and reads its header: what that says is in use has been written before. None where it has vanished.
pub(crate) fn open(path: &Path) -> io::Result<Option<Open>> {
    let file = match open_at_once(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER_LEN];
    let header_len = read_up_to(&file, &mut header, 0)?;
    let used = dialects::used(&header[..header_len]);
    let about = file.metadata()?;
    Ok(Some(Open { file, state: State { used, ..State::of(&about) } }))
}

/// Opens a file to be read. A pipe that was put in its place does not keep us waiting.
pub(crate) fn open_at_once(path: &Path) -> io::Result<fs::File> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    fs::File::options().read(true).custom_flags(flags).open(path)
}

/// Reads a file up to its `used`, at least `reach` bytes of it where it has so many. None where it has vanished.
pub(crate) fn read<'a>(
    path: &Path,
    reach: usize,
    buffer: &'a mut Vec<u8>,
) -> io::Result<Option<Content<'a>>> {
    let Some(open) = open(path)? else { return Ok(None) };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    open.read(dialects::original_name(name), reach, buffer).map(Some)
}

impl Open {
    /// Reads it up to its `used`, at least `reach` bytes of it where it has so many; of one that is damaged far before
    /// only what is before the damage and a little more, and never more than [`MOST_OF_ODD`].
    pub(crate) fn read<'a>(
        &self,
        name: &str,
        reach: usize,
        buffer: &'a mut Vec<u8>,
    ) -> io::Result<Content<'a>> {
        let State { len, used, .. } = self.state;
        let wanted = used.max(reach).min(usize::try_from(len).unwrap_or(usize::MAX)).min(MOST_OF_ODD);
        let mut read = 0;
        let mut limit = FIRST_LOOK;
        while used > HEADER_LEN && read < wanted {
            limit = limit.min(wanted);
            if buffer.len() < limit {
                buffer.resize(limit, 0);
            }
            let got = read_up_to(&self.file, &mut buffer[read..limit], read)?;
            read += got;
            if read < limit || limit < wanted && is_damaged_within(name, &buffer[..read]) {
                break;
            }
            limit *= 4;
        }
        Ok(Content { state: self.state, bytes: &buffer[..read] })
    }
}

/// What is read of a file in which something is odd before it is read on.
const FIRST_LOOK: usize = 4 * 1024 * 1024; // 4 MiB

/// The most that is read of a file in which something is odd.
pub(crate) const MOST_OF_ODD: usize = 256 * 1024 * 1024; // 256 MiB

/// Whether no record can be found behind these bytes, whatever comes.
fn is_damaged_within(name: &str, bytes: &[u8]) -> bool {
    let Some(dialect) = dialects::recognise(name, bytes) else { return true };
    let damage = dialects::records(dialect, bytes, HEADER_LEN).find_map(Result::err);
    damage.is_some_and(|damage| damage.at + LONGEST_RECORD < bytes.len())
}

/// The round of an archive; none where there is no such file, or it is somebody else's.
pub(crate) fn round(archive: &Path) -> Option<u64> {
    let file = open_at_once(archive).ok()?;
    let at = file.metadata().ok()?.len().checked_sub(dialects::ARCHIVE_TAIL_LEN as u64)?;
    let mut tail = [0; dialects::ARCHIVE_TAIL_LEN];
    file.read_exact_at(&mut tail, at).ok()?;
    dialects::archive_round(&tail)
}

/// Reads from an offset on until `into` is full or the file ends.
pub(crate) fn read_up_to(file: &fs::File, into: &mut [u8], from: usize) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], (from + done) as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The number that stands at an offset.
pub(crate) fn number_at(bytes: &[u8], at: usize) -> Option<f64> {
    let bytes = bytes.get(at..at + 8)?;
    Some(f64::from_ne_bytes(bytes.try_into().ok()?))
}
