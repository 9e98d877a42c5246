//! How a number that stands in a file is read and written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use forked::Held;

/// How a number that stands in a file is read and written. One value for each file, made by `Default`.
///
/// All functions on a number may be called by many threads at once.
pub trait Medium: Default + Send + 'static {
    /// A number and its time.
    type Number: Send + Sync + 'static;

    /// Whether numbers hold a mapping of the file. A mapping holds on to the open file that it was made from,
    /// with its lock, also in forked processes that have closed the descriptor; so such a medium gets another
    /// open file than the one that is locked.
    const MAPS: bool;

    /// The number whose 8 value bytes are at `at` in `file` and whose 8 time bytes follow; the file holds
    /// `value` and `time` there, and is `len` bytes long.
    ///
    /// # Errors
    /// When the bytes cannot be reached.
    fn number(
        &mut self,
        file: &Arc<Held>,
        len: u64,
        at: u64,
        value: f64,
        time: f64,
    ) -> io::Result<Self::Number>;

    /// A number in no file, for the time that there is no room.
    fn in_memory(value: f64, time: f64) -> Self::Number;

    /// Adds `by`, and makes `time` its time where one is given.
    ///
    /// # Errors
    /// See [`Refusal`].
    fn add(number: &Self::Number, by: f64, time: Option<f64>) -> Result<(), Refusal>;

    /// As [`add`](Medium::add), but gives up when other threads are at the number.
    ///
    /// # Errors
    /// See [`Refusal`]; [`Refusal::Beaten`] comes from nowhere else. A medium may never give up.
    #[inline]
    fn try_add(number: &Self::Number, by: f64, time: Option<f64>) -> Result<(), Refusal> {
        Self::add(number, by, time)
    }

    /// Makes `to` the number, and `time` its time where one is given.
    ///
    /// # Errors
    /// See [`Refusal`].
    fn set(number: &Self::Number, to: f64, time: Option<f64>) -> Result<(), Refusal>;

    /// The number and its time; `None` once it has been closed.
    fn read(number: &Self::Number) -> Option<(f64, f64)>;

    /// The word that is the number's value, as the bits of an `f64`, where it is one and the medium does not mind who
    /// else writes to it. Then nothing else is done to the number.
    fn word(_: &Self::Number) -> Option<&'static AtomicU64> {
        None
    }

    /// Closes the number: what it and its time are from now on, and no update is taken any more. Only done to
    /// numbers that no reader can find: in memory, or in a deleted file.
    fn close(number: &Self::Number) -> (f64, f64);
}

/// Why an update is not in the file.
#[derive(Debug)]
pub enum Refusal {
    /// The number is closed: the child has moved. Nothing was changed; repeat on its new number.
    Closed,
    /// Other threads have changed the number in the midst of this, more than once. Nothing was changed; a number
    /// of this thread's own would be cheaper.
    Beaten,
    /// The number has changed, but the file could not be written. The next update writes both.
    Unwritten(io::Error),
}
