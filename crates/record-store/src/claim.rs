//! The name that a process's files carry, and the dot-file that makes it this process's own.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use forked::{Descriptors, Held};
use metrics_core::{Desc, StoreError};

use crate::aside::{Aside, Manner, in_some_manner, remove_left_over};
use crate::clock;

/// An identifier that no other process writes under, and its dot-file, locked until this process ends.
pub(crate) struct Claim {
    /// `<pid>-r<n>`.
    pub(crate) process: String,
    /// Its `n`.
    pub(crate) ordinal: u32,
    file: Held,
    /// Families whose units are noted.
    noted: HashSet<Box<str>>,
}

impl Claim {
    /// The first identifier of this process, from `ordinal` on, that nobody has had in `directory`.
    pub(crate) fn new(
        directory: &Path,
        ordinal: u32,
        descriptors: &Descriptors,
    ) -> Result<Claim, StoreError> {
        in_some_manner(|manner| Claim::make(directory, ordinal, descriptors, manner))
    }

    /// As [`Claim::new`], in one manner.
    pub(crate) fn make(
        directory: &Path,
        ordinal: u32,
        descriptors: &Descriptors,
        manner: Manner,
    ) -> Result<Claim, StoreError> {
        let pid = std::process::id();
        let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let (aside, file) = Aside::create(directory, &dialects::unfinished_claim(pid, moment), manner)?;
        let file = descriptors.hold(file);
        let failed = |what: &str, error| StoreError::new(format!("{what} {}", aside.path.display()), error);
        (&*file).write_all(about_this_process(pid).as_bytes()).map_err(|e| failed("write", e))?;
        file.lock().map_err(|e| failed("lock", e))?;
        let mut ordinal = ordinal;
        loop {
            let process = dialects::writer(pid, ordinal);
            let path = directory.join(dialects::claim_file(&process));
            match aside.publish(&path) {
                Ok(()) => {
                    // Elsewhere nobody leaves anything, and the directory need not be listed.
                    if manner == Manner::Hidden {
                        remove_left_over(directory);
                    }
                    return Ok(Claim { process, ordinal, file, noted: HashSet::new() });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => ordinal += 1,
                Err(error) => return Err(StoreError::new(format!("publish {}", path.display()), error)),
            }
        }
    }

    /// Whether somebody has deleted the dot-file.
    pub(crate) fn is_wiped(&self) -> bool {
        is_wiped(&self.file)
    }

    /// Notes the unit of `desc` in the dot-file. An error is nobody's business: units are told for a page that
    /// is nicer to read, and a disk that is full is noticed by the records.
    pub(crate) fn note(&mut self, desc: &Desc) {
        if let Some(unit) = desc.unit()
            && self.noted.insert(desc.name().into())
        {
            let _ = (&*self.file).write_all(format!("unit {} {unit}\n", desc.name()).as_bytes());
        }
    }
}

/// Whether no name is left for `file`.
pub(crate) fn is_wiped(file: &File) -> bool {
    file.metadata().is_ok_and(|about| about.nlink() == 0)
}

/// What a dot-file says of its process: lines of a word and a value. What cannot be found out is left out.
fn about_this_process(pid: u32) -> String {
    let mut lines = format!("format 1\npid {pid}\n");
    let mut line = |word: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push_str(&format!("{word} {value}\n"));
        }
    };
    line("start", start_time());
    line("boot", fs::read_to_string(dialects::BOOT).ok().map(|id| id.trim().to_owned()));
    line("pid_namespace", fs::metadata("/proc/self/ns/pid").ok().map(|about| about.ino().to_string()));
    line("created", Some(format!("{:.3}", clock::unix())));
    lines
}

/// When this process started, in clock ticks since boot: field 22 of `/proc/self/stat`. The second field is
/// the program's name in parentheses and may hold blanks and parentheses; the fields after it are counted.
fn start_time() -> Option<String> {
    let stat = fs::read("/proc/self/stat").ok()?;
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let after = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    after.split_ascii_whitespace().nth(22 - 3).map(str::to_owned)
}

#[cfg(test)]
mod tests;
