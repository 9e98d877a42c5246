//! A real Prometheus that scrapes two gateways all the time.

use std::net::SocketAddr;
use std::path::Path;

use crate::http;
use crate::recycled::ask;
use crate::running::Running;
use crate::tools::prometheus;

use super::pushing::{COUNTER, Pushed};
use super::until;

/// A Prometheus that scrapes five times a second, and says what goes wrong with a scrape.
pub(super) struct Scraping {
    running: Running,
    address: SocketAddr,
}

impl Scraping {
    /// Starts it. What is pushed keeps its labels, and is told apart by the gateway.
    pub(super) fn start(gateways: [SocketAddr; 2], directory: &Path) -> Scraping {
        let config = directory.join("far.yml");
        let [one, two] = gateways;
        let text = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\n\
             scrape_configs:\n\
             - job_name: gateways\n\
             \x20 honor_labels: true\n\
             \x20 static_configs:\n\
             \x20 - {{targets: ['{one}'], labels: {{gateway: one}}}}\n\
             \x20 - {{targets: ['{two}'], labels: {{gateway: two}}}}\n"
        );
        std::fs::write(&config, text).expect("write the configuration");
        let address = http::free_address();
        let mut command = prometheus("prometheus");
        command.arg("--log.level=debug").arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.join("far").display()));
        command.arg(format!("--web.listen-address={address}"));
        let mut running = Running::start("prometheus", &mut command, directory);
        running.wait_until("answer", |_| http::get(address, "/-/ready").ok().filter(|it| it.status == 200));
        Scraping { running, address }
    }

    /// How often it has a page of each gateway by now, of the one that has given fewer.
    pub(super) fn pages(&self) -> f64 {
        self.number("min(sum_over_time(up%5B1d%5D))")
    }

    /// Asserts that it has, of each gateway, all that was pushed, has seen it grow and never fall, and has read
    /// whatever it was given: a page may have come too late for it, but was never refused or unreadable.
    pub(super) fn saw_all_and_no_fall(&self, pushed: &Pushed) {
        let all: u64 = pushed.acknowledged.values().sum();
        until("Prometheus has all", || {
            self.number("min(up)") == 1.0
                && ["one", "two"].iter().all(|gateway| {
                    self.number(&format!("sum({COUNTER}%7Bgateway%3D%22{gateway}%22%7D)")) == all as f64
                })
        });
        let of_all = [
            (format!("count({COUNTER})"), 2.0 * pushed.acknowledged.len() as f64),
            (format!("max(resets({COUNTER}%5B1d%5D))"), 0.0),
            // A gauge, but of a clock that goes forwards.
            ("max(resets(push_time_seconds%5B1d%5D))".to_owned(), 0.0),
            ("max(push_failure_time_seconds)".to_owned(), 0.0),
        ];
        for (query, expected) in of_all {
            assert_eq!(ask(self.address, &query), Some(expected), "{query}");
        }
        let changes = self.number(&format!("min(changes({COUNTER}%5B1d%5D))"));
        assert!(changes > 5.0, "a counter was seen to change {changes} times");
        let log = self.running.log();
        let wrong: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("caller=scrape.go"))
            .filter(|line| !(line.contains("Scrape failed") && line.contains("context deadline exceeded")))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let late = log.matches("Scrape failed").count();
        eprintln!("{} pages, and {late} came too late", self.number("sum(sum_over_time(up%5B1d%5D))"));
    }

    fn number(&self, query: &str) -> f64 {
        ask(self.address, query).unwrap_or(f64::NAN)
    }
}
