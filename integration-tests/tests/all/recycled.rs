//! Workers that are recycled all the time: files stay few, no count is lost, no counter falls.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use exposition::Syntax;
use metrics_core::Kind;

use crate::growth::{Looks, Use, entries};
use crate::http::{self, Connection};
use crate::page;
use crate::running::{PATIENCE, Running, signal};
use crate::tools::{app, collect, multiprom, output, prometheus, python};

/// How many requests are served; a worker serves fifty. The environment's MULTIPROM_RECYCLED_REQUESTS for more.
const REQUESTS: u64 = 10_000;

/// How many files a worker leaves: counter, histogram, summary, and gauges of seven modes.
const MOST_FILES_OF_ONE: f64 = 10.0;

/// Names of samples that only grow.
const COUNTERS: [&str; 6] = [
    "http_requests_total",
    "shop_errors_total",
    "http_request_duration_seconds_sum",
    "http_request_duration_seconds_bucket",
    "shop_basket_items_count",
    "shop_payload_bytes_sum",
];

#[test]
fn workers_come_and_go_and_the_page_stays_small_and_whole() {
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let metrics = directory.join("metrics");
    let mut shop = run_shop(directory, &metrics);
    let exporter = shop.address("serving ");
    let application = shop.address("Listening at: ");
    let mut prometheus = Prometheus::start(exporter, directory);

    let requests = std::env::var("MULTIPROM_RECYCLED_REQUESTS");
    let load = Load {
        requests: requests.map_or(REQUESTS, |text| text.parse().expect("a number")),
        ..Load::default()
    };
    let begun = Instant::now();
    let watched = load.run(application, exporter, &metrics, &shop.pid());
    let lasted = begun.elapsed().as_secs_f64();
    let (sent, answered) = (load.sent.load(Relaxed), load.answered.load(Relaxed));
    let recycled = shop.log().matches("Autorestarting worker").count();
    let (scraped, in_time) = prometheus.scrapes();
    println!(
        "{answered} of {sent} requests answered by {recycled} workers in {lasted:.0} s; {} pages, at most {:?} files, {:?} kB \
         and {:?} open files by tenths of the time; Prometheus had {in_time} of {scraped} scrapes within 100 ms",
        watched.pages,
        watched.files.tenths(),
        watched.used.kilobytes.tenths(),
        watched.used.open_files.tenths(),
    );
    assert!(watched.pages > 20, "{} pages", watched.pages);
    watched.used.assert_flat();
    assert!(recycled as u64 >= answered / 65, "{recycled} workers recycled for {answered} requests");
    // What five folds leave, and the living have: on a machine that is busy a fold takes its time.
    let most = (recycled as f64 * 25.0 / lasted.max(25.0) + 8.0) * MOST_FILES_OF_ONE;
    assert!((watched.files.most() as f64) < most, "{} files of {recycled} workers", watched.files.most());
    // Once the last of the dead are folded, their files are gone.
    shop.wait_until("fold", |_| (entries(&metrics) < 60).then_some(()));
    assert!(metrics.join("counter_archive.db").exists());

    let page = http::page(exporter, "/metrics");
    let counted = page::sum(&page, "http_requests_total");
    assert!(
        answered as f64 <= counted && counted <= sent as f64,
        "answered {answered} <= counted {counted} <= sent {sent}"
    );
    // Workers without a hook are left out of the gauges of the living when they are dead.
    let living = page::sum(&page, "shop_requests_in_flight");
    assert!(living.abs() < 1.0, "{living} requests in flight");
    prometheus.saw_no_restart(&COUNTERS, counted);

    signal("TERM", &shop.pid());
    shop.wait_for_success();
    // What is left of the last workers is folded when nobody runs; the client's own collector says the same of it.
    let before = collect([&metrics]);
    let folded =
        String::from_utf8(output(multiprom().args(["fold", "--offline"]).arg(&metrics))).expect("text");
    assert!(folded.contains("files folded into counter_archive.db, "), "{folded}");
    let after = collect([&metrics]);
    assert_counters_have_not_fallen(&numbers(&before), &numbers(&after));
    assert_eq!(series(&before), series(&after));
    let theirs = output(python().arg(app("merged_page.py")).arg(&metrics));
    assert_close(&numbers(&theirs), &numbers(&after));
}

/// The shop, recycling its workers after fifty requests, without the hook that tells of their death.
fn run_shop(directory: &Path, metrics: &Path) -> Running {
    let gunicorn = Path::new(python().get_program()).with_file_name("gunicorn");
    let mut command = multiprom();
    command.args(["run", "--listen", "127.0.0.1:0", "--fold-all=drop", "--directory"]).arg(metrics);
    command.arg("--").arg(gunicorn);
    command.args([
        "--bind",
        "127.0.0.1:0",
        "--workers",
        "4",
        "--max-requests",
        "50",
        "--max-requests-jitter",
        "10",
    ]);
    command.arg("--pythonpath").arg(app("")).arg("shop:application");
    command.env("SHOP_AWKWARD", "1").env("PYTHONDONTWRITEBYTECODE", "1").env("HOME", directory);
    Running::start("multiprom", command.current_dir(directory), directory)
}

#[derive(Default)]
struct Load {
    requests: u64,
    /// Requests begun: an upper bound of what the application saw.
    sent: AtomicU64,
    /// Requests answered: the application counted them, as it does so before it answers.
    answered: AtomicU64,
    done: AtomicBool,
}

