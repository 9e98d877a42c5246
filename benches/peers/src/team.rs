//! Several threads that do a deed at the same time, each on its core.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::pin::Cores;

/// A deed by number of the thread and how many times.
pub type Deed = Box<dyn Fn(usize, u64) + Send + Sync>;

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
