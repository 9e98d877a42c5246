//! More records of one label set, so that threads which count at the same time do not meet.
//!
//! A word that two threads add to costs each of them five times what it costs one: its cache line travels. So
//! when a thread has been beaten to a word twice in one addition, it gets a record of its own with the same
//! key, and from then on adds there, and so does every thread that comes to the label set later. Readers add up
//! records of one key, so this is for sums alone: counters, histograms and summaries, never gauges, and only in
//! Python's dialect (Ruby's reader keeps the last record of a key in a file and forgets the others).
//!
//! Which record is a thread's is one number for each thread, its turn, that is the same in all label sets: none
//! while it has not met another, and then the label set's first record is the one that it adds to, which is all
//! that most label sets ever have. Turns begin with the thread's [number](forked::thread_number), so as many
//! threads as there are records part ways at once and have their records [to themselves](forked::Sole); a thread
//! that is beaten again takes the next turn.

use std::cell::Cell;

use forked::SetOnce;

use crate::Medium;
use crate::placed::Placed;

/// How many records a label set may have for each number besides its first. Enough for as many cores, and few
/// enough that the largest histogram in the worst storm does not matter to a scrape.
const SHARDS: usize = 15;

/// The turn of a thread that has not met another one yet.
const NONE: usize = 0;
/// The turn of a thread that adds to first records, since there was no room for another.
const STAYS: usize = usize::MAX;

thread_local! {
    /// The turn of this thread, from 1 on. A hint and nothing more: a forked process inherits it, and any value is
    /// right.
    static TURN: Cell<usize> = const { Cell::new(NONE) };
}

/// The numbers of one label set in one process that are in further records, by turn. Each shard has all numbers
/// of the label set, all of them in the file of the first.
pub(crate) struct Shards<M: Medium> {
    /// Of the turns from 1 on.
    places: [Shard<M>; SHARDS],
}

/// A shard, once the first thread of its turn has made it.
pub(crate) type Shard<M> = SetOnce<Placed<M>>;

impl<M: Medium> Shards<M> {
    /// None made yet.
    pub(crate) const fn new() -> Shards<M> {
        Shards { places: [const { SetOnce::new() }; SHARDS] }
    }

    /// Where this thread's shard is or belongs; `None` for a thread that adds to the first record.
    #[inline]
    pub(crate) fn of_this_thread(&self) -> Option<&Shard<M>> {
        self.places.get(TURN.get().wrapping_sub(1))
    }

    /// Those that have been made.
    pub(crate) fn made(&self) -> impl Iterator<Item = &'static Placed<M>> + Clone {
        self.places.iter().filter_map(SetOnce::get)
    }
}

/// Whether this thread has to be given a turn where it comes to shards.
#[inline]
pub(crate) fn has_no_turn() -> bool {
    TURN.get() == NONE
}

/// Gives this thread its first turn, or the next: it has been beaten to a word.
pub(crate) fn next_turn() {
    TURN.set(match TURN.get() {
        // Threads that are there at one time have different numbers, and a later thread that takes one over takes
        // over what the shard's numbers are.
        NONE | STAYS => forked::thread_number().unwrap_or(1).saturating_sub(1) % SHARDS + 1,
        turn => turn % SHARDS + 1,
    });
}

/// Lets this thread add to first records.
pub(crate) fn stay() {
    TURN.set(STAYS);
}
