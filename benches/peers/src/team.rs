//! Several threads that do a deed at the same time, each on its core.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::pin::Cores;

/// A deed by number of the thread and how many times.
pub type Deed = Box<dyn Fn(usize, u64) + Send + Sync>;

/// Threads that do a deed, each its part of it on its core.
#[derive(Clone, Copy, Debug)]
pub enum Team {
    /// So many at the same time.
    Together(usize),
    /// As many parts of it, one after the other: what [`Team::Together`] costs where no thread is in another's way.
    InTurns(usize),
}

impl Team {
    /// How many parts the deed has.
    pub fn parts(self) -> usize {
        match self {
            Team::Together(parts) | Team::InTurns(parts) => parts,
        }
    }

    /// Lets the threads do their parts `times` times each. How long that took; where they did it in turns, how long the
    /// slowest of them took, since together the slowest is waited for, too.
    pub fn run(self, cores: &Cores, times: u64, deed: &(dyn Fn(usize, u64) + Sync)) -> Duration {
        match self {
            Team::Together(threads) => together(cores, threads, times, deed),
            Team::InTurns(parts) => {
                let alone = |part| {
                    cores.pin(part);
                    let begun = Instant::now();
                    deed(part, times);
                    begun.elapsed()
                };
                let started = |part| std::thread::scope(|scope| scope.spawn(|| alone(part)).join());
                let took = (0..parts).map(|part| started(part).expect("a deed does not panic"));
                took.max().unwrap_or_default()
            }
        }
    }
}

/// Lets `threads` threads do the deed `times` times each. From when the first begins to when the last ends.
///
/// One thread is the caller, wherever it is pinned.
pub fn together(cores: &Cores, threads: usize, times: u64, deed: &(dyn Fn(usize, u64) + Sync)) -> Duration {
    if threads == 1 {
        let begun = Instant::now();
        deed(0, times);
        return begun.elapsed();
    }
    let ready = AtomicUsize::new(0);
    let spans = std::thread::scope(|scope| {
        let ready = &ready;
        let started: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    cores.pin(thread);
                    ready.fetch_add(1, Ordering::AcqRel);
                    // Spinning: the others' wake-ups would come one after the other.
                    while ready.load(Ordering::Acquire) < threads {
                        std::thread::yield_now();
                    }
                    let begun = Instant::now();
                    deed(thread, times);
                    (begun, Instant::now())
                })
            })
            .collect();
        let joined = started.into_iter().map(|thread| thread.join().expect("a deed does not panic"));
        joined.collect::<Vec<_>>()
    });
    let begun = spans.iter().map(|span| span.0).min();
    let ended = spans.iter().map(|span| span.1).max();
    begun.zip(ended).map_or(Duration::ZERO, |(begun, ended)| ended - begun)
}

/// Nanoseconds of single deeds, `times` in each thread, all threads at the same time; less what the clock costs.
pub fn one_by_one(cores: &Cores, threads: usize, times: u64, deed: &(dyn Fn(usize, u64) + Sync)) -> Vec<f64> {
    let clock = clock_cost();
    let measured = std::sync::Mutex::new(Vec::new());
    let watched = |thread: usize, times: u64| {
        let mut mine = Vec::with_capacity(times as usize);
        for _ in 0..times {
            let begun = Instant::now();
            deed(thread, 1);
            mine.push((begun.elapsed().as_nanos() as f64 - clock).max(0.0));
        }
        measured.lock().expect("nothing panics while it is held").extend(mine);
    };
    together(cores, threads, times, &watched);
    measured.into_inner().expect("nothing panics while it is held")
}

/// Nanoseconds between two readings of the clock.
fn clock_cost() -> f64 {
    let costs = (0..1_000).map(|_| {
        let begun = Instant::now();
        begun.elapsed().as_nanos() as f64
    });
    crate::sample::Sample::new(costs.collect()).median()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn parts_that_are_done_in_turns_never_meet_and_take_as_long_as_the_slowest() {
        let done = Mutex::new(Vec::new());
        let deed = |part: usize, times: u64| {
            let mut done = done.try_lock().expect("nobody else is at it");
            std::thread::sleep(Duration::from_millis(5 * part as u64));
            done.push((part, times));
        };
        let took = Team::InTurns(3).run(&Cores::allowed(), 7, &deed);
        assert!(took >= Duration::from_millis(10), "{took:?}");
        assert_eq!(done.into_inner().unwrap(), [(0, 7), (1, 7), (2, 7)]);
    }
}
