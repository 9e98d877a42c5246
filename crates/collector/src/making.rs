//! Series in the making: those that are to stand on a page and have no text yet.
//!
//! What they are made of is put together in a list of its own, so that the book they come from may grow meanwhile:
//! while one thread finds out where each number of the page stands, another one makes the texts.

use std::sync::Arc;

use metrics_core::{Label, Series};

use crate::book::NONE;
use crate::head_room;
use crate::two::Left;

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Making {
    /// Names of samples, by number.
    names: Vec<Arc<str>>,
    /// The name of the label of a bucket's bound.
    le: Arc<str>,
    /// Label sets and spellings of bounds that are needed; some stand more than once.
    sets: Vec<Arc<[Label]>>,
    bounds: Vec<Arc<[u8]>>,
    wanted: Vec<Wanted>,
    left: Left,
}

struct Wanted {
    identity: u32,
    sample: u32,
    /// Where its label set stands in `sets`, and its bound in `bounds`.
    set: u32,
    bound: u32,
}

/// Some series that were made: from which one of those wanted on.
pub(crate) type Made = Vec<(usize, Vec<Arc<Series>>)>;

/// So few that the second look finds them in the processor's cache, and that both threads end at one time.
const AT_ONCE: usize = if cfg!(debug_assertions) { 2 } else { 256 };

impl Making {
    /// Of nothing, as yet.
    pub(crate) fn new(names: Vec<Arc<str>>, le: Arc<str>) -> Making {
        Making { names, le, ..Making::default() }
    }

    /// Has the series of an identity made.
    pub(crate) fn want(&mut self, identity: u32, sample: u32, set: &Arc<[Label]>, bound: Option<&Arc<[u8]>>) {
        // The buckets of a histogram come one after the other.
        if self.sets.last().is_none_or(|last| !Arc::ptr_eq(last, set)) {
            self.sets.push(Arc::clone(set));
        }
        let set = self.sets.len() as u32 - 1;
        let bound = bound.map_or(NONE, |bound| self.bound(bound));
        self.wanted.push(Wanted { identity, sample, set, bound });
    }

    fn bound(&mut self, bound: &Arc<[u8]>) -> u32 {
        const TRIED: usize = 32;
        let before = self.wanted.last().map_or(NONE, |last| last.bound);
        let likely = before.wrapping_add(1);
        if self.bounds.get(likely as usize).is_some_and(|known| Arc::ptr_eq(known, bound)) {
            return likely;
        }
        let known = self.bounds.iter().take(TRIED).position(|known| Arc::ptr_eq(known, bound));
        known.unwrap_or_else(|| {
            self.bounds.push(Arc::clone(bound));
            self.bounds.len() - 1
        }) as u32
    }

    /// Takes no more; they can be made now.
    pub(crate) fn begin(mut self) -> Making {
        self.left = Left::below(self.wanted.len().div_ceil(AT_ONCE));
        self
    }

    /// Whether a second thread is worth its while.
    pub(crate) fn is_worth_a_thread(&self) -> bool {
        const ENOUGH: usize = if cfg!(debug_assertions) { 2 } else { 512 };
        self.wanted.len() >= ENOUGH
    }

    /// Makes series that nobody makes yet, from the first ones on.
    ///
    /// Two threads begin at different ends: in a family that both work on they count references to one name in turns.
    pub(crate) fn make_first(&self) -> Made {
        self.make(Left::first)
    }

    /// The same from the last ones on.
    pub(crate) fn make_last(&self) -> Made {
        self.make(Left::last)
    }

    fn make(&self, next: fn(&Left) -> Option<usize>) -> Made {
        // What a series and its text take, about.
        const ROOM: usize = 256;

        head_room::ask_for(self.wanted.len() * ROOM);
        let mut made = Vec::new();
        while let Some(at) = next(&self.left) {
            let from = at * AT_ONCE;
            let wanted = &self.wanted[from..self.wanted.len().min(from + AT_ONCE)];
            let series: Vec<_> = wanted.iter().map(|wanted| self.series(wanted)).collect();
            exposition::prepare(series.iter().map(|series| &**series));
            made.push((from, series));
        }
        made
    }

    fn series(&self, wanted: &Wanted) -> Arc<Series> {
        let mut labels = Arc::clone(&self.sets[wanted.set as usize]);
        if let Some(bound) = self.bounds.get(wanted.bound as usize) {
            let le = Label { name: Arc::clone(&self.le), value: Arc::clone(bound) };
            let at = labels.partition_point(|label| *label.name < *le.name);
            let (before, behind) = labels.split_at(at);
            // Of slices the length is known, so that this allocates once.
            labels = before.iter().chain([&le]).chain(behind).cloned().collect();
        }
        Arc::new(Series::new(Arc::clone(&self.names[wanted.sample as usize]), labels))
    }

    /// By identity, of so many, whether it is among those wanted.
    pub(crate) fn has(&self, identities: usize) -> Vec<bool> {
        let mut has = vec![false; identities];
        self.wanted.iter().for_each(|wanted| has[wanted.identity as usize] = true);
        has
    }

    /// The identities of series that were made.
    pub(crate) fn identities_from(&self, from: usize) -> impl Iterator<Item = u32> {
        self.wanted[from..].iter().map(|wanted| wanted.identity)
    }
}
