//! What answers requests, and all that is kept between them.

use std::sync::Arc;

use collector::Collector;

use crate::Options;
use crate::own::OwnMetrics;
use crate::scrapes::Scrapes;

/// A collector made fit for HTTP: the collections that run now, the exporter's own metrics, its options.
///
/// One exporter can serve several listeners ([`serve_exporter`](crate::serve_exporter)) or stand behind a
/// server that exists ([`respond`](crate::respond)); scrapes share collections wherever they came in.
pub struct Exporter {
    pub(crate) options: Options,
    /// The normal form of [`Options::path`]: one slash in front, none behind.
    pub(crate) path: String,
    /// Where the exporter's own metrics are.
    pub(crate) own_path: String,
    pub(crate) collector: Arc<Collector>,
    pub(crate) scrapes: Scrapes,
    pub(crate) own: Arc<OwnMetrics>,
}

impl Exporter {
    /// An exporter of what `collector` collects.
    pub fn new(collector: Arc<Collector>, options: Options) -> Exporter {
        let own = Arc::new(OwnMetrics::default());
        let scrapes = Scrapes::new(collector.clone(), own.clone(), &options);
        let path = format!("/{}", options.path.trim_matches('/'));
        let own_path = format!("{}/self", path.trim_end_matches('/'));
        Exporter { options, path, own_path, collector, scrapes, own }
    }
}
