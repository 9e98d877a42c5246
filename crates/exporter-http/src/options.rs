//! What can be set about an exporter.

use std::time::Duration;

use collector::Liveness;

/// What can be set about an exporter; the default is fit for use.
///
/// ```
/// use exporter_http::Options;
/// let options = Options { title: "shop".to_owned(), ..Options::default() };
/// assert_eq!(options.path, "/metrics");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The heading of the landing page; `multiprom`.
    pub title: String,

    /// Where the page is served; `/metrics`. The exporter's own metrics are at `/self` below it. With `/`
    /// there is no landing page.
    pub path: String,

    /// Whether the exporter's own metrics also stand at the end of every page; `false`.
    ///
    /// Families of the sources come first: where one of them has the name of an own family, the own one is
    /// left out.
    pub own_metrics_inline: bool,

    /// Which processes count as living, whose gauges of the `live` modes are shown: those that are not known to be dead.
    pub liveness: Liveness,

    /// How long all sources together may take to be read; 9 seconds, so that Prometheus, which gives up after
    /// 10 unless told otherwise, still gets the reason.
    pub collection_time: Duration,

    /// How old the last good page may be that is served where a source cannot be read; none where that is to be told by
    /// the status alone, which is the default.
    ///
    /// It is the page of all sources, as it was: so no source's series are missing on it, and no counter falls. Its age
    /// is in the answer's `Age` header and in `multiprom_page_stale_seconds`. It is kept in memory for that.
    pub stale_for: Option<Duration>,

    /// How long the exporter waits for a client: for the head of a request, for the next request on a
    /// connection that is open, and for room to write an answer that is not read; 20 seconds, which is no
    /// usual scrape interval.
    pub client_time: Duration,

    /// How many connections of one listener are served at the same time; 100. Further ones are answered 503
    /// and closed.
    pub connections: usize,

    /// How long requests may still run after shutdown was asked for; 5 seconds.
    pub shutdown_time: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            title: "multiprom".to_owned(),
            path: "/metrics".to_owned(),
            own_metrics_inline: false,
            liveness: Liveness::Observed,
            collection_time: Duration::from_secs(9),
            stale_for: None,
            client_time: Duration::from_secs(20),
            connections: 100,
            shutdown_time: Duration::from_secs(5),
        }
    }
}
