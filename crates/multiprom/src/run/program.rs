//! Starting a program, and why it could not be started.

use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, Signal};
use rustix::process::Pid;

/// Why a program could not be started.
#[derive(Debug)]
pub(crate) struct StartError(Errno);

impl StartError {
    /// What a shell's exit code would be.
    pub(crate) fn status(&self) -> u8 {
        match self.0 {
            Errno::ENOENT | Errno::ENOTDIR | Errno::ENAMETOOLONG | Errno::ELOOP => 127,
            _ => 126,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Errno::ENOENT => f.write_str("not found, or its interpreter is not"),
            other => f.write_str(other.desc()),
        }
    }
}

/// Starts a program, looked for along the path, with our files and environment, `variables` set, and signals as we got
/// them: `std`'s `Command` would hand on that ours are blocked.
pub(crate) fn start(
    program: &OsStr,
    arguments: &[OsString],
    variables: &[(OsString, OsString)],
    mask: &SigSet,
) -> Result<Pid, StartError> {
    let path = c_string(program)?;
    let arguments: Result<Vec<CString>, StartError> =
        [program].into_iter().chain(arguments.iter().map(OsString::as_os_str)).map(c_string).collect();
    let ours = std::env::vars_os().filter(|(name, _)| !variables.iter().any(|(other, _)| other == name));
    let environment: Result<Vec<CString>, StartError> = ours
        .chain(variables.iter().cloned())
        .map(|(mut variable, value)| {
            variable.push("=");
            variable.push(value);
            c_string(&variable)
        })
        .collect();
    let mut how = PosixSpawnAttr::init().map_err(StartError)?;
    let flags = PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
    how.set_flags(flags).map_err(StartError)?;
    how.set_sigmask(mask).map_err(StartError)?;
    // Rust programs ignore it, few others expect that.
    how.set_sigdefault(&SigSet::from(Signal::SIGPIPE)).map_err(StartError)?;
    let nothing = PosixSpawnFileActions::init().map_err(StartError)?;
    let started = posix_spawnp(&path, &nothing, &how, &arguments?, &environment?);
    let pid = started.map_err(StartError)?;
    Ok(Pid::from_raw(pid.as_raw()).expect("the system starts no process 0"))
}

fn c_string(text: &OsStr) -> Result<CString, StartError> {
    CString::new(text.as_bytes()).map_err(|_| StartError(Errno::EINVAL))
}
