//! Copies of damaged files, for who wants to know what was in them.

use std::io;
use std::path::PathBuf;

use crate::damage::OpenError;
use crate::disk::Disk;
use crate::names::BAD;

/// Copies a file to a name of its own, so that it lasts; none where there is no such file. Never over another copy.
pub(crate) fn keep_aside(disk: &dyn Disk, name: &str) -> Result<Option<PathBuf>, OpenError> {
    let failed = |cause| OpenError::Failed { doing: "keep a copy of", path: disk.path(name), cause };
    let names = disk.names().map_err(failed)?;
    if !names.iter().any(|its| its == name) {
        return Ok(None);
    }
    let mut copy = format!("{name}{BAD}");
    let mut next = 2;
    while names.contains(&copy) {
        copy = format!("{name}{BAD}-{next}");
        next += 1;
    }
    copy_to(disk, name, &copy).map_err(failed)?;
    Ok(Some(disk.path(&copy)))
}

fn copy_to(disk: &dyn Disk, from: &str, to: &str) -> io::Result<()> {
    let (from, to) = (disk.open(from)?, disk.create(to)?);
    let mut piece = vec![0; 256 * 1024];
    let mut at = 0;
    loop {
        let count = from.read_at(&mut piece, at)?;
        if count == 0 {
            break;
        }
        to.write_at(&piece[..count], at)?;
        at += count as u64;
    }
    to.sync()?;
    disk.sync_names()
}
