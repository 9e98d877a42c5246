//! `--absent-redis-is-empty`: the page of an application that counts in files as long as there is no Redis.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use metrics_core::{Aggregation, Counter, Gauge, Registry};
use redis_testkit::RedisServer;

use crate::serve::{Server, get};

const OK: &str = "HTTP/1.1 200 OK";
const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable";

/// Long enough for whatever the machine does meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// The registry of an application that finds no Redis, with a counter and two gauges that go over as they are.
struct Application {
    directory: tempfile::TempDir,
    jobs: Counter,
    depth: Gauge,
    last: Gauge,
    _registry: Registry,
}

impl Application {
    fn start(redis: &RedisServer) -> Application {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("{}?fallback=file:{}", redis.url(), directory.path().display());
        let registry = Registry::new(store_open::open(&url).unwrap());
        let jobs = registry.counter("jobs", "Jobs.").register().unwrap();
        let gauge = |name, aggregation| registry.gauge(name, "Depth.").aggregation(aggregation).register();
        let depth = gauge("depth", Aggregation::MAX).unwrap();
        let last = gauge("last", Aggregation::MOST_RECENT).unwrap();
        depth.set(-8.0);
        last.set(5.0);
        Application { directory, jobs, depth, last, _registry: registry }
    }

    fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    /// Whether it counts in Redis, and has deleted what went there as it was.
    fn is_in_redis(&self) -> bool {
        let mut entries = std::fs::read_dir(self.path()).unwrap();
        !entries.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with("gauge_"))
    }
}

/// A server that has gone, whose port is its own.
fn gone(arguments: &[&str]) -> RedisServer {
    let mut redis = RedisServer::start_with(arguments);
    redis.kill();
    redis
}

fn serve(options: &[&str], sources: &[&str]) -> (Server, String) {
    let mut server = Server::start(&[&["serve", "--listen", "127.0.0.1:0"], options, sources].concat());
    let address = server.next_address();
    (server, address)
}

const LENIENT: &[&str] = &["--absent-redis-is-empty"];

/// The value of a series of a page.
fn value(page: &str, series: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {page}")).parse().unwrap()
}

fn absent(address: &str, redis: &RedisServer) -> f64 {
    let series = format!("multiprom_redis_absent{{database=\"{}\"}}", redis.url());
    value(&get(address, "/metrics/self").1, &series)
}

