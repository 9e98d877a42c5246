//! The CPU time of a group, those who have ended included: a number that never falls.

use std::collections::HashMap;

use crate::Stat;

/// The CPU time of a group, those who have ended included: a number that never falls.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: State,
    /// What was told before this ledger was begun.
    before: u64,
}

/// What a ledger has to remember. All times are in ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Of those who lived at the last look, by pid and start.
    pub(crate) living: HashMap<(u32, u64), u64>,
    /// Of those who have ended since, as they were last seen.
    pub(crate) ended: u64,
    /// What was told last.
    pub(crate) told: u64,
}

impl Ledger {
    /// One that goes on where another one was. Unless that was in the same boot of the machine, none of its processes
    /// lives any more.
    pub(crate) fn of(mut state: State, same_boot: bool) -> Ledger {
        if !same_boot {
            state.ended = state.living.drain().fold(state.ended, |sum, (_, ticks)| sum.saturating_add(ticks));
        }
        Ledger { before: state.told, state }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Takes note of who lives and what they have used; what all have used by now. `known` is better knowledge of
    /// that since this ledger was begun, where there is some.
    pub(crate) fn count<'a>(&mut self, living: impl Iterator<Item = &'a Stat>, known: Option<u64>) -> u64 {
        let State { living: noted, ended, told } = &mut self.state;
        let before = std::mem::take(noted);
        *noted = living.map(|stat| ((stat.pid, stat.start_ticks), stat.own_ticks)).collect();
        let gone = before.iter().filter(|(who, _)| !noted.contains_key(who));
        *ended = gone.fold(*ended, |sum, (_, &ticks)| sum.saturating_add(ticks));
        let seen = noted.values().fold(*ended, |sum, &ticks| sum.saturating_add(ticks));
        *told = (*told).max(known.map_or(seen, |known| self.before.saturating_add(known)));
        *told
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

    #[test]
    fn another_one_goes_on_where_it_was() {
        let mut first = Ledger::default();
        first.count([stat(1, 5, 10), stat(2, 5, 20)].iter(), None);
        let mut second = Ledger::of(first.state().clone(), true);
        // One of them has ended meanwhile.
        assert_eq!(second.count([stat(1, 5, 11)].iter(), None), 31);
        // What another boot had under the same pid is another process.
        let mut third = Ledger::of(second.state().clone(), false);
        assert_eq!(third.count([stat(1, 5, 4)].iter(), None), 35);
    }

    #[test]
    fn better_knowledge_is_of_what_came_since_then() {
        let mut first = Ledger::default();
        assert_eq!(first.count([stat(1, 5, 10)].iter(), Some(100)), 100);
        let mut second = Ledger::of(first.state().clone(), true);
        assert_eq!(second.count([stat(7, 9, 2)].iter(), Some(3)), 103);
    }
}
