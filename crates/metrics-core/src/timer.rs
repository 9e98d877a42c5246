//! A stopwatch that observes.

use std::time::Instant;

/// A stopwatch: observes the seconds since its start when it is dropped or stopped.
///
/// ```
/// # fn main() {}
/// # fn serve(latency: metrics_core::Histogram) -> Result<(), std::io::Error> {
/// let timer = latency.start_timer();
/// let answer = std::fs::read("answer")?; // dropped at this `?` too
/// timer.stop();
/// # Ok(())
/// # }
/// ```
#[must_use = "dropped at once, it observes about 0 seconds"]
#[derive(Debug)]
pub struct Timer<M: Observe> {
    observer: M,
    started: Instant,
    /// Whether the drop observes.
    running: bool,
}

/// What a [`Timer`] can give its seconds to: [`Histogram`](crate::Histogram) and [`Summary`](crate::Summary).
pub trait Observe {
    /// Counts one observation of `value`.
    fn observe(&self, value: f64);
}

impl<M: Observe> Timer<M> {
    pub(crate) fn start(observer: M) -> Timer<M> {
        Timer { observer, started: Instant::now(), running: true }
    }

    /// Observes the seconds since the start, and returns them.
    pub fn stop(mut self) -> f64 {
        self.observe()
    }

    /// Observes nothing.
    pub fn discard(mut self) {
        self.running = false;
    }

    fn observe(&mut self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        self.observer.observe(seconds);
        self.running = false;
        seconds
    }
}

impl<M: Observe> Drop for Timer<M> {
    fn drop(&mut self) {
        if self.running {
            self.observe();
        }
    }
}
