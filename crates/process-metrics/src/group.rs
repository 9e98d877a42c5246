//! Processes that belong together, and what labels their metrics get.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use crate::Stat;

/// Processes that belong together, and what labels their metrics get.
pub struct Group {
    pub(crate) labels: Vec<(String, String)>,
    /// How the paths begin of the files in which its CPU time is kept.
    pub(crate) kept_in: Option<PathBuf>,
    who: Who,
}

enum Who {
    Listed(Box<dyn Fn() -> io::Result<Vec<u32>> + Send + Sync>),
    DescendantsOf {
        root: u32,
        /// CPU time that was counted for the root's children before, in ticks.
        before: u64,
    },
}

/// Who belongs to a group at the moment.
#[derive(Debug, PartialEq)]
pub(crate) struct Members {
    /// Each once, in order.
    pub(crate) pids: Vec<u32>,
    /// CPU time of all who ever belonged to it, in ticks, where that is known.
    pub(crate) ticks: Option<u64>,
}

impl Group {
    /// The processes that `list` gives, which is asked at every scrape. One that it gives no longer is taken for ended;
    /// an error of it fails the scrape.
    pub fn of(list: impl Fn() -> io::Result<Vec<u32>> + Send + Sync + 'static) -> Group {
        Group { labels: Vec::new(), kept_in: None, who: Who::Listed(Box::new(list)) }
    }

    /// The children of a process, theirs, and so on, without the process itself. Of its children's CPU time what they
    /// use from now on counts.
    ///
    /// Where a process takes over those that lose their parents (a child subreaper, or the first process of a
    /// container), this misses no CPU time: who has ended counts with the parent who was told. Only children of those
    /// who do not want to be told (`SIGCHLD` ignored) count as far as they were seen.
    pub fn descendants_of(root: u32) -> Group {
        let before = Stat::read(root).map_or(0, |stat| stat.children_ticks);
        Group { labels: Vec::new(), kept_in: None, who: Who::DescendantsOf { root, before } }
    }

    /// The same with these labels on all its metrics.
    pub fn labelled(mut self, mut labels: Vec<(String, String)>) -> Group {
        labels.sort();
        self.labels = labels;
        self
    }

    /// The same with its CPU time kept in two files whose paths begin with this one: another program, or this one when it
    /// is started again, goes on with it, and the counter does not fall. They are written at each scrape that has
    /// something new, before the page shows it.
    ///
    /// Where they cannot be written or are damaged, the log says so, and the counter goes on without them.
    pub fn kept_in(mut self, path: impl Into<PathBuf>) -> Group {
        self.kept_in = Some(path.into());
        self
    }

    /// Who belongs to it now.
    pub(crate) fn members(&self) -> io::Result<Members> {
        match &self.who {
            Who::Listed(list) => {
                let mut pids = list()?;
                pids.sort_unstable();
                pids.dedup();
                Ok(Members { pids, ticks: None })
            }
            &Who::DescendantsOf { root, before } => {
                let mut all = Stat::all()?;
                attach(&mut all, |pid| Stat::read(pid).ok());
                Ok(descendants(&all, root, before))
            }
        }
    }
}

/// Looks again at those whose parent ended while all were looked at: they have another by now.
fn attach(all: &mut [Stat], look: impl Fn(u32) -> Option<Stat>) {
    let there: std::collections::HashSet<u32> = all.iter().map(|stat| stat.pid).collect();
    for stat in all.iter_mut().filter(|stat| stat.parent != 0 && !there.contains(&stat.parent)) {
        if let Some(now) = look(stat.pid) {
            *stat = now;
        }
    }
}

fn descendants(all: &[Stat], root: u32, before: u64) -> Members {
    let mut children: HashMap<u32, Vec<&Stat>> = HashMap::new();
    for stat in all {
        children.entry(stat.parent).or_default().push(stat);
    }
    let root_ticks = all.iter().find(|stat| stat.pid == root).map_or(0, |stat| stat.children_ticks);
    let mut ticks = root_ticks.saturating_sub(before);
    let (mut pids, mut parents) = (Vec::new(), vec![root]);
    while let Some(parent) = parents.pop() {
        // Each process has one parent, so that none is met twice; a table full of errors ends here, too.
        for stat in children.remove(&parent).unwrap_or_default() {
            ticks = ticks.saturating_add(stat.own_ticks).saturating_add(stat.children_ticks);
            parents.push(stat.pid);
            if !stat.has_ended() {
                pids.push(stat.pid);
            }
        }
    }
    pids.sort_unstable();
    Members { pids, ticks: Some(ticks) }
}

#[cfg(test)]
mod tests;
