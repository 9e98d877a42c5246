//! The CPU time of a group, those who have ended included: a number that never falls.

use std::collections::HashMap;

use crate::Stat;

/// The CPU time of a group, those who have ended included: a number that never falls. All times are in ticks.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Of those who lived at the last look, by pid and start.
    living: HashMap<(u32, u64), u64>,
    /// Of those who have ended since, as they were last seen.
    ended: u64,
    /// What was told last.
    told: u64,
}

impl Ledger {
    /// Takes note of who lives and what they have used; what all have used by now. `known` is better knowledge of
    /// that, where there is some.
    pub(crate) fn count<'a>(&mut self, living: impl Iterator<Item = &'a Stat>, known: Option<u64>) -> u64 {
        let before = std::mem::take(&mut self.living);
        self.living = living.map(|stat| ((stat.pid, stat.start_ticks), stat.own_ticks)).collect();
        let gone = before.iter().filter(|(who, _)| !self.living.contains_key(who));
        self.ended += gone.map(|(_, ticks)| ticks).sum::<u64>();
        let seen = self.ended + self.living.values().sum::<u64>();
        self.told = self.told.max(known.unwrap_or(seen));
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: u32, start_ticks: u64, own_ticks: u64) -> Stat {
        Stat { pid, start_ticks, own_ticks, ..Stat::default() }
    }

    #[test]
    fn who_has_ended_keeps_counting_and_a_pid_used_again_is_another() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.count([stat(1, 5, 10), stat(2, 5, 20)].iter(), None), 30);
        assert_eq!(ledger.count([stat(1, 5, 15)].iter(), None), 35);
        assert_eq!(ledger.count([stat(1, 5, 15), stat(2, 9, 1)].iter(), None), 36);
        assert_eq!(ledger.count([].iter(), None), 36);
    }

    #[test]
    fn better_knowledge_counts_but_does_not_make_it_fall() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.count([stat(1, 5, 10)].iter(), Some(100)), 100);
        assert_eq!(ledger.count([stat(1, 5, 10)].iter(), Some(90)), 100);
        assert_eq!(ledger.count([].iter(), Some(101)), 101);
    }
}