/// Sees that the page is that of so many jobs; which family comes first, files and Redis may see differently.
#[track_caller]
fn check(address: &str, jobs: u32) {
    let expected = format!(
        "# HELP depth Depth.\n# TYPE depth gauge\ndepth -8.0\n# HELP jobs_total Jobs.\n# TYPE jobs_total counter\n\
         jobs_total {jobs}.0\n# HELP last Depth.\n# TYPE last gauge\nlast 5.0\n"
    );
    let sorted = |page: &str| {
        let mut lines: Vec<String> = page.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let (status, body) = get(address, "/metrics");
    assert_eq!((status.as_str(), sorted(&body)), (OK, sorted(&expected)), "{body}");
}

#[test]
fn what_was_counted_without_redis_is_served_and_each_page_is_exact_until_all_is_there() {
    let mut redis = gone(&[]);
    let application = Application::start(&redis);
    application.jobs.inc_by(3.0);
    let auto = redis.url();
    let ours = format!("{auto}?schema=multiprom");
    let (_server, address) = serve(&["--absent-redis-is-empty", "--fold"], &[application.path(), &auto]);
    let (_other, other) = serve(LENIENT, &[&ours, application.path()]);
    let (_strict, strict) = serve(&[], &[application.path(), &ours]);
    let check = |jobs: u32| [&address, &other].iter().for_each(|address| check(address, jobs));
    check(3);
    assert_eq!(get(&strict, "/metrics").0, UNAVAILABLE);
    application.jobs.inc_by(4.0);
    check(7);
    assert_eq!((absent(&address, &redis), absent(&other, &redis)), (1.0, 1.0));

    // Not one of the pages while Redis comes, and the application goes over to it, says anything else.
    redis.restart();
    let begun = Instant::now();
    while !application.is_in_redis() {
        check(7);
        assert!(begun.elapsed() < PATIENCE, "it stays in files");
    }
    check(7);
    assert_eq!((absent(&address, &redis), absent(&other, &redis)), (0.0, 0.0));
    assert_eq!(get(&strict, "/metrics").0, OK);
    application.jobs.inc_by(5.0);
    while value(&get(&address, "/metrics").1, "jobs_total") != 12.0 {
        assert!(begun.elapsed() < PATIENCE * 2, "it does not arrive");
    }
    check(12);

    // From now on it must be there; and who starts only now cannot know what it had, as the help says.
    redis.kill();
    for address in [&address, &other, &strict] {
        assert_eq!(get(address, "/metrics").0, UNAVAILABLE);
    }
    assert_eq!(absent(&address, &redis), 0.0);
    let (_late, late) = serve(LENIENT, &[application.path(), &auto]);
    assert_eq!(value(&get(&late, "/metrics").1, "jobs_total"), 7.0);
}

#[test]
fn no_page_falls_while_an_application_counts_on_and_redis_comes() {
    let mut redis = gone(&[]);
    let application = Application::start(&redis);
    let (_server, address) = serve(LENIENT, &[application.path(), &redis.url()]);
    let over = AtomicBool::new(false);
    let counted = std::thread::scope(|scope| {
        let counting = scope.spawn(|| {
            let mut counted = 0.0;
            while !over.load(Ordering::Relaxed) {
                application.jobs.inc();
                counted += 1.0;
            }
            counted
        });
        let begun = Instant::now();
        let (mut before, mut looks) = (0.0, 0);
        while !application.is_in_redis() {
            if looks == 10 {
                redis.restart();
            }
            let (status, body) = get(&address, "/metrics");
            let jobs = value(&body, "jobs_total");
            assert!(status == OK && jobs >= before, "{jobs} after {before}");
            assert_eq!((value(&body, "depth"), value(&body, "last")), (-8.0, 5.0));
            (before, looks) = (jobs, looks + 1);
            assert!(begun.elapsed() < PATIENCE, "it stays in files");
        }
        over.store(true, Ordering::Relaxed);
        counting.join().unwrap()
    });
    let begun = Instant::now();
    while value(&get(&address, "/metrics").1, "jobs_total") != counted {
        assert!(begun.elapsed() < PATIENCE, "not {counted}");
    }
    application.depth.set(-9.0);
    application.last.set(6.0);
    while value(&get(&address, "/metrics").1, "last") != 6.0 {
        assert!(begun.elapsed() < PATIENCE * 2, "it does not arrive");
    }
    assert_eq!(value(&get(&address, "/metrics").1, "depth"), -9.0);
}

#[test]
fn a_redis_that_hangs_from_the_start_is_absent_and_one_that_has_answered_is_not() {
    let redis = RedisServer::start();
    redis.pause();
    let application = Application::start(&redis);
    application.jobs.inc_by(3.0);
    let (_server, address) = serve(LENIENT, &[application.path(), &redis.url()]);
    // Half of the time is the page's own.
    let (_hasty, hasty) = serve(
        &["--absent-redis-is-empty", "--time-limit", "2"],
        &[application.path(), &format!("{}?schema=multiprom", redis.url())],
    );
    for address in [&address, &hasty] {
        check(address, 3);
        assert_eq!(absent(address, &redis), 1.0);
    }
    redis.resume();
    let begun = Instant::now();
    while !application.is_in_redis() {
        check(&address, 3);
        assert!(begun.elapsed() < PATIENCE, "it stays in files");
    }
    redis.pause();
    assert_eq!(get(&address, "/metrics").0, UNAVAILABLE);
    assert_eq!(absent(&address, &redis), 0.0);
}

#[test]
fn a_redis_that_refuses_is_there() {
    let redis = RedisServer::start_with(&["--requirepass", "g3heim"]);
    let application = Application::start(&redis);
    let (_server, address) = serve(LENIENT, &[application.path(), &redis.url()]);
    let (status, reason) = get(&address, "/metrics");
    assert!(status == UNAVAILABLE && reason.contains("NOAUTH"), "{status}: {reason}");
    assert_eq!(absent(&address, &redis), 0.0);
}

#[test]
fn a_database_that_holds_nobodys_metrics_counts_as_empty_until_it_holds_some() {
    let redis = RedisServer::start();
    redis.cli(&["SET", "session:1", "a"]);
    let (_server, address) = serve(LENIENT, &[&redis.url()]);
    let (_strict, strict) = serve(&[], &[&redis.url()]);
    assert_eq!(get(&address, "/metrics"), (OK.to_owned(), String::new()));
    let (status, reason) = get(&strict, "/metrics");
    assert!(status == UNAVAILABLE && reason.contains("no metrics of"), "{reason}");
    assert_eq!(absent(&address, &redis), 1.0);
    let store = store_redis::RedisStore::open(&redis.url()).unwrap();
    Registry::new(store.clone()).counter("jobs", "Jobs.").register().unwrap().inc_by(3.0);
    store.close(PATIENCE).unwrap();
    assert!(get(&address, "/metrics").1.ends_with("\njobs_total 3.0\n"));
    assert_eq!(absent(&address, &redis), 0.0);
}
