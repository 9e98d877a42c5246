//! Work on a list done by two threads, from both ends, and taken in its order by one of them.
//!
//! Most of what a scrape costs is the copying of bytes that the kernel does in `read`, and the parsing of keys that
//! are new; two processors do it in half the time. What comes of it is taken by the caller's thread alone, in order,
//! so that the result is the same as if there were no other thread. They begin at different ends because files of a
//! kind stand together: what is learnt from one of them is not learnt by both threads at once.

use std::panic::resume_unwind;
use std::thread;

use crate::two::{Left, has_processors};

/// Does `work` for each number below `count` and has `take` called with what came of it, in order. Both are given
/// the tools of the thread that did the work. With `shared`, a thread beside this one works as well. The first error
/// of `take` ends it.
pub(crate) fn in_order<T: Send, R: Send, E>(
    count: usize,
    shared: bool,
    [ours, theirs]: &mut [T; 2],
    work: impl Fn(&mut T, usize) -> R + Sync,
    mut take: impl FnMut(&mut T, usize, R) -> Result<(), E>,
) -> Result<(), E> {
    let left = Left::below(count);
    let (left, work) = (&left, &work);
    let mut take_ours = |take: &mut dyn FnMut(&mut T, usize, R) -> Result<(), E>| {
        // Also when it panics or fails: the other thread is to stop then.
        let _end = End(left);
        while let Some(at) = left.first() {
            let done = work(ours, at);
            take(ours, at, done)?;
        }
        Ok(())
    };
    if !shared || !has_processors() {
        return take_ours(&mut take);
    }
    thread::scope(|scope| {
        let help = || {
            let mut done: Vec<(usize, R)> = Vec::with_capacity(count);
            while let Some(at) = left.last() {
                done.push((at, work(theirs, at)));
            }
            (theirs, done)
        };
        // Without a second thread (none may be left) the first does everything.
        let helper = thread::Builder::new().spawn_scoped(scope, help);
        take_ours(&mut take)?;
        let Ok(helper) = helper else { return Ok(()) };
        let (theirs, done) = helper.join().unwrap_or_else(|panic| resume_unwind(panic));
        done.into_iter().rev().try_for_each(|(at, done)| take(theirs, at, done))
    })
}

/// Leaves nothing to work on.
struct End<'a>(&'a Left);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests;
