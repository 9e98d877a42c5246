//! Proportional memory, which is dear to ask for: so no process is asked all the time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::Stat;

/// How many times as long as an answer took it is good for. The system walks the memory of the process for it, some
/// 30 ms for each gigabyte, and where the process wants more memory it waits meanwhile.
const GOOD_FOR: u32 = 200;

/// What was answered, by pid and start.
#[derive(Debug, Default)]
pub(crate) struct Proportional {
    known: HashMap<(u32, u64), Answer>,
}

#[derive(Debug)]
struct Answer {
    bytes: f64,
    at: Instant,
    took: Duration,
    /// Whether it was wanted since others were forgotten.
    wanted: bool,
}

impl Proportional {
    /// Proportional memory of a process, in bytes: an answer that is still good, or that of `ask`. None where it has none;
    /// that is not kept.
    pub(crate) fn bytes(&mut self, stat: &Stat, ask: impl FnOnce() -> Option<f64>) -> Option<f64> {
        let began = Instant::now();
        let known = self.known.get_mut(&(stat.pid, stat.start_ticks));
        if let Some(known) = known.filter(|known| began.duration_since(known.at) < known.took * GOOD_FOR) {
            known.wanted = true;
            return Some(known.bytes);
        }
        let bytes = ask()?;
        let at = Instant::now();
        let answer = Answer { bytes, at, took: at.duration_since(began), wanted: true };
        self.known.insert((stat.pid, stat.start_ticks), answer);
        Some(bytes)
    }

    /// Forgets processes that nobody wanted since the last time.
    pub(crate) fn forget_others(&mut self) {
        self.known.retain(|_, answer| std::mem::take(&mut answer.wanted));
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    const DEAR: Duration = Duration::from_millis(20);

    fn dear(bytes: f64) -> Option<f64> {
        sleep(DEAR);
        Some(bytes)
    }

    #[test]
    fn an_answer_is_good_for_longer_than_it_took() {
        let mut proportional = Proportional::default();
        let (a, again) = (
            Stat { pid: 1, start_ticks: 1, ..Stat::default() },
            Stat { pid: 1, start_ticks: 2, ..Stat::default() },
        );
        assert_eq!(proportional.bytes(&a, || None), None);
        assert_eq!(proportional.bytes(&a, || dear(1.0)), Some(1.0));
        assert_eq!(proportional.bytes(&a, || dear(2.0)), Some(1.0));
        // Another process of the same pid.
        assert_eq!(proportional.bytes(&again, || dear(3.0)), Some(3.0));
        proportional.forget_others();
        assert_eq!(proportional.bytes(&a, || dear(4.0)), Some(1.0));
        proportional.forget_others();
        assert_eq!(proportional.bytes(&again, || dear(5.0)), Some(5.0));
    }

    #[test]
    fn what_was_cheap_is_asked_for_again() {
        let mut proportional = Proportional::default();
        let stat = Stat::default();
        assert_eq!(proportional.bytes(&stat, || Some(1.0)), Some(1.0));
        // Microseconds at most; a machine that was busy elsewhere meanwhile may have made more of it.
        let took = proportional.known[&(0, 0)].took;
        sleep(took * GOOD_FOR);
        assert_eq!(proportional.bytes(&stat, || Some(2.0)), Some(2.0));
    }
}
