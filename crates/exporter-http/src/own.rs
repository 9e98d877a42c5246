//! The exporter's own metrics: how its scrapes and connections went.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use collector::Collector;
use hyper::StatusCode;
use metrics_core::{FamilySnapshot, Kind, Label, Sample, Series, Snapshot};

/// The answers that a scrape can get, all of which are on the page from the start.
const CODES: [StatusCode; 4] = [
    StatusCode::OK,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// How scrapes and connections went. A few numbers, counted where they happen.
#[derive(Default)]
pub(crate) struct OwnMetrics {
    /// In the order of [`CODES`].
    scrapes: [AtomicU64; CODES.len()],
    in_flight: AtomicU64,
    /// How old the page of the last scrape was, in milliseconds.
    stale: AtomicU64,
    /// Of all scrapes that were answered, together.
    nanoseconds: AtomicU64,
    connections: AtomicU64,
    refused: AtomicU64,
}

/// A scrape that is being answered; one that is dropped without an [`end`](ScrapeInFlight::end) had a client
/// that went away.
pub(crate) struct ScrapeInFlight<'a> {
    own: &'a OwnMetrics,
    started: Instant,
}

/// A connection that is served.
pub(crate) struct OpenConnection<'a>(&'a OwnMetrics);

impl OwnMetrics {
    pub(crate) fn begin_scrape(&self) -> ScrapeInFlight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        ScrapeInFlight { own: self, started: Instant::now() }
    }

    /// A scrape is answered by a page that is so old; nothing where it is new, or where there is none.
    pub(crate) fn served_page_of_age(&self, age: Duration) {
        self.stale.store(u64::try_from(age.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn open_connection(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Relaxed);
        OpenConnection(self)
    }

    pub(crate) fn refuse_connection(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// What `collector` says of itself, then these.
    pub(crate) fn snapshot(&self, collector: &Collector) -> Snapshot {
        let mut snapshot = collector.own();
        snapshot.families.extend(self.families());
        snapshot
    }

    /// `page` and below it the own metrics, as far as the names that are wanted and their own allow.
    pub(crate) fn append_to(
        &self,
        page: &Snapshot,
        collector: &Collector,
        names: Option<&[String]>,
    ) -> Snapshot {
        let mut whole = page.clone();
        for mut family in self.snapshot(collector).families {
            if let Some(names) = names {
                family.samples.retain(|sample| names.iter().any(|name| **name == *sample.series.name));
            }
            let is_taken = page.families.iter().any(|other| other.name == family.name);
            if !is_taken && !family.samples.is_empty() {
                whole.families.push(family);
            }
        }
        whole
    }

    fn families(&self) -> [FamilySnapshot; 6] {
        let read = |number: &AtomicU64| number.load(Relaxed) as f64;
        let scrape =
            |(code, count): (&StatusCode, &AtomicU64)| ([Label::new("code", code.as_str())], read(count));
        let scrapes: Vec<_> = CODES.iter().zip(&self.scrapes).map(scrape).collect();
        let answered = scrapes.iter().map(|(_, count)| count).sum();
        let none: [Label; 0] = [];
        let one = |kind, name, help, number: &AtomicU64| {
            FamilySnapshot::of_numbers(kind, name, help, [(none.clone(), read(number))])
        };
        let duration = "multiprom_http_scrape_duration_seconds";
        [
            FamilySnapshot::of_numbers(Kind::Counter, "multiprom_http_scrapes", SCRAPES, scrapes),
            FamilySnapshot {
                samples: vec![
                    sample(&format!("{duration}_count"), answered),
                    sample(&format!("{duration}_sum"), read(&self.nanoseconds) / 1e9),
                ],
                ..FamilySnapshot::of_numbers(Kind::Summary, duration, DURATION, [] as [(Vec<Label>, f64); 0])
            },
            FamilySnapshot::of_numbers(
                Kind::Gauge,
                "multiprom_page_stale_seconds",
                STALE,
                [(none.clone(), read(&self.stale) / 1e3)],
            ),
            one(Kind::Gauge, "multiprom_http_scrapes_in_flight", IN_FLIGHT, &self.in_flight),
            one(Kind::Gauge, "multiprom_http_connections", CONNECTIONS, &self.connections),
            one(Kind::Counter, "multiprom_http_connections_refused", REFUSED, &self.refused),
        ]
    }
}

const SCRAPES: &str = "Scrapes answered, by status code.";
const DURATION: &str = "Time from a scrape's request to its answer.";
const STALE: &str = "How old the page of the last scrape was, where a source could not be read; else 0.";
const IN_FLIGHT: &str = "Scrapes that are being answered.";
const CONNECTIONS: &str = "Connections that are open.";
const REFUSED: &str = "Connections refused because too many were open.";

impl ScrapeInFlight<'_> {
    /// The scrape is answered with this status.
    pub(crate) fn end(self, status: StatusCode) {
        if let Some(at) = CODES.iter().position(|&code| code == status) {
            self.own.scrapes[at].fetch_add(1, Relaxed);
        }
        let nanoseconds = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.own.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }
}

impl Drop for ScrapeInFlight<'_> {
    fn drop(&mut self) {
        self.own.in_flight.fetch_sub(1, Relaxed);
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

fn sample(name: &str, value: f64) -> Sample {
    Sample::new(Arc::new(Series::new(name, [])), value)
}
