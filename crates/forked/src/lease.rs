//! Whether any process has a file open for writing, asked of the kernel by a lease.

use std::fs::File;
use std::io;

/// Whether any process - of any container, in sight or not - has this file open for writing or mapped writable,
/// through the file system that `file` was opened on. `file` itself must be open for reading alone.
///
/// A read lease is given only where nobody writes, so one is asked for and given back at once: four system calls,
/// some 2 us. Somebody who opens the file for writing in between waits for that long; `O_NONBLOCK` fails him.
///
/// What the answer is worth depends on the file system. It is sound on those of one kernel that hand out no second
/// inode for a file (tmpfs, ext4, XFS, Btrfs). Writers on other machines are not seen, nor, through overlayfs, one that
/// has closed the file and keeps its mapping.
///
/// Source: `F_SETLEASE` in fcntl_locking(2), `check_conflicting_open` in Linux' `fs/locks.c`.
///
/// # Errors
/// When no lease can be asked for: the file is another user's and we lack `CAP_LEASE`, the file system has no leases,
/// or the system is not Linux.
///
/// ```
/// # if cfg!(target_os = "linux") {
/// use std::fs::File;
///
/// let path = tempfile::NamedTempFile::new()?.into_temp_path();
/// assert_eq!(forked::has_writer(&File::open(&path)?).ok(), Some(false));
/// let writer = File::options().append(true).open(&path)?;
/// assert_eq!(forked::has_writer(&File::open(&path)?).ok(), Some(true));
/// # drop(writer);
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn has_writer(file: &File) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    return ask(file);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// `F_SETSIG` of Linux' `fcntl.h`, the same on all of its architectures; the crate `libc` has it not.
#[cfg(target_os = "linux")]
const F_SETSIG: libc::c_int = 10;

#[cfg(target_os = "linux")]
fn ask(file: &File) -> io::Result<bool> {
    use std::os::fd::AsRawFd;

    let control = |command: libc::c_int, argument: libc::c_int| {
        // SAFETY: the descriptor is open for as long as `file` is borrowed; both commands take an integer and touch no
        // memory of ours.
        match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    };
    // Who opens the file while we have the lease makes the kernel signal us: with a signal that is ignored where
    // nobody has asked for it, not with the SIGIO that would end the process.
    control(F_SETSIG, libc::SIGURG)?;
    match control(libc::F_SETLEASE, libc::F_RDLCK) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
        Err(error) => return Err(error),
    }
    control(libc::F_SETLEASE, libc::F_UNLCK)?;
    Ok(false)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::has_writer;

    #[test]
    fn a_writer_of_another_process_is_seen_until_it_ends() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let script = "exec 3>>\"$0\"; echo; exec sleep 600";
        let mut writer =
            Command::new("sh").arg("-c").arg(script).arg(&path).stdout(Stdio::piped()).spawn().unwrap();
        writer.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let asked = || has_writer(&File::open(&path).unwrap()).unwrap();
        assert!(asked());
        writer.kill().unwrap();
        writer.wait().unwrap();
        assert!(!asked());
    }

    #[test]
    fn a_reader_is_no_writer() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let _reader = File::open(&path).unwrap();
        assert!(!has_writer(&File::open(&path).unwrap()).unwrap());
    }

    #[test]
    fn a_writer_that_comes_while_it_is_asked_neither_fails_nor_ends_us() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..2_000).for_each(|_| drop(File::options().append(true).open(&path).unwrap())));
            let file = File::open(&path).unwrap();
            (0..2_000).for_each(|_| assert!(has_writer(&file).is_ok()));
        });
    }
}
