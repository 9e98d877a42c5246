//! One metrics file, open: its header and its length. Only regular files are opened, and nothing is ever waited for
//! or mapped.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use dialects::{Damage, HEADER_LEN, original_name};
use rustix::fs::OFlags;

/// See the head of this file.
pub(crate) struct MetricsFile {
    open: fs::File,
    /// The name that its writer gave it; what is not UTF-8 in it is replaced, and such a file is nobody's.
    pub(crate) name: String,
    /// Length of the file.
    pub(crate) len: u64,
    /// What the header says is in use; 0 where that is cut off.
    pub(crate) stored_used: i32,
}

impl MetricsFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When it cannot be read or is no regular file.
    pub(crate) fn open(path: &Path) -> io::Result<MetricsFile> {
        // Opening a device may do something. Between this look and the opening a FIFO may take the file's place:
        // then the flag keeps the opening from waiting.
        let about = fs::metadata(path)?;
        check_regular(&about)?;
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let open = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
        let mut header = [0; HEADER_LEN];
        let read = read_up_to(&open, &mut header, 0)?;
        let field = header.first_chunk().filter(|_| read >= 4);
        let stored_used = field.map_or(0, |field| i32::from_le_bytes(*field));
        // After the header: what that says is in use has been written before.
        let about = open.metadata()?;
        check_regular(&about)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = original_name(&name).to_owned();
        Ok(MetricsFile { open, name, len: about.len(), stored_used })
    }

    /// What the header says is in use: nothing where that is negative.
    pub(crate) fn used(&self) -> usize {
        usize::try_from(self.stored_used).unwrap_or(0)
    }

    /// How many bytes there are of what is in use.
    pub(crate) fn in_use(&self) -> usize {
        self.used().min(usize::try_from(self.len).unwrap_or(usize::MAX))
    }

    /// What is wrong with the file whatever its records are.
    pub(crate) fn damage(&self) -> Option<Damage> {
        if (1..4).contains(&self.len) {
            return Some(Damage { at: 0, why: "shorter than its header" });
        }
        let cut = self.used() as u64 > self.len;
        let damage = || Damage { at: self.in_use(), why: "ends before what its header says is in use" };
        cut.then(damage)
    }

    /// Makes `into` the bytes from an offset on: so many, or as many as the file has.
    pub(crate) fn read(&self, from: usize, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
        into.resize(len, 0);
        let read = read_up_to(&self.open, into, from)?;
        into.truncate(read);
        Ok(())
    }
}

fn check_regular(about: &fs::Metadata) -> io::Result<()> {
    if about.is_file() { Ok(()) } else { Err(io::Error::other("not a regular file")) }
}

/// Reads from an offset on until `into` is full or the file ends.
fn read_up_to(file: &fs::File, into: &mut [u8], from: usize) -> io::Result<usize> {
    let mut done = 0;
    while let Some(left) = into.get_mut(done..).filter(|left| !left.is_empty()) {
        match file.read_at(left, (from + done) as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
