//! Real processes that count in a real Redis, and the program that serves what is there.

mod emptied;
mod hosts;
mod killed;
mod machines;
mod pages;
mod races;
mod stopped;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redis_fleet::Janitor;
use redis_link::{Address, Timeouts};
use redis_testkit::RedisServer;

use crate::http;
use crate::running::{PATIENCE, Running};
use crate::tools::{multiprom, worker};

/// A process that counts for ever, in series of its own name.
struct Storm {
    running: Running,
    name: String,
    acknowledged: PathBuf,
}

/// What a storm counts: with these series each number is that of one of its threads.
const UPDATES: &str = "storm_updates_total";
const OBSERVATIONS: &str = "storm_seconds_count";

impl Storm {
    /// Starts one that sends every interval, and waits until it counts.
    fn start(name: &str, url: &str, directory: &Path) -> Storm {
        Storm::start_as("periodic", name, url, directory)
    }

    /// The same in another mode of the store.
    fn start_as(mode: &str, name: &str, url: &str, directory: &Path) -> Storm {
        let acknowledged = directory.join(format!("{name}.acknowledged"));
        let mut command = worker();
        command.args(["redis-storm", url, mode, name]).arg(&acknowledged);
        let running = Running::start(name, &mut command, directory);
        let mut storm = Storm { running, name: name.to_owned(), acknowledged };
        let file = storm.acknowledged.clone();
        storm
            .running
            .wait_until("count", |_| counts(&file).filter(|counts| counts.iter().all(|&it| it > 0.0)));
        storm
    }

    /// How often each of its threads has counted; it may have done it once more.
    fn acknowledged(&self) -> [f64; 2] {
        counts(&self.acknowledged).expect("it has counted")
    }

    /// How often each of its threads has counted, by this page; 0 where it does not stand there.
    fn counted(&self, page: &Page) -> [f64; 2] {
        [UPDATES, OBSERVATIONS].map(|name| page.of_worker(name, &self.name).unwrap_or(0.0))
    }

    /// Kills it. How often each of its threads has counted for sure; it may have done it once more.
    fn kill(self) -> [f64; 2] {
        self.running.kill();
        counts(&self.acknowledged).expect("it has counted")
    }

    /// Lets it end in its own way: all that it has counted is in Redis then.
    fn end(&mut self) -> [f64; 2] {
        self.running.end_of_input();
        self.running.wait_for_success();
        self.acknowledged()
    }
}

fn counts(acknowledged: &Path) -> Option<[f64; 2]> {
    let bytes = std::fs::read(acknowledged).ok()?;
    let number = |place: usize| {
        let bytes = bytes.get(place..place + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes) as f64)
    };
    Some([number(0)?, number(8)?])
}

/// Each number of a page that only grows, by its series as it is written.
#[derive(Clone, Default)]
struct Page(BTreeMap<String, f64>);

impl Page {
    /// Without gauges, which may fall.
    fn parse(text: &str) -> Page {
        let mut samples = BTreeMap::new();
        let mut is_gauge = false;
        for line in text.lines() {
            if line.starts_with("# TYPE ") {
                is_gauge = line.ends_with(" gauge");
            } else if let Some((series, value)) = line.rsplit_once(' ')
                && !is_gauge
                && !line.starts_with('#')
            {
                samples.insert(series.to_owned(), value.parse().expect("a number"));
            }
        }
        Page(samples)
    }

    fn of_worker(&self, name: &str, worker: &str) -> Option<f64> {
        self.0.get(&format!("{name}{{worker=\"{worker}\"}}")).copied()
    }

    /// The sum of all series of one name.
    fn sum(&self, name: &str) -> f64 {
        let is_of = |series: &str| {
            series.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        self.0.iter().filter(|(series, _)| is_of(series)).map(|(_, value)| value).sum()
    }
}

/// `multiprom serve` of what stores of ours keep in this database, be it nothing yet.
fn exporter(name: &str, arguments: &[&str], url: &str, directory: &Path) -> (Running, SocketAddr) {
    let mut command = multiprom();
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).arg(format!("{url}?schema=multiprom"));
    let mut exporter = Running::start(name, &mut command, directory);
    let address = exporter.address("serving ");
    (exporter, address)
}

