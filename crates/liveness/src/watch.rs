//! One directory, watched for the deaths of its writers: what was seen of them, and what that proves.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use foldhash::{HashMap, HashSet};

use crate::claim::{Claim, ClaimState};
use crate::lease::{has_writer, is_shared};
use crate::sweep::{Hidden, Processes, Sweep, Target};

/// Whether the writer of a file lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// It may write at any moment.
    Alive,
    /// It will never write again. Another process may still open the file and go on in it, as Python's client does
    /// where a pid comes again.
    Dead,
    /// Nothing is known; to be taken for alive.
    Unknown,
}

impl Life {
    /// `alive`, `dead` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Life::Alive => "alive",
            Life::Dead => "dead",
            Life::Unknown => "unknown",
        }
    }
}

/// What a look at a directory told.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Examination {
    /// In the order of the names asked for.
    pub lives: Vec<Life>,
    /// Pids of the processes that have one of these files mapped or open for writing, rising, as far as they were
    /// looked for: all by [`examine`], those that were needed by [`Watch::look`].
    pub holders: Vec<u32>,
    /// Why there are unknown ones, where there are.
    pub doubt: Option<Doubt>,
}

/// Why it cannot be told whether a writer lives. Its text says what to do.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Doubt {
    /// No process that has a file of the directory open was ever seen.
    NoWriterSeen,
    /// A process that might be a writer cannot be looked into.
    Unreadable {
        /// The process.
        pid: u32,
        /// Whose it is.
        uid: u32,
    },
    /// Processes are hidden.
    OthersHidden,
    /// Processes of other machines may write into the directory.
    OtherMachines,
    /// `/proc` cannot be read.
    NoProcesses(String),
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Doubt::NoWriterSeen => f.write_str(
                "no process that has one of the files open is in sight; if the application runs in another container, let \
                 both share their processes (Kubernetes: shareProcessNamespace: true)",
            ),
            Doubt::Unreadable { pid, uid } => write!(
                f,
                "process {pid} of user {uid} may be a writer and cannot be looked into; run as the application's user, or \
                 with CAP_SYS_PTRACE"
            ),
            Doubt::OthersHidden => f.write_str(
                "processes may be hidden (/proc is mounted with hidepid); run as root, with CAP_SYS_PTRACE, or in the group \
                 that may see them (gid=)",
            ),
            Doubt::OtherMachines => f.write_str(
                "the directory is on a network, and processes of other machines may write into it; put it on a file system \
                 of this machine",
            ),
            Doubt::NoProcesses(error) => write!(f, "processes cannot be listed: {error}"),
        }
    }
}

/// Looks at a directory once, at all of its processes.
///
/// Costs a read of each process's `maps` and a look at each of its open files: some 50 us for each process.
///
/// # Errors
/// When the directory cannot be read. A file that is missing is [`Life::Unknown`].
pub fn examine(directory: &Path, names: &[&str]) -> io::Result<Examination> {
    Watch::default().examine(directory, names, Wanted::Everything)
}

/// One directory, watched for the deaths of its writers.
///
/// It remembers who had which file, so that a look at a directory whose writers all live is one at them alone.
#[derive(Debug, Default)]
pub struct Watch {
    processes: Processes,
    /// Whether the kernel is not asked for writers.
    without_leases: bool,
    /// Whether the application is known to have ended.
    stopped: bool,
    /// Whether all writers are known to be in sight.
    in_sight: bool,
    /// Whether all file systems are taken to be shared with other machines.
    #[cfg(test)]
    shared: bool,
    /// The directory, and whether any of its writers was ever seen.
    seen: Option<(u64, u64)>,
    /// Who had a file last, by device and inode.
    holders: HashMap<(u64, u64), u32>,
}

/// How many files that are not asked for any more are remembered at least: some looks are at a part of a directory.
const MOST_GONE: usize = 1024;

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// Whatever tells the lives of these files.
    Lives,
    /// And who has them.
    Everything,
}

impl Watch {
    /// For an application that is known to have ended: a file that nobody in sight has is dead.
    pub fn of_stopped() -> Watch {
        Watch { stopped: true, ..Watch::default() }
    }

    /// For an application whose processes are known to be in sight, as those of a command that one has started: that no
    /// writer was ever seen does not mean that there are any.
    pub fn of_processes_in_sight() -> Watch {
        Watch { in_sight: true, ..Watch::default() }
    }

    #[cfg(test)]
    pub(crate) fn in_processes(root: std::path::PathBuf) -> Watch {
        Watch { processes: Processes { root }, without_leases: true, ..Watch::default() }
    }

    /// Which of these files have a living writer.
    ///
    /// # Errors
    /// When the directory cannot be read. A file that is missing is [`Life::Unknown`].
    pub fn look(&mut self, directory: &Path, names: &[&str]) -> io::Result<Examination> {
        self.examine(directory, names, Wanted::Lives)
    }

