//! The log that is being written: one file that has room made ready before it is needed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::disk::{Disk, DiskFile};
use crate::frame::{Frames, HEADER, Header, Kind};
use crate::names::{NEW, SPARE, name};

/// See the head of this file.
pub(crate) struct Log {
    file: Arc<dyn DiskFile>,
    name: String,
    salt: u64,
    /// Where the next frame goes.
    end: u64,
    /// Its number.
    index: u64,
    /// The file is so long.
    ready: u64,
    synced: Arc<AtomicU64>,
    buffer: Vec<u8>,
}

/// A log as far as a thread needs it that syncs it now and then.
#[derive(Clone)]
pub(crate) struct ToSync {
    file: Arc<dyn DiskFile>,
    name: String,
    end: u64,
    synced: Arc<AtomicU64>,
}

/// What could not be done with a file.
pub(crate) struct Failed {
    pub(crate) doing: &'static str,
    pub(crate) name: String,
    pub(crate) at: Option<u64>,
    pub(crate) cause: io::Error,
    /// Whether it is not known any more what the file holds, or will hold after a crash.
    pub(crate) distrust: bool,
}

/// Room is made for so much at once: at first, and at most. Tests come to the end of it often.
const ROOM: (u64, u64) = if cfg!(test) { (2 << 10, 8 << 10) } else { (1 << 20, 8 << 20) };
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
/// A buffer of so many bytes is kept.
const KEPT: usize = 1 << 20;

impl Log {
    /// A new log after the change `after`; it is there for good. The file of an old one is used again if there is one.
    pub(crate) fn create(disk: &dyn Disk, number: u64, after: u64, time: u64) -> Result<Log, Failed> {
        let name = name(Kind::Log, number);
        let made = format!("{name}{NEW}");
        let failed = |doing, cause| Failed { doing, name: name.clone(), at: None, cause, distrust: false };
        let log =
            Log::make(disk, &name, &made, Header { kind: Kind::Log, number, salt: chance(), after, time });
        let log = log.inspect_err(|_| {
            // It takes room that others need.
            let _ = disk.remove(&made);
        })?;
        // From here on the file may be found after a crash.
        let found = |doing, cause| Failed { distrust: true, ..failed(doing, cause) };
        disk.rename(&made, &name).map_err(|error| found("name", error))?;
        disk.sync_names().map_err(|error| found("sync the name of", error))?;
        Ok(log)
    }

    /// A log under a name that means nothing yet.
    fn make(disk: &dyn Disk, name: &str, made: &str, header: Header) -> Result<Log, Failed> {
        let failed = |doing, cause| Failed { doing, name: name.to_owned(), at: None, cause, distrust: false };
        let again = disk.rename(SPARE, made).is_ok();
        let file = if again { disk.open(made) } else { disk.create(made) };
        let file: Arc<dyn DiskFile> = file.map_err(|error| failed("make", error))?.into();
        let ready = file.length().map_err(|error| failed("measure", error))?;
        let mut log = Log {
            file,
            name: name.to_owned(),
            salt: header.salt,
            end: HEADER as u64,
            index: 0,
            ready,
            synced: Arc::new(AtomicU64::new(HEADER as u64)),
            buffer: Vec::new(),
        };
        // The old file, if this is one, is no file of ours by now: whatever fails here harms nothing.
        log.make_room(0).map_err(|error| Failed { distrust: false, ..error })?;
        log.file.write_at(&header.encode(), 0).map_err(|error| failed("write the header of", error))?;
        log.file.sync().map_err(|error| failed("sync", error))?;
        Ok(log)
    }

    /// Frames to be [appended](Log::append).
    pub(crate) fn frames(&mut self) -> Frames {
        let synced = self.synced.load(Ordering::Acquire);
        Frames::new(self.salt, self.index, synced, std::mem::take(&mut self.buffer))
    }

    /// Makes room for these frames and appends them.
    pub(crate) fn append(&mut self, frames: Frames) -> Result<(), Failed> {
        let (bytes, index) = frames.finish();
        self.make_room(bytes.len() as u64)?;
        self.file.write_at(&bytes, self.end).map_err(|cause| self.failed("append to", self.end, cause))?;
        self.end += bytes.len() as u64;
        self.index = index;
        if bytes.capacity() <= KEPT {
            self.buffer = bytes;
        }
        Ok(())
    }

    /// What is needed to sync it.
    pub(crate) fn to_sync(&self) -> ToSync {
        ToSync {
            file: self.file.clone(),
            name: self.name.clone(),
            end: self.end,
            synced: self.synced.clone(),
        }
    }

    /// Where the next frame goes: so many bytes are in use.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Writes zeros where the next frames will be, so that neither the length nor the blocks of the file change with
    /// them: then a sync writes one thing, not two.
    fn make_room(&mut self, bytes: u64) -> Result<(), Failed> {
        if self.end + bytes <= self.ready {
            return Ok(());
        }
        let needed = self.end + bytes;
        let until = (self.ready + self.ready.clamp(ROOM.0, ROOM.1)).max(needed);
        let mut at = self.ready;
        while at < until {
            let piece = &ZEROS[..ZEROS.len().min((until - at) as usize)];
            match self.file.write_at(piece, at) {
                Ok(()) => at += piece.len() as u64,
                // A disk that is nearly full may still have room for this much.
                Err(_) if at >= needed => break,
                Err(cause) => {
                    return Err(Failed { distrust: false, ..self.failed("make room in", at, cause) });
                }
            }
        }
        self.file.sync().map_err(|cause| self.failed("make room in", at, cause))?;
        self.ready = at;
        Ok(())
    }

    fn failed(&self, doing: &'static str, at: u64, cause: io::Error) -> Failed {
        Failed { doing, name: self.name.clone(), at: Some(at), cause, distrust: true }
    }
}

impl ToSync {
    /// Returns once all that was appended before it was asked for will last.
    pub(crate) fn sync(&self) -> Result<(), Failed> {
        let failed = |cause| Failed {
            doing: "sync",
            name: self.name.clone(),
            at: Some(self.synced.load(Ordering::Acquire)),
            cause,
            distrust: true,
        };
        self.file.sync().map_err(failed)?;
        self.synced.fetch_max(self.end, Ordering::AcqRel);
        Ok(())
    }

    /// Whether there is nothing to sync.
    pub(crate) fn is_done(&self) -> bool {
        self.synced.load(Ordering::Acquire) >= self.end
    }
}

/// A number that nobody can guess.
pub(crate) fn chance() -> u64 {
    // The hasher of the standard library has a key that the system has drawn.
    RandomState::new().build_hasher().finish()
}
