//! The mark of this thread, and what it may claim with it.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sole::{Mark, SHARED, Sole, UNCLAIMED};
use crate::{PerProcess, barrier};

thread_local! {
    /// The mark of this thread; that of nobody before it has claimed anything, and when it is about to end.
    static MARK: Cell<&'static Mark> = const { Cell::new(&NOBODY) };
    /// Gives the mark back when the thread ends.
    static RETURN: Return = const { Return };
}

/// Owns nothing, ever.
static NOBODY: Mark = Mark { busy: AtomicBool::new(false), number: 0 };

/// The marks that no thread of this process has any more. A forked process does not have those of its parent: memory
/// is copied page by page while other threads run, so one of them may be in a section in the copy, for ever.
static FREE: PerProcess<Mutex<Vec<&'static Mark>>> = PerProcess::new();
/// How many marks there have been, in ancestors, too.
static MARKS: AtomicUsize = AtomicUsize::new(0);

/// How many times this process, or an ancestor of it, has taken something from a thread.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// So many meetings show that threads share what they touch; then they may as well share from the start. Some
/// microseconds each, so that they cost a millisecond in a process's life.
const MEETINGS: usize = 256;

impl Sole {
    /// Unclaimed.
    pub const fn new() -> Sole {
        Sole { owner: AtomicPtr::new(UNCLAIMED) }
    }

    /// Shared from the start.
    pub const fn shared() -> Sole {
        Sole { owner: AtomicPtr::new(SHARED) }
    }

    /// Asks the system now whether anything can be claimed in this process. The first claim would, and in a process
    /// that has threads by then the system takes some milliseconds to answer.
    pub fn prepare() {
        barrier::is_available();
    }

    /// Runs `section` if this thread has it to itself; no other thread is in a section meanwhile. Keep it short, and
    /// do not wait for another thread in it: another may be waiting for its end.
    #[inline]
    pub fn run<R>(&self, section: impl FnOnce() -> R) -> Option<R> {
        self.run_as(MARK.get(), section)
    }

    /// Gives it to this thread, if nobody has claimed it and threads do not meet too often; whether this thread has
    /// it to itself now.
    pub fn claim(&self) -> bool {
        let Some(mark) = enrol() else { return false };
        // Its own also before it has asked, with the mark of a thread that has ended.
        self.is_of(mark) || (TAKEN.load(Ordering::Relaxed) < MEETINGS && self.claim_as(mark))
    }

    /// Leaves it to the next thread that claims it, if this thread has it.
    pub fn leave(&self) {
        self.leave_as(MARK.get());
    }

    /// [Claims](Sole::claim) it, or else [shares](Sole::share) it. From then on this thread may do with the thing
    /// what several threads may do at a time.
    #[cold]
    pub fn claim_or_share(&self) {
        if !self.claim() && Sole::take_all(std::iter::once(self)) {
            TAKEN.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Default for Sole {
    fn default() -> Sole {
        Sole::new()
    }
}

/// Which of the process's threads this is: no two threads at one time have one number, and a thread that begins takes
/// over that of one that has ended. From 1 on; in a forked process, after those of its parent. `None` for a thread that never has anything to itself.
pub fn thread_number() -> Option<usize> {
    enrol().map(|mark| mark.number)
}

/// The mark of this thread, which is given one if it has none. None where nothing can be taken from a thread again,
/// and in a thread that is about to end.
fn enrol() -> Option<&'static Mark> {
    let mark = MARK.get();
    if !ptr::eq(mark, &NOBODY) {
        return Some(mark);
    }
    // The destructor is registered by this, and once it has run this is an error.
    if !barrier::is_available() || RETURN.try_with(|_| ()).is_err() {
        return None;
    }
    let mark = take();
    MARK.set(mark);
    Some(mark)
}

/// A mark that no thread has.
fn take() -> &'static Mark {
    free().pop().unwrap_or_else(|| {
        let number = MARKS.fetch_add(1, Ordering::Relaxed) + 1;
        Box::leak(Box::new(Mark { busy: AtomicBool::new(false), number }))
    })
}

/// The marks that no thread has any more.
fn free() -> MutexGuard<'static, Vec<&'static Mark>> {
    // Nothing is left half done by a panic.
    FREE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

struct Return;

impl Drop for Return {
    fn drop(&mut self) {
        let mark = MARK.replace(&NOBODY);
        if !ptr::eq(mark, &NOBODY) {
            free().push(mark);
        }
    }
}

#[cfg(test)]
mod tests;
