//! Exclusion that costs the one thread that needs none nothing: the part of it that loom models.

use std::ptr;

use crate::atomic::{AtomicBool, AtomicPtr, Ordering, heavy, light, pause};

/// Whether one thread has something to itself: the first that [claims](Sole::claim) it, until another thread wants
/// it too and [shares](Sole::share) it, once and for all.
///
/// While it has it to itself, the thread [runs](Sole::run) sections in which no other thread touches the thing, for
/// the price of two compares and two stores to memory of its own, without a locked instruction. The price of the
/// other side is high and paid once: a system call (`membarrier`) that interrupts the cores that run this process,
/// and the wait for the end of a section that is running. From then on all threads have it alike, and must do with
/// it what many threads may do at a time: compare-and-swap.
///
/// A thread that ends leaves what it has to a thread that begins later. Where there is no such system call, after
/// many meetings in one process, and in the last moments of a thread, nothing can be claimed.
///
/// What a `Sole` guards belongs to one process: keep it in a [`PerProcess`](crate::PerProcess).
///
/// Not for signals' handlers: one that interrupts a section and runs another is not excluded by the first, and ends
/// it in the eyes of other threads. (To notice that costs the thread a third of what a section costs.)
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// let (sole, number) = (forked::Sole::new(), AtomicU64::new(0));
/// let add = || {
///     // One after the other, as if there were only this thread.
///     let alone = sole.run(|| number.store(number.load(Relaxed) + 1, Relaxed));
///     if alone.is_none() {
///         sole.claim_or_share();
///         number.fetch_add(1, Relaxed); // Right in any case.
///     }
/// };
/// add();
/// add();
/// std::thread::scope(|scope| scope.spawn(add).join()).unwrap();
/// add();
/// assert!(sole.is_shared());
/// assert_eq!(number.load(Relaxed), 4);
/// ```
#[derive(Debug)]
pub struct Sole {
    /// Whose it is: a mark, a mark with [`REVOKED`] added, [`SHARED`], or [`UNCLAIMED`]. Once shared it stays so.
    pub(crate) owner: AtomicPtr<Mark>,
}

/// No thread has it to itself.
pub(crate) const SHARED: *mut Mark = ptr::null_mut();
/// Nobody has touched it, or whoever had it has left it.
pub(crate) const UNCLAIMED: *mut Mark = ptr::without_provenance_mut(2);
/// Added to the owner: whose it was until now, and who may still be in a section.
const REVOKED: usize = 1;

/// One thread, as others see it. Never freed: when its thread ends another one takes it over.
///
/// Aligned so that no two threads write to one cache line, nor to two that are fetched together.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Mark {
    /// Whether the thread is in a section.
    pub(crate) busy: AtomicBool,
    /// Counted from 1; 0 for the mark of those who have none.
    pub(crate) number: usize,
}

impl Sole {
    /// Whether all threads have it alike. Costs a load.
    #[inline]
    pub fn is_shared(&self) -> bool {
        // Acquire: what the owner has done in its last section is done.
        self.owner.load(Ordering::Acquire) == SHARED
    }

    /// Takes it from whoever has it. When this returns no section is running, and none will ever run.
    ///
    /// Waits for a section that is running, whose thread may have been put to sleep by the system. Calling it in a
    /// section waits for ever.
    pub fn share(&self) {
        Sole::share_all(std::iter::once(self));
    }

    /// [Shares](Sole::share) all of them, at the price of one.
    pub fn share_all<'a>(soles: impl Iterator<Item = &'a Sole> + Clone) {
        Sole::take_all(soles);
    }

    /// As [`share_all`](Sole::share_all); whether a thread had one of them.
    pub(crate) fn take_all<'a>(soles: impl Iterator<Item = &'a Sole> + Clone) -> bool {
        // All of them, not only up to the first that a thread has.
        let owned = soles.clone().filter(|sole| sole.revoke()).count() > 0;
        if owned {
            // From here on every thread sees that it has nothing any more before it begins a section, or we see that
            // it has begun one.
            heavy();
            soles.for_each(Sole::await_owner);
        }
        owned
    }

    /// As [`run`](Sole::run), for the thread whose mark this is.
    #[inline]
    pub(crate) fn run_as<R>(&self, mark: &Mark, section: impl FnOnce() -> R) -> Option<R> {
        // Asked before anything is written: whoever shares pays a load.
        if !self.is_of(mark) {
            return None;
        }
        mark.busy.store(true, Ordering::Relaxed);
        light();
        let _busy = Busy(mark);
        self.is_of(mark).then(section)
    }

    /// As [`claim`](Sole::claim), for the thread whose mark this is.
    pub(crate) fn claim_as(&self, mark: &'static Mark) -> bool {
        let mark = ptr::from_ref(mark).cast_mut();
        // Acquire: what the one who left it has done.
        self.owner.compare_exchange(UNCLAIMED, mark, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// As [`leave`](Sole::leave), for the thread whose mark this is.
    pub(crate) fn leave_as(&self, mark: &Mark) {
        let mark = ptr::from_ref(mark).cast_mut();
        // Release: what has been done in sections. Refused when it is another's, or shared.
        let _ = self.owner.compare_exchange(mark, UNCLAIMED, Ordering::AcqRel, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_of(&self, mark: &Mark) -> bool {
        // Relaxed: a thread sees what it has put there itself, or whoever had its mark before.
        ptr::eq(self.owner.load(Ordering::Relaxed), mark)
    }

    /// Lets no section begin, once the thread concerned has noticed; whether there is such a thread.
    fn revoke(&self) -> bool {
        let mut owner = self.owner.load(Ordering::Acquire);
        loop {
            let (next, owned) = match owner {
                SHARED => return false,
                UNCLAIMED => (SHARED, false),
                // By another thread, which may not have waited yet; so we do.
                revoked if revoked.addr() & REVOKED != 0 => return true,
                mark => (mark.map_addr(|mark| mark | REVOKED), true),
            };
            match self.owner.compare_exchange(owner, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return owned,
                Err(now) => owner = now,
            }
        }
    }

    /// Waits until who had it is in no section, if it has been revoked; then it is shared.
    fn await_owner(&self) {
        let owner = self.owner.load(Ordering::Acquire);
        if owner == SHARED {
            return;
        }
        let mark = owner.map_addr(|mark| mark & !REVOKED);
        // SAFETY: it has been revoked and is not shared yet, so this is the address of a mark; marks are never freed
        // and all in them is atomic.
        let mark = unsafe { &*mark };
        let mut turn = 0;
        // Acquire: what was done in the section. Seen idle once is enough: a later section is none of this.
        while mark.busy.load(Ordering::Acquire) {
            pause(turn);
            turn += 1;
        }
        // Release: whoever finds it shared finds what was done in sections.
        self.owner.store(SHARED, Ordering::Release);
    }
}

/// Being in a section; ended when dropped, also by a panic.
struct Busy<'a>(&'a Mark);

impl Drop for Busy<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: what was done in the section.
        self.0.busy.store(false, Ordering::Release);
    }
}