    fn examine(&mut self, directory: &Path, names: &[&str], wanted: Wanted) -> io::Result<Examination> {
        let about = fs::metadata(directory)?;
        let place = (about.dev(), about.ino());
        if self.seen.is_some_and(|seen| seen != place) {
            self.seen = None;
        }
        let mut found =
            Examination { lives: vec![Life::Unknown; names.len()], holders: Vec::new(), doubt: None };
        let mut targets = Vec::with_capacity(names.len());
        let mut owners: HashSet<u32> = HashSet::default();
        owners.insert(about.uid());
        owners.insert(rustix::process::geteuid().as_raw());
        let mut claims: HashMap<String, Option<Claim>> = HashMap::default();
        let mut unwritten: HashSet<usize> = HashSet::default();
        for (index, name) in names.iter().enumerate() {
            let path = directory.join(name);
            let Some(about) = fs::metadata(&path).ok().filter(fs::Metadata::is_file) else { continue };
            let life = &mut found.lives[index];
            *life = of_claim(directory, name, about.created().ok(), &mut claims);
            if *life == Life::Unknown {
                match Some(&path).filter(|_| !self.without_leases).and_then(|path| has_writer(path)) {
                    Some(true) => *life = Life::Alive,
                    Some(false) => drop(unwritten.insert(index)),
                    None => drop(owners.insert(about.uid())),
                }
                if *life == Life::Alive {
                    self.seen = Some(place);
                }
            }
            let needed = *life == Life::Unknown && !unwritten.contains(&index);
            if needed || wanted == Wanted::Everything {
                let id = (about.dev(), about.ino());
                targets.push(Target { index, name: (*name).to_owned(), id });
            }
        }
        let mut sweep = Sweep::new(targets);
        if wanted == Wanted::Lives {
            let known = sweep.targets().iter().filter_map(|target| self.holders.get(&target.id)).copied();
            let known: HashSet<u32> = known.collect();
            self.processes.look_at(&mut sweep, known.into_iter());
        }
        let mut hidden = Hidden::default();
        if !sweep.targets().is_empty() && (wanted == Wanted::Everything || !sweep.all_held()) {
            match self.processes.all() {
                Err(error) => hidden.failed = Some(error.to_string()),
                Ok(pids) => {
                    hidden = self.processes.look_at(&mut sweep, pids.into_iter());
                    // A holder may have ended after it had a child that was not yet on the list: another look sees
                    // the child.
                    if !sweep.all_held()
                        && let Ok(pids) = self.processes.all()
                    {
                        let again = self.processes.look_at(&mut sweep, pids.into_iter());
                        hidden.merge(again);
                    }
                }
            }
        }
        if sweep.found().any(|(_, holder, _)| holder.is_some()) {
            self.seen = Some(place);
        }
        let doubt = if sweep.all_held() { None } else { self.doubt(&hidden, &owners, directory) };
        for (target, holder, locked) in sweep.found() {
            match holder {
                Some(pid) => self.holders.insert(target.id, pid),
                None => self.holders.remove(&target.id),
            };
            let life = &mut found.lives[target.index];
            if *life != Life::Unknown || unwritten.contains(&target.index) {
                // It is known already. A child of a dead writer may have its mapping still; it writes elsewhere.
            } else if holder.is_some() || locked {
                *life = Life::Alive;
            } else if let Some(doubt) = &doubt {
                found.doubt = Some(doubt.clone());
            } else {
                *life = Life::Dead;
            }
        }
        for index in unwritten {
            if self.stopped || self.knows_writers() {
                found.lives[index] = Life::Dead;
            } else {
                found.doubt = Some(Doubt::NoWriterSeen);
            }
        }
        if self.holders.len() > MOST_GONE + 2 * sweep.targets().len() {
            let there: HashSet<(u64, u64)> = sweep.targets().iter().map(|target| target.id).collect();
            self.holders.retain(|id, _| there.contains(id));
        }
        found.holders = sweep.into_holders();
        Ok(found)
    }

    /// What stands against taking a file that nobody has for dead.
    fn doubt(&self, hidden: &Hidden, owners: &HashSet<u32>, directory: &Path) -> Option<Doubt> {
        if let Some(error) = &hidden.failed {
            return Some(Doubt::NoProcesses(error.clone()));
        }
        if self.stopped {
            return None;
        }
        let suspect = hidden.unreadable.iter().find(|it| it.uids.iter().any(|uid| owners.contains(uid)));
        if let Some(suspect) = suspect {
            let uid = suspect.uids.first().copied().unwrap_or_default();
            return Some(Doubt::Unreadable { pid: suspect.pid, uid });
        }
        if self.processes.hide_others() {
            return Some(Doubt::OthersHidden);
        }
        if self.is_shared(directory) {
            return Some(Doubt::OtherMachines);
        }
        (!self.knows_writers()).then_some(Doubt::NoWriterSeen)
    }

    /// Whether that nobody in sight has a file means that nobody has it.
    fn knows_writers(&self) -> bool {
        self.in_sight || self.seen.is_some()
    }

    fn is_shared(&self, directory: &Path) -> bool {
        #[cfg(test)]
        if self.shared {
            return true;
        }
        is_shared(directory)
    }
}

/// What the dot-file beside one of our own stores' files tells.
fn of_claim(
    directory: &Path,
    name: &str,
    born: Option<SystemTime>,
    claims: &mut HashMap<String, Option<Claim>>,
) -> Life {
    let Some(writer) = dialects::writer_of(name) else { return Life::Unknown };
    let claim = *claims.entry(writer).or_insert_with_key(|writer| Claim::read(directory, writer));
    // A file that was there before the claim is of somebody else, whose dot-file was deleted and whose number a
    // process in another namespace has claimed again.
    match claim.filter(|claim| claim.is_older_than(born)) {
        Some(Claim { state: ClaimState::Held, .. }) => Life::Alive,
        Some(Claim { state: ClaimState::Free, .. }) => Life::Dead,
        _ => Life::Unknown,
    }
}

#[cfg(test)]
mod tests;
