//! Which core a thread runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that this process may use when it starts.
#[derive(Clone, Debug)]
pub struct Cores(Vec<usize>);

impl Cores {
    /// Those that this thread may use now.
    pub fn allowed() -> Cores {
        let all = 0..CpuSet::MAX_CPU;
        match sched_getaffinity(None) {
            Ok(set) => Cores(all.filter(|&core| set.is_set(core)).collect()),
            Err(_) => Cores(Vec::new()),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Keeps this thread, and those that it starts from now on, on one core: the `number`-th, counted round.
    ///
    /// Where the system does not allow it, the thread stays free.
    pub fn pin(&self, number: usize) {
        if let Some(&core) = self.0.get(number % self.0.len().max(1)) {
            let mut set = CpuSet::new();
            set.set(core);
            let _ = sched_setaffinity(None, &set);
        }
    }

    /// Lets this thread, and those that it starts from now on, run on all of them.
    pub fn unpin(&self) {
        let mut set = CpuSet::new();
        self.0.iter().for_each(|&core| set.set(core));
        let _ = sched_setaffinity(None, &set);
    }
}
