//! The two clocks whose times stand in records.

use std::time::{SystemTime, UNIX_EPOCH};

use dialects::Dialect;
use metrics_core::{Aggregation, Mode};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Which writes of a number note a time, and on which clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// None: the time stays 0.
    Never,
    /// `set` notes Unix seconds: Python's gauges in the modes `mostrecent` and `livemostrecent`.
    UnixOnSet,
    /// Every write notes seconds of `CLOCK_MONOTONIC`: Ruby's gauges in the mode `most_recent`.
    Monotonic,
    /// Every write notes about those: Ruby's other metrics, whose times nobody compares.
    Coarse,
}

impl Clock {
    pub(crate) fn of(dialect: Dialect, aggregation: Aggregation) -> Clock {
        match dialect {
            Dialect::Ruby if aggregation.mode == Mode::MostRecent => Clock::Monotonic,
            Dialect::Ruby => Clock::Coarse,
            _ if aggregation.mode == Mode::MostRecent => Clock::UnixOnSet,
            _ => Clock::Never,
        }
    }

    #[inline]
    pub(crate) fn at_add(self) -> Option<f64> {
        match self {
            Clock::Never | Clock::UnixOnSet => None,
            Clock::Monotonic => Some(monotonic()),
            Clock::Coarse => Some(coarse()),
        }
    }

    #[inline]
    pub(crate) fn at_set(self) -> Option<f64> {
        match self {
            Clock::Never => None,
            Clock::UnixOnSet => Some(unix()),
            Clock::Monotonic => Some(monotonic()),
            Clock::Coarse => Some(coarse()),
        }
    }
}

/// Seconds of `CLOCK_MONOTONIC`, which is what client_ruby 4 writes (`Process.clock_gettime` in
/// `direct_file_store.rb`). Comparable within one boot. About 20 ns.
pub(crate) fn monotonic() -> f64 {
    seconds(clock_gettime(ClockId::Monotonic))
}

/// As [`monotonic`], at the kernel's last tick, which is 1 to 10 ms ago. About 7 ns.
fn coarse() -> f64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return seconds(clock_gettime(ClockId::MonotonicCoarse));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    monotonic()
}

/// Unix seconds; 0 before 1970. 25 ns; the kernel's coarse clock takes 7, but ticks every 4 ms, and of two sets
/// within a tick the page would show the one whose file comes first.
pub(crate) fn unix() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