/// The page that is served there, or why none is.
fn page(address: SocketAddr) -> Result<Page, String> {
    let answer = http::get(address, "/metrics").expect("the exporter answers");
    match answer.status {
        200 => Ok(Page::parse(answer.text())),
        503 => Err(answer.text().to_owned()),
        status => panic!("{status}: {}", answer.text()),
    }
}

/// Waits until a page is there of which that is so.
fn wait_for(address: SocketAddr, what: &str, mut is_so: impl FnMut(&Page) -> bool) -> Page {
    let until = Instant::now() + PATIENCE;
    loop {
        let now = page(address);
        if let Ok(page) = &now
            && is_so(page)
        {
            return page.clone();
        }
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}: {:?}", now.map(|page| page.0));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether series may be missing on a page that stood on the one before.
#[derive(Clone, Copy, PartialEq)]
enum Missing {
    /// Never.
    Never,
    /// After the database was emptied, until whoever counts there says it again. What stands there is no less.
    AfterALoss,
}

/// Somebody who looks at a page all the time: no number of it ever falls.
struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Watched>,
}

/// What was seen of a page.
#[derive(Default)]
struct Watched {
    pages: usize,
    /// Why there was none, each time.
    failed: Vec<String>,
    last: Page,
}

impl Watch {
    fn start(address: SocketAddr, missing: Missing) -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut watched = Watched::default();
            while !told.load(Ordering::Relaxed) {
                watched.look(address, missing);
                std::thread::sleep(Duration::from_millis(40));
            }
            watched.look(address, missing);
            watched
        });
        Watch { over, thread }
    }

    fn end(self) -> Watched {
        self.over.store(true, Ordering::Relaxed);
        let watched = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert!(watched.pages > 10, "{} pages", watched.pages);
        watched
    }
}

impl Watched {
    fn look(&mut self, address: SocketAddr, missing: Missing) {
        let page = match page(address) {
            Ok(page) => page,
            Err(why) => return self.failed.push(why),
        };
        self.pages += 1;
        for (series, before) in &mut self.last.0 {
            match page.0.get(series) {
                Some(now) => {
                    assert!(now >= before, "{series} was {before} and is {now}");
                    *before = *now;
                }
                None => assert!(missing == Missing::AfterALoss, "{series} was {before} and is gone"),
            }
        }
        self.last.0.extend(page.0);
    }
}

/// A janitor that takes processes for dead much sooner than the program does: also such as are but slow.
struct Hasty {
    over: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Hasty {
    fn start(url: &str, dead_after: Duration) -> Hasty {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let address = Address::parse(url).expect("an address");
        let janitor = Janitor::new(address, "multiprom", Timeouts::default(), dead_after);
        let mut janitor = janitor.expect("a prefix");
        let thread = std::thread::spawn(move || {
            let mut retired = 0;
            while !told.load(Ordering::Relaxed) {
                // Who cannot reach the server tries again.
                retired += janitor.tidy().unwrap_or(0);
                std::thread::sleep(Duration::from_millis(100));
            }
            retired
        });
        Hasty { over, thread }
    }

    /// How many it has taken out.
    fn end(self) -> usize {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// How many processes there are that nobody has taken out.
fn processes(server: &RedisServer) -> usize {
    server.cli(&["ZCARD", "{multiprom#0}:processes"]).trim().parse().expect("a number")
}

/// Waits until no more than so many processes are there that nobody has taken out.
fn wait_until_retired_but(left: usize, server: &RedisServer) {
    let until = Instant::now() + PATIENCE;
    while processes(server) > left {
        assert!(Instant::now() < until, "{} processes are there still", processes(server));
        std::thread::sleep(Duration::from_millis(100));
    }
}
