//! The main job: an application of today under gunicorn, its workers killed and recycled, read by Prometheus.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::http::{self, Connection};
use crate::page;
use crate::running::{PATIENCE, Running, signal_kill};
use crate::tools::{app, multiprom, prometheus, python};

const REQUESTS: u64 = 8_000;
const CLIENTS: usize = 8;
const KILLS: u64 = 6;

#[test]
fn an_application_whose_workers_are_killed_and_recycled_is_one_page() {
    let directory = tempfile::tempdir().expect("make a directory");
    let directory = directory.path();
    let metrics = directory.join("metrics");
    std::fs::create_dir(&metrics).expect("make a directory");
    let mut gunicorn = gunicorn(directory, &metrics);
    let shop = gunicorn.address("Listening at: ");
    let mut exporter = Running::start(
        "multiprom",
        multiprom().args(["serve", "--listen", "127.0.0.1:0"]).arg(&metrics),
        directory,
    );
    let exporter_address = exporter.address("serving ");

    let load = Load::default();
    load.run(shop, exporter_address);
    let (sent, answered) = (load.sent.load(Relaxed), load.answered.load(Relaxed));
    assert!(answered > sent * 9 / 10, "{answered} of {sent} requests answered\n{}", gunicorn.log());
    let recycled = gunicorn.log().matches("Autorestarting worker").count();
    assert!(recycled >= 4, "{recycled} workers recycled\n{}", gunicorn.log());

    let (theirs, ours) = quiet_pages(&mut gunicorn, shop, exporter_address);
    page::assert_equal(
        ("the application", &page::as_written(&theirs)),
        ("multiprom", &page::as_written(&ours)),
    );
    let counted = page::sum(&ours, "http_requests_total");
    assert!(
        answered as f64 <= counted && counted <= sent as f64,
        "answered {answered} <= counted {counted} <= sent {sent}"
    );
    promtool_accepts(&ours, directory);
    prometheus_agrees(exporter_address, counted, directory);
}

/// What a reader pastes is what the test above has run.
#[test]
fn the_readme_has_the_hook_that_gunicorn_runs_here() {
    let readme = include_str!("../../../README.md");
    let configuration = include_str!("../../apps/gunicorn.conf.py");
    let hook = configuration.find("def child_exit").map(|at| &configuration[at..]).expect("a hook");
    let pasted = format!("```python\nfrom prometheus_client import multiprocess\n\n{hook}```\n");
    assert!(readme.contains(&pasted), "{pasted}");
}

fn gunicorn(directory: &Path, metrics: &Path) -> Running {
    let mut command = python();
    command.args(["-m", "gunicorn", "--config"]).arg(app("gunicorn.conf.py"));
    command.arg("--pythonpath").arg(app("")).arg("shop:application");
    command.env("PROMETHEUS_MULTIPROC_DIR", metrics).current_dir(directory);
    Running::start("gunicorn", &mut command, directory)
}

/// Clients that ask again and again, and somebody who kills the workers that answer.
#[derive(Default)]
struct Load {
    /// Requests begun: an upper bound of what the application saw.
    sent: AtomicU64,
    /// Requests answered: the application counted them, as it does so before it answers.
    answered: AtomicU64,
    /// The process that answered last; 0 for none.
    worker: AtomicU64,
}

impl Load {
    fn run(&self, shop: SocketAddr, exporter: SocketAddr) {
        std::thread::scope(|scope| {
            for client in 0..CLIENTS {
                scope.spawn(move || self.client(client, shop));
            }
            let until = Instant::now() + PATIENCE;
            for kill in 1..=KILLS {
                while self.sent.load(Relaxed) < REQUESTS * kill / (KILLS + 1) {
                    assert!(
                        Instant::now() < until,
                        "{} requests within {PATIENCE:?}",
                        self.sent.load(Relaxed)
                    );
                    std::thread::sleep(Duration::from_millis(5));
                }
                signal_kill(&self.worker.load(Relaxed).to_string());
                // In the middle of it all the page is whole.
                let page = http::page(exporter, "/metrics");
                assert!(page::sum(&page, "http_requests_total") > 0.0, "{}", String::from_utf8_lossy(&page));
            }
        });
    }

    fn client(&self, client: usize, shop: SocketAddr) {
        const PATHS: [&str; 3] = ["/buy", "/look", "/return"];
        let mut connection = None;
        let until = Instant::now() + PATIENCE;
        while self.sent.fetch_add(1, Relaxed) < REQUESTS && Instant::now() < until {
            let asked = match connection.take() {
                Some(open) => Ok(open),
                None => Connection::open(shop),
            }
            .and_then(|mut open| Ok((open.get(PATHS[client % PATHS.len()])?, open)));
            // An error is a worker that was killed, or ended between two requests; the next one is there already.
            let Ok((answer, open)) = asked else { continue };
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.answered.fetch_add(1, Relaxed);
            let worker =
                answer.header("x-worker").and_then(|pid| pid.parse().ok()).expect("a worker says who it is");
            self.worker.store(worker, Relaxed);
            connection = (answer.header("connection") != Some("close")).then_some(open);
        }
        // The last one was counted but not sent.
        self.sent.fetch_sub(1, Relaxed);
    }
}

/// The application's own page and ours, made while nothing changed: gunicorn may still be starting workers, and
/// the client's own collector fails on a file that one of them is just making.
fn quiet_pages(gunicorn: &mut Running, shop: SocketAddr, exporter: SocketAddr) -> (Vec<u8>, Vec<u8>) {
    let merged = || http::get(shop, "/merged").ok().filter(|answer| answer.status == 200);
    gunicorn.wait_until("come to rest", |_| {
        let before = merged()?;
        let ours = http::page(exporter, "/metrics");
        let after = merged()?;
        let unchanged = page::as_written(&before.body) == page::as_written(&after.body);
        unchanged.then_some((before.body, ours))
    })
}

/// Whether `promtool check metrics` has nothing to say of a page.
pub(crate) fn promtool_accepts(page: &[u8], directory: &Path) {
    let file = directory.join("page.txt");
    std::fs::write(&file, page).expect("write the page");
    let page = std::fs::File::open(&file).expect("open the page");
    let checked =
        prometheus("promtool").args(["check", "metrics"]).stdin(page).output().expect("run promtool");
    let complaints = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && complaints.is_empty(), "promtool: {}\n{complaints}", checked.status);
}

fn prometheus_agrees(exporter: SocketAddr, counted: f64, directory: &Path) {
    let config = directory.join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{exporter}']}}]}}]\n"
    );
    std::fs::write(&config, text).expect("write the configuration");
    let address = http::free_address();
    let mut command = prometheus("prometheus");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", directory.join("prometheus").display()));
    command.arg(format!("--web.listen-address={address}"));
    let mut prometheus = Running::start("prometheus", &mut command, directory);
    let ask = |query: &str| {
        let answer = http::get(address, &format!("/api/v1/query?query={query}")).ok()?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse::<f64>().ok()
    };
    let up = prometheus.wait_until("scrape", |_| ask("up"));
    assert_eq!(up, 1.0, "up\n{}", prometheus.log());
    assert_eq!(ask("sum(http_requests_total)"), Some(counted), "{}", prometheus.log());
}
