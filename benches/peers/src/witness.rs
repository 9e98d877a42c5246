//! Whether the cores are all ours: a loop that fills a core, and takes longer where something else runs on it.

use std::cell::Cell;
use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use crate::pin::Cores;

/// Looks, between the batches of a race, whether something else runs on the cores.
///
/// What a virtual machine calls a core is often half of one. A neighbour on the other half takes much from whoever
/// fills the core (an addition by a kept handle costs 3.4 ns then, and 2.2 without) and next to nothing from whoever
/// waits, for memory or for a compare-and-swap (4.7 and 4.6). A ratio of the two then tells about the neighbour. The
/// witness is a third one, which has no part in the race: batches before or after which it was slow do not count.
#[derive(Debug)]
pub struct Witness {
    cores: Cores,
    /// What the loop took on each core when it took least, in nanoseconds.
    least: Vec<Cell<f64>>,
    batches: Cell<usize>,
    left_out: Cell<usize>,
}

/// How much longer than at its best the loop may take. A neighbour on the other half of the core makes it 1.5 times as
/// long or more; a clock that changes its speed, less than this.
const TOLERANCE: f64 = 1.25;
/// Turns of the loop: some 10 us.
const TURNS: u32 = 4_000;
/// The least of so many loops is a look: whoever is interrupted in one of them is not in the next.
const LOOPS: usize = 3;

impl Witness {
    /// One that has seen these cores at their best, if they were so for a moment while it was made.
    pub fn new(cores: Cores) -> Witness {
        let least = (0..cores.count().max(1)).map(|_| Cell::new(f64::INFINITY)).collect();
        let witness = Witness { cores, least, batches: Cell::new(0), left_out: Cell::new(0) };
        (0..200).for_each(|_| drop(witness.look(usize::MAX)));
        witness
    }

    /// Whether nothing else runs on the first core, where the calling thread is; or, if there are to be more, on so
    /// many of them. Costs some 30 us, and for several cores as many threads.
    pub fn is_alone(&self, cores: usize) -> bool {
        let looks = self.look(cores);
        looks.iter().zip(&self.least).all(|(&look, least)| look <= TOLERANCE * least.get())
    }

    /// What the loop takes on so many cores, in nanoseconds.
    fn look(&self, cores: usize) -> Vec<f64> {
        let looks = match cores.min(self.least.len()) {
            0 | 1 => vec![look()],
            several => std::thread::scope(|scope| {
                let cores = &self.cores;
                let pinned = |core| {
                    move || {
                        cores.pin(core);
                        look()
                    }
                };
                let looking: Vec<_> = (0..several).map(|core| scope.spawn(pinned(core))).collect();
                looking.into_iter().map(|look| look.join().expect("a look does not panic")).collect()
            }),
        };
        looks.iter().zip(&self.least).for_each(|(&look, least)| least.set(look.min(least.get())));
        looks
    }

    /// Notes that of so many batches so many do not count.
    pub fn note(&self, batches: usize, left_out: usize) {
        self.batches.set(self.batches.get() + batches);
        self.left_out.set(self.left_out.get() + left_out);
    }
}

/// For the line about the machine.
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (batches, left_out) = (self.batches.get(), self.left_out.get());
        write!(f, "{left_out} of {batches} batches left out since something else ran on the cores")
    }
}

/// What the loop takes on this thread, in nanoseconds.
fn look() -> f64 {
    let took = (0..LOOPS).map(|_| {
        let begun = Instant::now();
        fill();
        begun.elapsed().as_nanos() as f64
    });
    took.fold(f64::INFINITY, f64::min)
}

/// Eight chains of short instructions that wait for nothing but each its last one: as much as a core can do at a time.
fn fill() {
    let mut chains = [1_u64, 2, 3, 4, 5, 6, 7, 8];
    for _ in 0..TURNS {
        for (step, chain) in chains.iter_mut().enumerate() {
            *chain = (chain.rotate_left(5) ^ step as u64).wrapping_add(*chain);
        }
        chains = black_box(chains);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_has_become_slower_is_not_ours_alone() {
        let witness = Witness::new(Cores::allowed());
        witness.least[0].set(1.0);
        assert!(!witness.is_alone(1));
    }

    #[test]
    fn the_best_that_was_ever_seen_is_what_counts() {
        let witness = Witness::new(Cores::allowed());
        witness.least.iter().for_each(|least| least.set(f64::INFINITY));
        assert!(witness.is_alone(usize::MAX));
        assert!(witness.least.iter().all(|least| least.get().is_finite()));
    }

    #[test]
    fn what_was_left_out_is_told() {
        let witness = Witness::new(Cores::allowed());
        witness.note(300, 2);
        witness.note(100, 1);
        assert_eq!(witness.to_string(), "3 of 400 batches left out since something else ran on the cores");
    }
}
