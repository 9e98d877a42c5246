//! Files read by two threads and taken in their order by one of them.
//!
//! Most of what a scrape costs is the copying of bytes that the kernel does in `read`; two processors do it in
//! half the time. What is read is parsed and added by the caller's thread alone, in order, so that the result is the
//! same as if there were no other thread. Measured by `cargo xtask bench scrapes`.

use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use super::file::{self, Content, State};

/// A file to be read.
pub(crate) struct Wanted {
    pub(crate) path: Arc<Path>,
    /// Bytes to read, whatever the header says is in use.
    pub(crate) reach: usize,
}

/// How many files may be read before the first of them is taken; as many buffers are kept.
const AHEAD: usize = 3;

/// Reads files and has them taken in order: `take` is called with the number of each and what was read, none where
/// it has vanished. With `shared`, a thread beside this one reads as well. The first error ends it.
///
/// `spare` holds buffers of earlier calls.
pub(crate) fn read_in_order<E>(
    wanted: &[Wanted],
    shared: bool,
    spare: &mut Vec<Vec<u8>>,
    mut take: impl FnMut(usize, io::Result<Option<Content<'_>>>) -> Result<(), E>,
) -> Result<(), E> {
    if !shared || !has_processors() {
        let mut buffer = spare.pop().unwrap_or_default();
        let result = wanted
            .iter()
            .enumerate()
            .try_for_each(|(at, file)| take(at, file::read(&file.path, file.reach, &mut buffer)));
        spare.push(buffer);
        return result;
    }
    let queue = Queue { spare: std::mem::take(spare), ..Queue::default() };
    let reading = Reading { wanted, queue: Mutex::new(queue), progress: Condvar::new() };
    let result = thread::scope(|scope| {
        // Without a second thread (none may be left) the first reads everything.
        let _ = thread::Builder::new().spawn_scoped(scope, || reading.help());
        let _end = End(&reading);
        (0..wanted.len()).try_for_each(|at| {
            let read = reading.next(at);
            take(
                at,
                read.outcome
                    .map(|state| state.map(|state| Content { state, bytes: &read.buffer[..read.len] })),
            )?;
            reading.give_back(read.buffer);
            Ok(())
        })
    });
    *spare = reading.queue.into_inner().unwrap_or_else(PoisonError::into_inner).spare;
    result
}

/// Whether two threads are faster than one.
fn has_processors() -> bool {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get)) > 1
}

/// What the two threads share.
struct Reading<'a> {
    wanted: &'a [Wanted],
    /// Held for moments only, and not while a file is read or taken.
    queue: Mutex<Queue>,
    /// A file is read, taken, or all is over.
    progress: Condvar,
}

#[derive(Default)]
struct Queue {
    /// The first file that nobody reads yet.
    next: usize,
    /// How many have been taken.
    taken: usize,
    ready: Vec<Read>,
    spare: Vec<Vec<u8>>,
    /// Whether the other thread waits: waking nobody costs a system call as well.
    waits: bool,
    over: bool,
}

/// A file that was read.
struct Read {
    at: usize,
    outcome: io::Result<Option<State>>,
    buffer: Vec<u8>,
    len: usize,
}

impl Reading<'_> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads files for the other thread to take.
    fn help(&self) {
        let _end = End(self);
        let mut queue = self.queue();
        loop {
            if queue.over || queue.next == self.wanted.len() {
                return;
            }
            queue = match queue.claim(self.wanted.len()) {
                Some((at, buffer)) => {
                    drop(queue);
                    let read = self.read(at, buffer);
                    let mut queue = self.queue();
                    queue.ready.push(read);
                    self.wake(&mut queue);
                    queue
                }
                None => self.wait(queue),
            };
        }
    }

    /// The file of number `at`: if the other thread is at it, reads further ones meanwhile.
    fn next(&self, at: usize) -> Read {
        let mut queue = self.queue();
        loop {
            if let Some(ready) = queue.ready.iter().position(|read| read.at == at) {
                return queue.ready.swap_remove(ready);
            }
            queue = match queue.claim(self.wanted.len()) {
                Some((next, buffer)) => {
                    drop(queue);
                    let read = self.read(next, buffer);
                    if next == at {
                        return read;
                    }
                    let mut queue = self.queue();
                    queue.ready.push(read);
                    queue
                }
                // The other thread ended before its time, or else is at it.
                None if queue.over => {
                    drop(queue);
                    return self.read(at, Vec::new());
                }
                None => self.wait(queue),
            };
        }
    }

    /// Takes note that a file was taken.
    fn give_back(&self, buffer: Vec<u8>) {
        let mut queue = self.queue();
        queue.taken += 1;
        queue.spare.push(buffer);
        self.wake(&mut queue);
    }

    fn read(&self, at: usize, mut buffer: Vec<u8>) -> Read {
        let Wanted { path, reach } = &self.wanted[at];
        let (outcome, len) = match file::read(path, *reach, &mut buffer) {
            Ok(Some(content)) => (Ok(Some(content.state)), content.bytes.len()),
            Ok(None) => (Ok(None), 0),
            Err(error) => (Err(error), 0),
        };
        Read { at, outcome, buffer, len }
    }

    fn wait<'a>(&self, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        queue.waits = true;
        self.progress.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, queue: &mut Queue) {
        if std::mem::take(&mut queue.waits) {
            self.progress.notify_one();
        }
    }
}

impl Queue {
    /// The next file to read and a buffer for it; none where that would be too far ahead.
    fn claim(&mut self, files: usize) -> Option<(usize, Vec<u8>)> {
        let at = self.next;
        let near = at < files && at < self.taken + AHEAD;
        near.then(|| {
            self.next += 1;
            (at, self.spare.pop().unwrap_or_default())
        })
    }
}

/// Ends the reading when one of the threads is done, or panics: the other one must not wait for it.
struct End<'a, 'b>(&'a Reading<'b>);

impl Drop for End<'_, '_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.over = true;
        self.0.progress.notify_all();
    }
}

#[cfg(test)]
mod tests;
