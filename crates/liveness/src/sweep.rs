//! A walk over the processes in sight, for those that have one of some files mapped or open for writing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use foldhash::{HashMap, HashMapExt, HashSet};

use crate::lines::{self, last_name};

/// A file that is looked for.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its place among the names that were asked for.
    pub(crate) index: usize,
    pub(crate) name: String,
    /// Device and inode.
    pub(crate) id: (u64, u64),
}

/// What was found so far.
#[derive(Debug)]
pub(crate) struct Sweep {
    targets: Vec<Target>,
    by_inode: HashMap<u64, Vec<usize>>,
    names: HashSet<Vec<u8>>,
    held_by: Vec<Option<u32>>,
    locked: Vec<bool>,
    unheld: usize,
    holders: BTreeSet<u32>,
}

/// What could not be looked at.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    pub(crate) unreadable: Vec<Unreadable>,
    /// Why there is no list of processes.
    pub(crate) failed: Option<String>,
}

/// A process that cannot be looked into.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) pid: u32,
    pub(crate) uids: Vec<u32>,
}

/// The processes as `/proc` shows them.
#[derive(Debug)]
pub(crate) struct Processes {
    pub(crate) root: PathBuf,
}

impl Default for Processes {
    fn default() -> Processes {
        Processes { root: PathBuf::from("/proc") }
    }
}

impl Hidden {
    pub(crate) fn merge(&mut self, other: Hidden) {
        self.unreadable.extend(other.unreadable);
        self.failed = self.failed.take().or(other.failed);
    }
}

impl Sweep {
    pub(crate) fn new(targets: Vec<Target>) -> Sweep {
        let mut by_inode: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, target) in targets.iter().enumerate() {
            by_inode.entry(target.id.1).or_default().push(at);
        }
        let names = targets.iter().map(|target| target.name.as_bytes().to_vec()).collect();
        let count = targets.len();
        Sweep {
            targets,
            by_inode,
            names,
            held_by: vec![None; count],
            locked: vec![false; count],
            unheld: count,
            holders: BTreeSet::new(),
        }
    }

    pub(crate) fn targets(&self) -> &[Target] {
        &self.targets
    }

    pub(crate) fn all_held(&self) -> bool {
        self.unheld == 0
    }

    /// The targets, each with a process that has it, and whether somebody holds its lock.
    pub(crate) fn found(&self) -> impl Iterator<Item = (&Target, Option<u32>, bool)> {
        let told = self.held_by.iter().zip(&self.locked);
        self.targets.iter().zip(told).map(|(target, (&held_by, &locked))| (target, held_by, locked))
    }

    pub(crate) fn into_holders(self) -> Vec<u32> {
        self.holders.into_iter().collect()
    }

    fn held(&mut self, at: usize, pid: u32) {
        if self.held_by[at].replace(pid).is_none() {
            self.unheld -= 1;
        }
        self.holders.insert(pid);
    }

    /// A file that is mapped under this device as `/proc` tells it. On overlays and btrfs that need not be the one
    /// that stat(2) tells; there the name has to agree.
    fn met_mapped(&mut self, mapped: &lines::Mapped<'_>, pid: u32) {
        let Some(places) = self.by_inode.get(&mapped.inode) else { return };
        for at in places.clone() {
            let target = &self.targets[at];
            if device_of(target.id.0) == mapped.device || target.name.as_bytes() == mapped.name {
                self.held(at, pid);
            }
        }
    }

    fn met_open(&mut self, about: &fs::Metadata, pid: u32) {
        let Some(places) = self.by_inode.get(&about.ino()) else { return };
        for at in places.clone() {
            if self.targets[at].id.0 == about.dev() {
                self.held(at, pid);
            }
        }
    }

    fn met_locked(&mut self, device: (u32, u32), inode: u64) {
        for &at in self.by_inode.get(&inode).into_iter().flatten() {
            if device_of(self.targets[at].id.0) == device {
                self.locked[at] = true;
            }
        }
    }
}

impl Processes {
    /// The pids of all processes in sight.
    pub(crate) fn all(&self) -> io::Result<Vec<u32>> {
        let entries = fs::read_dir(&self.root)?;
        let pid = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
        Ok(entries.filter_map(pid).collect())
    }

    /// Looks at these processes, and at the locks.
    pub(crate) fn look_at(&self, sweep: &mut Sweep, pids: impl Iterator<Item = u32>) -> Hidden {
        let mut hidden = Hidden::default();
        for pid in pids {
            let looked = self.look_at_maps(sweep, pid).and_then(|()| self.look_at_open_files(sweep, pid));
            if looked.as_ref().map_or_else(means_the_end, |()| true) {
                continue;
            }
            let status = fs::read(self.root.join(format!("{pid}/status"))).unwrap_or_default();
            // One that has ended meanwhile has no status; neither has one that is kept from us, see `hide_others`.
            if let Some(uids) = lines::uids(&status) {
                hidden.unreadable.push(Unreadable { pid, uids });
            }
        }
        if !sweep.all_held() {
            let locks = fs::read(self.root.join("locks")).unwrap_or_default();
            for line in locks.split(|&byte| byte == b'\n') {
                if let Some((device, inode)) = lines::locked(line) {
                    sweep.met_locked(device, inode);
                }
            }
        }
        hidden
    }

    /// Whether processes are kept from us, or what they say of themselves: everybody may read the status of any that is
    /// shown, unless `/proc` is mounted with `hidepid`.
    pub(crate) fn hide_others(&self) -> bool {
        fs::read(self.root.join("1/status")).is_err()
    }

    fn look_at_maps(&self, sweep: &mut Sweep, pid: u32) -> io::Result<()> {
        const LONGEST_LINE: u64 = 64 * 1024; // 64 KiB; a path has 4 KiB, and its odd bytes take four each
        let mut maps =
            BufReader::with_capacity(32 * 1024, File::open(self.root.join(format!("{pid}/maps")))?);
        let mut line = Vec::new();
        loop {
            line.clear();
            if maps.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if let Some(mapped) = lines::mapped(line.trim_ascii_end()) {
                sweep.met_mapped(&mapped, pid);
            }
        }
    }

    fn look_at_open_files(&self, sweep: &mut Sweep, pid: u32) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join(format!("{pid}/fd")))? {
            let path = entry?.path();
            // Those that are closed meanwhile are nobody's.
            let Ok(to) = fs::read_link(&path) else { continue };
            if !sweep.names.contains(last_name(to.as_os_str().as_bytes())) {
                continue;
            }
            // The link's mode tells how the file is open.
            let writes = fs::symlink_metadata(&path).is_ok_and(|link| link.mode() & 0o200 != 0);
            if let (true, Ok(about)) = (writes, fs::metadata(&path)) {
                sweep.met_open(&about, pid);
            }
        }
        Ok(())
    }
}

/// Whether a process cannot be looked at because it is no more.
fn means_the_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Major and minor number of a device.
fn device_of(device: u64) -> (u32, u32) {
    (rustix::fs::major(device), rustix::fs::minor(device))
}
