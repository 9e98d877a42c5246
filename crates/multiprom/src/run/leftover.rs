//! Directories of runs that were killed: nobody was left who could have removed them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use liveness::{Life, Watch};

use super::directory::PREFIX;
use crate::sources::metrics_files;

/// Whose lock is held for as long as a run that made its directory lives.
const RUNNING: &str = ".multiprom-run";

/// Marks a directory as that of a run that lives, until the file is closed.
pub(crate) fn mark(directory: &Path) -> io::Result<File> {
    // Locked before it can be seen: whoever finds it unlocked takes the run for dead.
    let aside = directory.join(format!("{RUNNING}.new"));
    let file = OpenOptions::new().append(true).create_new(true).open(&aside)?;
    file.lock()?;
    fs::rename(&aside, directory.join(RUNNING))?;
    Ok(file)
}

/// Removes the directories in `parent` of our user's runs that were killed, unless something of them lives on.
pub(crate) fn remove_in(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().as_bytes().starts_with(PREFIX.as_bytes()) && is_left_over(&path).unwrap_or(false)
        {
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!("removed {}, which a run that was killed has left", path.display()),
                Err(error) => tracing::debug!("remove {}: {error}", path.display()),
            }
        }
    }
}

fn is_left_over(path: &Path) -> io::Result<bool> {
    let about = fs::symlink_metadata(path)?;
    if !about.is_dir() || about.uid() != rustix::process::geteuid().as_raw() {
        return Ok(false);
    }
    // Held until it is known, so that of two that look at once one removes it.
    let mark = File::open(path.join(RUNNING))?;
    if mark.try_lock().is_err() {
        return Ok(false);
    }
    let names = metrics_files(path)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let lives = Watch::of_stopped().look(path, &names)?.lives;
    Ok(lives.iter().all(|life| *life == Life::Dead) && !is_told(path)?)
}

/// Whether a process was told of this directory, which may yet write into it.
fn is_told(path: &Path) -> io::Result<bool> {
    let path = path.as_os_str().as_bytes();
    for entry in fs::read_dir("/proc")? {
        // Of other users' processes it cannot be read; they cannot write into it either.
        let environment = fs::read(entry?.path().join("environ")).unwrap_or_default();
        if environment.split(|&byte| byte == 0).any(|variable| variable.ends_with(path)) {
            return Ok(true);
        }
    }
    Ok(false)
}
