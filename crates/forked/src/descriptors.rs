//! Open files that a forked child must let go of.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use crate::SetOnce;

/// Open files that belong to the process that opened them, listed so that a forked child can let go of them
/// without any lock of the parent's.
///
/// A `flock` belongs to the open file, not to the process: while a child keeps its copy of the descriptor the
/// lock of a dead parent is still held, and unlocking the copy would unlock the parent's. So a child
/// [abandons](Descriptors::abandon) what it inherits: closes its copies and unlocks nothing.
///
/// A memory mapping holds on to the open file that it was made from, too: map through another one than the
/// one that is locked.
///
/// A child forked off by another thread in the moment between `open` and [`hold`](Descriptors::hold) has a
/// copy that it does not know of, and keeps it until it ends.
#[derive(Debug, Default)]
pub struct Descriptors {
    first: SetOnce<Entry>,
}

/// One place of the list. Entries are never removed, but used again.
#[derive(Debug)]
struct Entry {
    /// An open descriptor, or [`FREE`], or [`TAKEN`].
    descriptor: AtomicI32,
    /// Which file it is: a program that makes itself a daemon closes all descriptors in a child, and what it
    /// opens then under the same number is not ours.
    device: AtomicU64,
    inode: AtomicU64,
    next: SetOnce<Entry>,
}

/// An entry that nobody uses. No descriptor has this number.
const FREE: RawFd = -1;
/// An entry that is being filled.
const TAKEN: RawFd = -2;

impl Descriptors {
    /// None.
    pub const fn new() -> Descriptors {
        Descriptors { first: SetOnce::new() }
    }

    /// Lists `file` until the result is dropped.
    pub fn hold(&self, file: File) -> Held {
        let new = || Entry {
            descriptor: AtomicI32::new(FREE),
            device: AtomicU64::new(0),
            inode: AtomicU64::new(0),
            next: SetOnce::new(),
        };
        let mut place = &self.first;
        let entry = loop {
            let entry = place.get_or_set(new);
            if entry.descriptor.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                break entry;
            }
            place = &entry.next;
        };
        // Of a file without an identity a child keeps its copy: 0 is no inode's number.
        let (device, inode) = file.metadata().map_or((0, 0), |about| (about.dev(), about.ino()));
        entry.device.store(device, Ordering::Relaxed);
        entry.inode.store(inode, Ordering::Relaxed);
        entry.descriptor.store(file.as_raw_fd(), Ordering::Release);
        Held { file: ManuallyDrop::new(file), entry }
    }

    /// Closes this process's copies of all that are listed; to be called in a child, on a list that was filled
    /// by an ancestor. The files of the ancestor stay open and locked there.
    ///
    /// The numbers stay in use, for `/dev/null`: whoever still has a [`Held`] in inherited memory can do no
    /// harm with it. A number that the program has closed, and perhaps opened something else under, is left
    /// alone. Calling it twice does what calling it once does.
    ///
    /// # Errors
    /// When the process has no descriptor left, or neither `/dev/null` nor a pipe can be opened.
    pub fn abandon(&self) -> io::Result<()> {
        let mut nothing = None;
        let mut place = &self.first;
        while let Some(entry) = place.get() {
            place = &entry.next;
            let descriptor = entry.descriptor.load(Ordering::Acquire);
            if descriptor < 0 || !entry.is_still(descriptor) {
                continue;
            }
            let nothing: &File = match &nothing {
                Some(file) => file,
                None => nothing.insert(open_nothing()?),
            };
            replace(descriptor, nothing)?;
        }
        Ok(())
    }
}

impl Entry {
    /// Whether the number `descriptor` is still the file that was listed.
    fn is_still(&self, descriptor: RawFd) -> bool {
        let mut about = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: writes a `stat` to the place given, if it returns 0; any number may be asked about.
        if unsafe { libc::fstat(descriptor, about.as_mut_ptr()) } != 0 {
            return false;
        }
        // SAFETY: written by the call above.
        let about = unsafe { about.assume_init() };
        // The types differ from system to system.
        #[allow(clippy::unnecessary_cast, reason = "it is necessary elsewhere")]
        let (device, inode) = (about.st_dev as u64, about.st_ino as u64);
        self.device.load(Ordering::Relaxed) == device && self.inode.load(Ordering::Relaxed) == inode
    }
}

/// A file that nobody is hurt by: `/dev/null`, or where there is none (a bare chroot) the end of a dead pipe.
fn open_nothing() -> io::Result<File> {
    match File::open("/dev/null") {
        Ok(file) => Ok(file),
        Err(_) => {
            let (reading, _) = io::pipe()?;
            Ok(File::from(std::os::fd::OwnedFd::from(reading)))
        }
    }
}

/// Makes `descriptor`, which is open, another name of what `file` is.
fn replace(descriptor: RawFd, file: &File) -> io::Result<()> {
    loop {
        // SAFETY: `dup2` touches no memory. `descriptor` is listed, so it is a copy of a file that was handed
        // to `hold` and has not been dropped (an entry is freed before its file is closed): nobody else's.
        if unsafe { libc::dup2(file.as_raw_fd(), descriptor) } >= 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // As std does for every file: a program that is executed does not inherit it.
    // SAFETY: sets a flag of the descriptor replaced above.
    if unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A listed file; dropping it takes it off the list and closes it.
#[derive(Debug)]
pub struct Held {
    file: ManuallyDrop<File>,
    entry: &'static Entry,
}

impl Deref for Held {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // First off the list, then closed: the number may be somebody else's file right after. A fork in
        // between leaves the child a copy it does not know of, which is the lesser harm.
        self.entry.descriptor.store(FREE, Ordering::Release);
        // SAFETY: `file` is not used again.
        unsafe { ManuallyDrop::drop(&mut self.file) };
    }
}