impl Load {
    /// Sends all requests; tells what was seen of the exporter meanwhile.
    fn run(&self, shop: SocketAddr, exporter: SocketAddr, metrics: &Path, pid: &str) -> Watched {
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| self.watch(exporter, metrics, pid));
            let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| self.client(shop))).collect();
            clients.into_iter().for_each(|client| client.join().expect("a client"));
            self.done.store(true, Relaxed);
            watcher.join().expect("the watcher")
        })
    }

    fn client(&self, shop: SocketAddr) {
        let until =
            Instant::now() + PATIENCE * u32::try_from(3 + self.requests / 1_000).expect("few requests");
        while self.sent.fetch_add(1, Relaxed) < self.requests && Instant::now() < until {
            let answer = Connection::open(shop).and_then(|mut open| open.get("/buy"));
            match answer {
                Ok(answer) => {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    self.answered.fetch_add(1, Relaxed);
                }
                // A worker that ended before it read the request.
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        // The last one was counted but not sent.
        self.sent.fetch_sub(1, Relaxed);
    }

    /// Asks for a page again and again, which must come, with no counter less than before.
    fn watch(&self, exporter: SocketAddr, metrics: &Path, pid: &str) -> Watched {
        let mut watched = Watched::default();
        let mut before = HashMap::new();
        while !self.done.load(Relaxed) {
            let now = numbers(&http::page(exporter, "/metrics"));
            assert_counters_have_not_fallen(&before, &now);
            before = now;
            watched.pages += 1;
            watched.files.saw(entries(metrics));
            watched.used.look(pid);
            std::thread::sleep(Duration::from_millis(100));
        }
        watched
    }
}

/// What was seen of the exporter.
#[derive(Default)]
struct Watched {
    pages: usize,
    files: Looks,
    used: Use,
}

/// Whether a number only grows, and the number, by sample.
type Numbers = HashMap<String, (bool, f64)>;

fn numbers(page: &[u8]) -> Numbers {
    let snapshot = exposition::parse(Syntax::Text0, page).unwrap_or_else(|error| panic!("{error}"));
    let mut numbers = Numbers::new();
    for family in &snapshot.families {
        let grows = matches!(family.kind, Kind::Counter | Kind::Histogram | Kind::Summary);
        for sample in &family.samples {
            let labels: BTreeMap<_, _> =
                sample.series.labels.iter().map(|label| (&*label.name, label.value_text())).collect();
            numbers.insert(format!("{} {labels:?}", sample.series.name), (grows, sample.value));
        }
    }
    numbers
}

/// The samples of a page but those that have a line for each process.
fn series(page: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = numbers(page)
        .into_keys()
        .filter(|name| !name.contains("\"pid\"") && !name.contains("in_flight"))
        .collect();
    names.sort();
    names
}

fn assert_counters_have_not_fallen(before: &Numbers, after: &Numbers) {
    for (series, (grows, old)) in before {
        let (true, old) = (*grows && !series.starts_with("process_"), *old) else { continue };
        let new = after.get(series).map_or(f64::NAN, |(_, new)| *new);
        assert!(new >= old, "{series} was {old:?} and is {new:?}");
    }
}

fn assert_close(theirs: &Numbers, ours: &Numbers) {
    assert!(theirs.len() > 20);
    for (series, (_, theirs)) in theirs {
        let ours = ours.get(series).map_or(f64::NAN, |(_, ours)| *ours);
        assert!(
            (theirs - ours).abs() <= 1e-12 * theirs.abs(),
            "{series} is {theirs:?} there and {ours:?} here"
        );
    }
}

/// A Prometheus that scrapes ten times a second.
pub(crate) struct Prometheus {
    running: Running,
    address: SocketAddr,
}

impl Prometheus {
    pub(crate) fn start(exporter: SocketAddr, directory: &Path) -> Prometheus {
        let config: PathBuf = directory.join("recycled.yml");
        let text = format!(
            "global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}\n\
             scrape_configs: [{{job_name: shop, scrape_timeout: 100ms, static_configs: [{{targets: ['{exporter}']}}]}}]\n"
        );
        std::fs::write(&config, text).expect("write the configuration");
        let address = http::free_address();
        let mut command = prometheus("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.join("recycled").display()));
        command.arg(format!("--web.listen-address={address}"));
        let mut running = Running::start("prometheus", &mut command, directory);
        running.wait_until("answer", |_| http::get(address, "/-/ready").ok().filter(|it| it.status == 200));
        Prometheus { running, address }
    }

    /// How often it has asked for the page, and how often it got it in time.
    fn scrapes(&self) -> (f64, f64) {
        let number = |query: &str| ask(self.address, query).unwrap_or(0.0);
        (number("count_over_time(up%5B1d%5D)"), number("sum_over_time(up%5B1d%5D)"))
    }

    /// Whether no counter of these restarted in its eyes, and it has counted what there is of the first.
    pub(crate) fn saw_no_restart(&mut self, counters: &[&str], counted: f64) {
        let address = self.address;
        let all = || (ask(address, &format!("sum({})", counters[0])) == Some(counted)).then_some(());
        self.running.wait_until("count all", |_| all());
        for name in counters {
            let restarts = ask(address, &format!("max(resets({name}%5B1d%5D))"));
            assert_eq!(restarts, Some(0.0), "{name}\n{}", self.running.log());
        }
    }
}

/// The first number of what a Prometheus answers to a query, whose brackets are escaped.
pub(crate) fn ask(prometheus: SocketAddr, query: &str) -> Option<f64> {
    let answer = http::get(prometheus, &format!("/api/v1/query?query={query}")).ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse::<f64>().ok()
}
