//! Open files that a forked child must let go of.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

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
    /// An open descriptor, or [`FREE`].
    descriptor: AtomicI32,
    next: SetOnce<Entry>,
}

/// No descriptor has this number.
const FREE: RawFd = -1;

impl Descriptors {
    /// None.
    pub const fn new() -> Descriptors {
        Descriptors { first: SetOnce::new() }
    }

    /// Lists `file` until the result is dropped.
    pub fn hold(&self, file: File) -> Held {
        let descriptor = file.as_raw_fd();
        let mut place = &self.first;
        let entry = loop {
            let entry = place.get_or_set(|| Entry { descriptor: AtomicI32::new(FREE), next: SetOnce::new() });
            if entry
                .descriptor
                .compare_exchange(FREE, descriptor, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
            {
                break entry;
            }
            place = &entry.next;
        };
        Held { file: ManuallyDrop::new(file), entry }
    }

    /// Closes this process's copies of all that are listed; to be called in a child, on a list that was filled
    /// by an ancestor. The files of the ancestor stay open and locked there.
    ///
    /// The numbers stay in use, for `/dev/null`: whoever still has a [`Held`] in inherited memory can do no
    /// harm with it. Calling it twice does what calling it once does.
    ///
    /// # Errors
    /// When the process has no descriptor left, or neither `/dev/null` nor a pipe can be opened.
    pub fn abandon(&self) -> io::Result<()> {
        let mut nothing = None;
        let mut place = &self.first;
        while let Some(entry) = place.get() {
            place = &entry.next;
            let descriptor = entry.descriptor.load(Ordering::Acquire);
            if descriptor == FREE {
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
