//! Mutual exclusion that a fork cannot leave locked.

use crate::atomic::{AtomicU64, Ordering, pause};
use crate::generation::generation;

/// Mutual exclusion, without data, that a fork cannot leave locked: a child takes it over from a thread that
/// stayed behind in the parent. Keep what it protects valid at every step.
///
/// Made for short work on slow paths: who waits spins, then yields, then sleeps.
///
/// ```
/// static GATE: forked::Gate = forked::Gate::new();
/// let (inside, taken_over) = GATE.enter();
/// assert!(!taken_over);
/// drop(inside);
/// ```
#[derive(Debug, Default)]
pub struct Gate {
    /// The generation of the process whose thread is inside; 0 when nobody is.
    pub(crate) owner: AtomicU64,
}

impl Gate {
    /// Waits until no other thread of this process is inside. The flag is true when the last one who entered
    /// stayed behind in a parent process and never left.
    ///
    /// Entering again in the same thread waits for ever, as with any lock.
    pub fn enter(&self) -> (Inside<'_>, bool) {
        let generation = generation().0.get();
        let mut turn = 0_u32;
        loop {
            let owner = self.owner.load(Ordering::Relaxed);
            // Ours: a living thread of this process is inside. Open, or an ancestor's: free to take.
            if owner != generation
                && self
                    .owner
                    .compare_exchange(owner, generation, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
            {
                return (Inside { gate: self, generation }, owner != 0);
            }
            pause(turn);
            turn = turn.saturating_add(1);
        }
    }
}

/// Being inside a [`Gate`]; leaves when dropped.
#[must_use = "dropped at once, it leaves at once"]
#[derive(Debug)]
pub struct Inside<'a> {
    gate: &'a Gate,
    /// Of the process that entered.
    generation: u64,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // Not a plain store: a thread that forks while inside has this value in the child too, where another
        // thread may have taken the gate over by now.
        let _ = self.gate.owner.compare_exchange(self.generation, 0, Ordering::Release, Ordering::Relaxed);
    }
}
