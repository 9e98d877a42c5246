//! One worker of the demo: threads that answer imaginary requests and count them.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use metrics_core::{
    Aggregation, Buckets, Counter, DeclareError, Family, Gauge, Histogram, Mode, Registry, Summary,
};
use store_mmap::MmapStore;

/// Says on standard output that a request has begun. One byte, so that a worker that is killed has said it or
/// not.
pub(crate) const BEGUN: u8 = b'+';
/// Says on standard output that a request is counted and answered.
pub(crate) const ANSWERED: u8 = b'-';

const THREADS: u64 = 4;

/// Works until standard input ends, which it does when whoever started this process closes it or dies.
pub(crate) fn work(directory: &Path) -> anyhow::Result<()> {
    let store = MmapStore::open(directory).with_context(|| format!("open {}", directory.display()))?;
    let metrics = Metrics::declare(&Registry::new(store)).context("declare the metrics of the demo")?;
    metrics.workers.set(1.0);
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        for thread in 0..THREADS {
            let (metrics, stop) = (&metrics, &stop);
            threads.spawn(move || {
                let mut chance = Chance::new(thread);
                while !stop.load(Ordering::Relaxed) && metrics.answer_request(&mut chance).is_ok() {}
            });
        }
        let mut unread = [0; 64];
        while let Ok(1..) = io::stdin().read(&mut unread) {}
        stop.store(true, Ordering::Relaxed);
    });
    metrics.workers.set(0.0);
    Ok(())
}

/// What a web application would count. The gauges show how processes are merged.
struct Metrics {
    requests: Family<Counter, 2>,
    duration: Family<Histogram, 1>,
    size: Family<Summary, 1>,
    workers: Gauge,
    in_progress: Gauge,
    busy_threads: Gauge,
    slowest: Gauge,
    last_request: Gauge,
}

impl Metrics {
    fn declare(registry: &Registry) -> Result<Metrics, DeclareError> {
        let live = |mode| Aggregation { mode, live: true };
        let ever = |mode| Aggregation { mode, live: false };
        Ok(Metrics {
            requests: registry
                .counter("demo_requests_total", "Requests answered, by all workers that ever were.")
                .labels(["method", "code"])?,
            duration: registry
                .histogram("demo_request_duration_seconds", "Time to answer a request.")
                .unit("seconds")
                .buckets(Buckets::exponential(0.001, 2.0, 7)?)
                .labels(["method"])?,
            size: registry
                .summary("demo_response_size_bytes", "Size of answers.")
                .unit("bytes")
                .labels(["method"])?,
            workers: registry
                .gauge("demo_workers", "Workers that live (livesum: a sum over the living).")
                .aggregation(live(Mode::Sum))
                .register()?,
            in_progress: registry
                .gauge("demo_requests_in_progress", "Requests being answered now (livesum).")
                .aggregation(live(Mode::Sum))
                .register()?,
            busy_threads: registry
                .gauge("demo_busy_threads", "Threads that answer a request now (liveall: one series each).")
                .aggregation(live(Mode::All))
                .register()?,
            slowest: registry
                .gauge("demo_slowest_request_seconds", "The longest time to answer a request (max).")
                .aggregation(ever(Mode::Max))
                .register()?,
            last_request: registry
                .gauge(
                    "demo_last_request_timestamp_seconds",
                    "When a request was last answered (mostrecent).",
                )
                .aggregation(ever(Mode::MostRecent))
                .register()?,
        })
    }

    /// One request, from its first byte to its last.
    ///
    /// # Errors
    /// When nobody listens to reports any more.
    fn answer_request(&self, chance: &mut Chance) -> io::Result<()> {
        report(BEGUN)?;
        self.in_progress.inc();
        self.busy_threads.inc();

        let (method, mean) = if chance.is(0.8) { ("GET", 0.004) } else { ("POST", 0.012) };
        let code = match chance.next() {
            ..0.95 => "200",
            ..0.99 => "404",
            _ => "500",
        };
        // Most requests are quick, a few take long.
        let seconds = (-mean * (1.0 - chance.next()).ln()).min(0.2);
        thread::sleep(Duration::from_secs_f64(seconds));

        self.duration.with([method]).observe(seconds);
        self.size.with([method]).observe((200.0 + 4000.0 * chance.next()).round());
        if seconds > self.slowest.get() {
            self.slowest.set(seconds);
        }
        self.last_request.set_to_current_time();
        self.busy_threads.dec();
        self.in_progress.dec();
        self.requests.with([method, code]).inc();
        report(ANSWERED)
    }
}

/// One byte to whoever started this process. It is in the pipe when this returns, and outlives this process.
fn report(what: u8) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(&[what])?;
    out.flush()
}

/// Numbers that look random: splitmix64.
struct Chance(u64);

impl Chance {
    /// Another sequence for each thread of each process.
    fn new(thread: u64) -> Chance {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        Chance(u64::from(std::process::id()) << 32 ^ u64::from(now) ^ thread << 48)
    }

    /// From 0 up to, not including, 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        // The upper 53 bits are what a double holds.
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether what happens with this probability happens now.
    fn is(&mut self, probability: f64) -> bool {
        self.next() < probability
    }
}
